"""Sentiment models side by side: what their labels mean, and what is told of each."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from lab_runs import CONFIGS
from typer.testing import CliRunner

from models.evaluation.compare_sentiment import PROBES, LabelsError, as_sentiments, label_map
from models.evaluation.metrics import Tally
from stream.cli.main import app
from stream.errors import UserError


def compared(*arguments):
    told = CliRunner().invoke(app, ["compare", *map(str, arguments)], catch_exceptions=False)
    return json.loads(told.stdout)


@pytest.mark.parametrize(
    ("labels", "meaning"),
    [
        (["NEG", "NEU", "POS"], ["negative", "neutral", "positive"]),
        (["positive", "negative", "neutral"], ["positive", "negative", "neutral"]),
        (["Negative", "POSITIVE"], ["negative", "positive"]),
        (
            ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"],
            ["negative"] * 2 + ["neutral"] + ["positive"] * 2,
        ),
        (["Very_Negative", "very-positive"], ["negative", "positive"]),
    ],
)
def test_names_and_stars_are_understood(labels, meaning):
    assert list(label_map(labels).values()) == meaning


def test_numbers_are_refused_until_somebody_says_what_they_mean():
    with pytest.raises(LabelsError, match=r"LABEL_0, LABEL_1 mean"):
        label_map(["LABEL_0", "LABEL_1"])

    assert (
        label_map(["LABEL_0", "LABEL_1"], {"label_0": "negative", "LABEL_1": "positive"})["LABEL_1"]
        == "positive"
    )
    with pytest.raises(LabelsError, match="has no label LABEL_7"):
        label_map(["LABEL_0", "POS"], {"LABEL_0": "negative", "LABEL_7": "positive"})
    with pytest.raises(LabelsError, match="glad is no sentiment"):
        label_map(["LABEL_0", "POS"], {"LABEL_0": "glad"})
    with pytest.raises(LabelsError, match="no negative"):
        label_map(["POS", "NEU"])


def test_stars_are_added_up_by_what_they_mean():
    stars = ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"]

    found = as_sentiments(
        np.array([[0.1, 0.2, 0.3, 0.15, 0.25]], np.float32), stars, label_map(stars)
    )

    np.testing.assert_allclose(found, [[0.3, 0.3, 0.4]], atol=1e-6)


def test_brier_is_nothing_for_the_certain_and_right_and_two_for_the_certain_and_wrong():
    for truth, told in (([0, 1], 0), ([1, 0], 2)):
        tally = Tally(["negative", "positive"])
        tally.add(np.array(truth), np.eye(2, dtype=np.float32))
        assert tally.brier == told


def test_base_adapter_merged_and_int8_stand_side_by_side(lora_run):
    run = lora_run.folder
    told = compared(
        f"base={run / 'base'}", f"lora={run / 'adapter'}", f"fp32={run}", f"int8={run / 'release'}",
        "--data", CONFIGS / "lab_tiny.csv", "--threads", "1",
    )  # fmt: skip

    models = told["models"]
    assert list(models) == ["base", "lora", "fp32", "int8"]
    assert models["lora"]["accuracy"] == models["fp32"]["accuracy"] > models["base"]["accuracy"]
    assert abs(models["int8"]["macro_f1"] - models["fp32"]["macro_f1"]) < 0.05
    assert models["base"]["trained_parameters"] == 0 < models["lora"]["trained_parameters"]
    assert models["int8"]["bytes"] < 0.3 * models["fp32"]["bytes"]
    assert models["fp32"]["train_seconds"] > 0
    wanted = {
        "precision",
        "recall",
        "macro_f1",
        "weighted_f1",
        "ece",
        "brier",
        "texts_per_s",
        "parameters",
    }
    assert wanted <= models["fp32"].keys()
    assert told["probes"] == list(PROBES)
    assert all(
        sum(odds.values()) == pytest.approx(1, abs=1e-3) for odds in models["int8"]["probes"]
    )


def test_a_worker_cannot_be_given_a_model_that_says_sentiment_alone(lora_run):
    with pytest.raises(UserError, match="sentiment alone"):
        CliRunner().invoke(
            app, ["model", "use", str(lora_run.folder / "release")], catch_exceptions=False
        )


def test_labels_of_a_foreign_model_are_given_on_the_command_line(lora_run, tmp_path):
    shutil.copytree(lora_run.folder / "model", tmp_path / "foreign")
    config = json.loads((tmp_path / "foreign" / "config.json").read_text())
    config["id2label"] = {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}
    config["label2id"] = {name: int(row) for row, name in config["id2label"].items()}
    (tmp_path / "foreign" / "config.json").write_text(json.dumps(config))
    data = CONFIGS / "lab_tiny.csv"

    with pytest.raises(UserError, match=r"foreign.*LABEL_0, LABEL_1, LABEL_2 mean"):
        compared(tmp_path / "foreign", "--data", data)
    said = compared(
        tmp_path / "foreign",
        "--data",
        data,
        "--labels",
        "LABEL_0=negative,LABEL_1=neutral,LABEL_2=positive",
    )

    assert next(iter(said["models"].values()))["accuracy"] > 0.5


def test_what_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        compared("shipped", "--data", tmp_path / "none.csv")
    with pytest.raises(UserError, match=r"no/such-model: there is no such folder"):
        compared("no/such-model", "--data", CONFIGS / "lab_tiny.csv")
    with pytest.raises(UserError, match="there is no model in it that transformers reads"):
        compared(tmp_path, "--data", CONFIGS / "lab_tiny.csv")
    with pytest.raises(UserError, match="write LABEL=negative"):
        compared("shipped", "--data", CONFIGS / "lab_tiny.csv", "--labels", "POS")
