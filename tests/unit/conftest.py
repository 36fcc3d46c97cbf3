"""What the tests of training share: runs and a model, each trained once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from models.training.encoder.trainer import Trainer


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


class TinyModel(NamedTuple):
    """Only to be read: other tests read it, too. looks: what the training told."""

    trainer: Trainer
    looks: list[Mapping[str, Any]]
    folder: Path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    """The tiny recipe, trained and released."""
    from models.training.encoder.recipe import read_recipe
    from models.training.encoder.trainer import Trainer, corpus_of
    from models.training.release import train
    from models.training.release.release import release

    config = Path(train.__file__).parents[1] / "configs" / "tiny.toml"
    recipe = replace(read_recipe(config), threads=1)
    lines: list[str] = []
    folder = tmp_path_factory.mktemp("tiny")
    trainer = Trainer(recipe, corpus_of(recipe, config), folder / "run", lines.append)
    trainer.run()
    with pytest.MonkeyPatch.context() as patch:
        _few_strange_texts(patch)
        release(trainer, folder / "model", say=lines.append)
    return TinyModel(trainer, [json.loads(line) for line in lines], folder / "model")


@pytest.fixture
def few_strange_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release learns what is no message from a tenth of the texts: half of what it takes."""
    _few_strange_texts(monkeypatch)


def _few_strange_texts(patch: pytest.MonkeyPatch) -> None:
    from models.training.encoder import out_of_distribution

    patch.setattr(out_of_distribution, "TEXTS_A_KIND", 25)
