"""The chain of training as one script: what it checks, its recipes, all of it on a tiny model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from models.artifact import STORY, load_artifact
from models.calls.head import HEAD
from models.training import recipes
from models.training.encoder.masked_recipe import read_masked_recipe
from models.training.encoder.recipe import read_recipe
from models.training.triage.present import missing
from models.training.triage.recipe import read_triage_recipe

SCRIPT = Path(recipes.__file__).with_name("gpu.sh")
STEPS = ("masked", "sentiment", "heads", "topics", "triage", "together", "readers", "calls")


def run(data: Path, out: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = os.environ | {"PYTHON": sys.executable, "DEVICE": "cpu"} | environment
    command = ["sh", str(SCRIPT), str(data), str(out)]
    return subprocess.run(command, env=settings, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"DEVICE": "tpu"}, "gpu.sh: DEVICE is cuda, cpu or auto, not tpu"),
        ({"PYTHON": "/bin/false"}, "gpu.sh: /bin/false has no torch for training: .*"),
        ({"DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": ""}, "gpu.sh: torch finds no GPU: .*"),
    ],
)
def test_what_is_missing_is_one_line_before_anything_is_trained(environment, line, tmp_path):
    said = run(tmp_path, tmp_path / "out", **environment)

    assert said.returncode == 2
    [only] = said.stderr.splitlines()
    assert re.fullmatch(line, only)
    assert not (tmp_path / "out" / "masked").exists()


def test_data_that_is_missing_is_named_a_line_each(tmp_path):
    said = run(tmp_path, tmp_path / "out")

    assert said.returncode == 2
    assert f"{tmp_path}/tweets/airline/Tweets.csv: it is missing" in said.stderr
    assert len(said.stderr.splitlines()) == len(list(missing(tmp_path))) > 10


def stopped(tmp_path: Path, **environment: str) -> Path:
    """The recipes that the script wrote before its first step failed."""
    for name in missing(tmp_path):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    said = run(tmp_path, tmp_path / "out", **environment)
    assert "gpu.sh: masked failed; the same command goes on from here" in said.stderr
    return tmp_path / "out" / "recipes"


def test_its_recipes_are_those_of_the_shipped_model_each_after_the_one_before(tmp_path):
    written = stopped(tmp_path, MASKED_MINUTES="7", ENCODER_MINUTES="5")
    out = written.parent

    assert (out / "settings").read_text(encoding="utf-8") == f"TINY= DATA={tmp_path}\n"
    assert read_masked_recipe(written / "masked.toml").minutes == 7
    for name in ("sentiment", "heads", "topics"):
        recipe = read_recipe(written / f"{name}.toml")
        assert recipe.base == f"{out}/masked/model"
        assert recipe.device == "cpu"
    assert read_recipe(written / "heads.toml").start == f"{out}/sentiment/checkpoint.pt"
    assert read_recipe(written / "topics.toml").start == f"{out}/heads/model"
    for before, name in zip(("topics", "triage", "together"), STEPS[4:7], strict=True):
        assert read_triage_recipe(written / f"{name}.toml").start == f"{out}/{before}/model"
    kept = {"start", "base", "device", "minutes"}
    for name, source in (("heads", "heads"), ("together", "triage_together")):
        ours, shipped = (
            tomllib.loads(path.read_text(encoding="utf-8"))
            for path in (written / f"{name}.toml", SCRIPT.parent / "configs" / f"{source}.toml")
        )
        assert {k: v for k, v in ours.items() if k not in kept} == {
            k: v for k, v in shipped.items() if k not in kept
        }


def test_what_was_begun_with_other_settings_is_not_gone_on_with(tmp_path):
    out, other = tmp_path / "out", tmp_path / "other"
    out.mkdir()
    other.mkdir()
    (out / "settings").write_text(f"TINY= DATA={tmp_path}\n", encoding="utf-8")
    begun = f"gpu.sh: {out} was begun with TINY= DATA={tmp_path}, this is"

    trial = run(tmp_path, out, TINY="1")
    elsewhere = run(other, out, TINY="0")

    assert trial.stderr == f"{begun} TINY=1 DATA={tmp_path}: choose another OUT\n"
    assert elsewhere.stderr == f"{begun} TINY= DATA={other}: choose another OUT\n"
    assert trial.returncode == elsewhere.returncode == 2
    assert [file.name for file in out.iterdir()] == ["settings"]


@pytest.mark.long
@pytest.mark.by_hand
def test_the_whole_chain_makes_a_model_and_does_nothing_twice(tmp_path):
    out = tmp_path / "out"

    first = run(tmp_path, out, TINY="1")
    model = (out / "model" / STORY).read_bytes()
    second = run(tmp_path, out, TINY="1")

    assert first.returncode == second.returncode == 0, first.stderr[-2000:]
    assert all(f"{name}: begins" in first.stdout for name in STEPS)
    assert all(f"{name}: done before" in second.stdout for name in STEPS)
    assert (out / "model" / STORY).read_bytes() == model
    artifact = load_artifact(out / "model")
    assert all(line.startswith("ok") for line in artifact.story["gate"])
    assert artifact.version in (out / "model" / "README.md").read_text(encoding="utf-8")
    assert artifact.version in first.stdout
    assert (out / "model" / HEAD).is_file()
    recipe = artifact.story["recipe"]
    assert recipe["base"].startswith("masked-")
    assert str(tmp_path) not in json.dumps(recipe)
