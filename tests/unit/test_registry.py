"""Which model is in use: chosen, taken back, never one that is broken or failed the gate."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from released import released_copy

from models.artifact import ArtifactError, default_artifact, load_artifact
from models.registry import SHIPPED, Registry

SHIPPED_VERSION = load_artifact(default_artifact()).version


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return released_copy(tmp_path / "run" / "model", "mine-1")


def test_the_shipped_model_is_in_use_until_another_is_chosen(registry):
    assert registry.current() == default_artifact()
    assert [(one.version, one.in_use, one.shipped) for one in registry.known()] == [
        (SHIPPED_VERSION, True, True)
    ]


def test_a_model_that_is_used_is_copied_and_outlives_its_run(registry, trained):
    registry.use(trained)
    shutil.rmtree(trained)

    assert load_artifact(registry.current()).version == "mine-1"
    assert [(one.version, one.in_use) for one in registry.known()] == [
        (SHIPPED_VERSION, False),
        ("mine-1", True),
    ]


def test_rollback_goes_back_one_choice_at_a_time(registry, trained, tmp_path):
    registry.use(trained)
    registry.use(released_copy(tmp_path / "other", "mine-2"))
    registry.use("mine-2")  # chosen already: nothing to take back

    assert registry.rollback().version == "mine-1"
    assert registry.rollback().version == SHIPPED_VERSION
    with pytest.raises(ArtifactError, match="no other model"):
        registry.rollback()


def test_a_model_is_named_by_the_start_of_its_version_if_there_is_one_such(
    registry, trained, tmp_path
):
    registry.use(trained)
    registry.use(released_copy(tmp_path / "other", "mine-2"))

    assert registry.use("mine-1").version == "mine-1"
    assert registry.use(SHIPPED).version == SHIPPED_VERSION
    with pytest.raises(ArtifactError, match="more than one model begins with 'mine'"):
        registry.use("mine")
    with pytest.raises(
        ArtifactError, match=f"no model 'yours'; there are: {SHIPPED_VERSION}, mine-1, mine-2"
    ):
        registry.use("yours")


@pytest.mark.parametrize(
    "gate", [None, [], ["ok   one: 1", "FAIL embedding, INT8 to fp32: 0.90000 (must be >= 0.98)"]]
)
def test_a_model_that_did_not_pass_the_gate_is_not_used(registry, tmp_path, gate):
    with pytest.raises(ArtifactError, match="gate"):
        registry.use(released_copy(tmp_path / "bad", "bad-1", gate=gate))

    assert registry.current() == default_artifact()
    assert len(registry.known()) == 1


def test_a_damaged_model_is_listed_with_its_reason_and_not_used(registry, trained):
    registry.use(trained)
    registry.use(SHIPPED)
    with (registry.folder / "mine-1" / "model.onnx").open("ab") as file:
        file.write(b"!")

    assert "damaged" in (registry.known()[1].broken or "")
    with pytest.raises(ArtifactError, match="damaged"):
        registry.use("mine-1")


@pytest.mark.parametrize("mark", ["", "[]", '{"history": []}', '{"history": ["../elsewhere"]}'])
def test_a_mark_that_names_no_model_says_what_to_do(registry, mark):
    registry.folder.mkdir(parents=True)
    (registry.folder / "in-use.json").write_text(mark)

    with pytest.raises(ArtifactError, match="remove it to use the shipped"):
        registry.current()
