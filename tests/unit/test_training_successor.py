"""Where a model's successor is written: never over its start, nor over what is no model."""

from __future__ import annotations

from pathlib import Path

import pytest
from released import released_copy

from models.artifact import STORY, load_artifact
from models.training.errors import TrainingError
from models.training.release.successor import Lesson, release_successor, successor_of

LESSON = Lesson("learned", "0" * 64, "nothing", [], {})


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return load_artifact(released_copy(tmp_path_factory.mktemp("start") / "model", "first-1"))


def files(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_model_that_is_taught_is_not_written_over(start):
    before = files(start.folder.parent)
    same = start.folder.parent / "." / "model"

    with (
        pytest.raises(TrainingError, match=r"is the model that is taught: choose another --out$"),
        successor_of(start, same),
    ):
        pass
    assert files(start.folder.parent) == before


@pytest.mark.parametrize("is_folder", [True, False])
def test_what_is_no_model_is_not_written_over(start, tmp_path, is_folder):
    out = tmp_path / "model"
    if is_folder:
        out.mkdir()
    (out / "notes" if is_folder else out).write_text("mine", encoding="utf-8")
    before = files(tmp_path)

    with (
        pytest.raises(
            TrainingError,
            match="is there already and is no model directory; choose",
        ),
        successor_of(start, out),
    ):
        pass
    assert files(tmp_path) == before


def test_a_model_of_an_earlier_run_makes_way(start, tmp_path):
    out = released_copy(tmp_path / "model", "earlier-1")

    with successor_of(start, out) as model:
        story = release_successor(start, model, LESSON)

    assert load_artifact(out).version == story["version"] == LESSON.version
    assert [*tmp_path.iterdir()] == [out]


def test_a_rename_that_fails_loses_nothing(start, tmp_path, monkeypatch):
    out = released_copy(tmp_path / "model", "earlier-1")
    before = files(out)
    rename = Path.rename

    def fails(path: Path, target: Path) -> Path:
        if path.name == "model" and path.parent != tmp_path:
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with (
        pytest.raises(TrainingError, match=r"cannot be written \(No space left on device\)$"),
        successor_of(start, out) as model,
    ):
        release_successor(start, model, LESSON)

    assert files(out) == before
    assert [*tmp_path.iterdir()] == [out]
    assert (out / STORY).is_file()
