"""What the tests of the lab share: two runs, each trained once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class LabRun(NamedTuple):
    """Only to be read: other tests read it, too."""

    folder: Path
    story: Mapping[str, Any]


@pytest.fixture(scope="session")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> LabRun:
    """All weights of a single layer tuned."""
    return _run(tmp_path_factory.mktemp("full"), "lab_tiny", frozen=0)


@pytest.fixture(scope="session")
def lora_run(tmp_path_factory: pytest.TempPathFactory) -> LabRun:
    """An adapter tuned beside a single layer."""
    return _run(tmp_path_factory.mktemp("lora"), "lab_tiny_lora")


def _run(folder: Path, recipe: str, **changes: object) -> LabRun:
    from lab_runs import config_of  # only where it is asked for: this loads torch

    from models.training.lab.train import train

    config = config_of(folder, recipe, layers=1, steps=60, **changes)
    return LabRun(folder / "run", train(config, folder / "run", say=lambda line: None))
