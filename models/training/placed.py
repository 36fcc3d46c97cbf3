"""Model directories put in their place: whole, or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.artifact import STORY
from models.training.errors import TrainingError


@contextmanager
def written(out: Path) -> Iterator[Path]:
    """A folder that becomes the model directory `out` when all is well.

    It takes the place of an earlier model. Raises TrainingError for anything else at `out`, and
    where it cannot be written.
    """
    if out.exists() and not (out / STORY).exists() and (not out.is_dir() or any(out.iterdir())):
        raise TrainingError(
            f"{out}: is there already and is no model directory; choose another --out"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        spare = tempfile.TemporaryDirectory(dir=out.parent, prefix=".")
    except OSError as error:
        raise _unwritable(out, error) from None
    with spare as folder:
        model = Path(folder) / "model"
        model.mkdir()
        yield model
        put(model, out)


def put(model: Path, out: Path) -> None:
    """Put the model where `out` was, which stays until then. Raises TrainingError if it fails."""
    earlier = model.with_name(f"{model.name}.earlier")
    try:
        if out.exists():
            out.rename(earlier)
        model.rename(out)
    except OSError as error:
        if earlier.exists() and not out.exists():
            earlier.rename(out)
        raise _unwritable(out, error) from None
    shutil.rmtree(earlier, ignore_errors=True)


def _unwritable(out: Path, error: OSError) -> TrainingError:
    return TrainingError(f"{out}: it cannot be written ({error.strerror})")
