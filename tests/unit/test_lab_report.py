"""The page of a run: whatever made it, one file, everything escaped."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from lab_runs import CONFIGS
from typer.testing import CliRunner

from models.artifact import default_artifact
from models.training.lab.report.charts import curves, table_of
from models.training.lab.report.page import page
from models.training.lab.report.read import Predictions, ReportError, Run, read_run
from models.training.lab.report.slices import slices_of
from stream.cli.lab import ending
from stream.cli.main import app
from stream.errors import UserError


def text_of(html):
    return re.sub(r"<[^>]+>", " ", html)


def test_a_run_of_the_lab_is_one_page_that_needs_nothing_else(lora_run):

    told = CliRunner().invoke(
        app,
        ["report", str(lora_run.folder), "--data", str(CONFIGS / "lab_tiny.csv")],
        catch_exceptions=False,
    )
    made = (lora_run.folder / "report.html").read_text()

    assert told.exit_code == 0
    for section in (
        "How it learnt",
        "Confusion",
        "Reliability",
        "Slices",
        "Each class",
        "Words of each class",
        "Gate",
    ):
        assert section in made, section
    assert made.count('<img src="data:image/png') == 3
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", made)
    assert "default-src 'none'" in made
    assert "rate = 0.002" in made


def test_what_people_wrote_is_escaped_and_redacted():
    texts = ["<script>alert(1)</script> I love it", "call me at +44 20 7946 0958 <b>now</b>"]
    said = Predictions(
        ("negative", "positive"), texts, np.array([0, 1]), np.array([[0.1, 0.9], [0.8, 0.2]])
    )

    made = page(Run("<i>run</i>", {"recipe": {"name": "<u>"}}, [(1, 2.0)], {}, {"test": said}))

    assert "<script" not in made
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in made
    assert "<i>" not in made
    assert "&lt;u&gt;" in made
    assert "7946" not in made
    assert "[phone]" in made


@pytest.mark.parametrize(
    "lines",
    [
        [
            '{"step": 50, "of": 100, "loss": 1.5, "minutes": 0.1}',
            '{"step": 60, "score": 0.5, "a.sentiment.f1": 0.6}',
        ],
        [
            '{"step": 100, "loss": 4.0, "progress": 0.1}',
            '{"step": 100, "validation_perplexity": 21.7}',
        ],
        [
            '{"step": 1, "loss, customer sentiment": 0.7}',
            '{"step": 2, "loss, customer sentiment": 0.6}',
        ],
    ],
    ids=["all heads and complaints", "replies", "calls"],
)
def test_the_log_of_every_kind_of_train_has_its_curves(tmp_path, lines):
    (tmp_path / "train.log").write_text(
        "\n".join(["plain words", *lines, '{"resumed_at": 3}']) + "\n"
    )
    run = read_run(tmp_path)

    assert run.losses or run.looks
    assert "How it learnt" in page(run)


def test_more_curves_than_colours_are_told_apart_and_begin_at_the_first_step():
    series = {f"set {number}": [(10.0, 0.1 * number), (20.0, 0.2)] for number in range(7)}

    drawn = curves(series, "step", "accuracy")

    lines = {
        style for style in re.findall(r'style="([^"]*)"', drawn) if "stroke-width: 1.6" in style
    }
    assert len(lines) == 7
    assert "12.5" not in drawn


def test_both_losses_are_one_picture_and_the_learning_rate_another(lora_run):
    run = read_run(lora_run.folder)
    assert len(run.rates) == len(run.losses) > 1
    assert run.rates[-1][1] < run.rates[1][1], "the rate falls"

    drawn = page(run)

    pictures = re.findall(r'aria-label="([^"]*)"', drawn)
    assert [pictures.count(name) for name in ("Loss", "Learning rate", "Validation loss")] == [
        *(1, 1),
        0,
    ]
    losses = drawn[drawn.index('aria-label="Loss"') : drawn.index('aria-label="Learning rate"')]
    assert "validation loss" in losses
    assert "commit = " in text_of(drawn)


def test_a_run_ends_with_its_folder_the_gate_and_what_to_type(lora_run):
    words = ending(lora_run.folder, lora_run.story)

    assert str(lora_run.folder / "release") in words
    assert f"passed the {len(lora_run.story['release']['gate'])} checks of the gate" in words
    assert "next: earshot analyze --model" in words


def test_steps_that_were_done_twice_count_once(tmp_path):
    (tmp_path / "train.log").write_text(
        '{"step": 10, "loss": 3}\n{"step": 20, "loss": 2}\n{"step": 10, "loss": 1}\n'
    )

    assert read_run(tmp_path).losses == [(10, 1), (20, 2)]


def test_a_released_model_has_a_page_too(tmp_path):
    told = CliRunner().invoke(
        app, ["report", str(default_artifact()), "--out", str(tmp_path / "page.html")]
    )

    assert told.exit_code == 0, told.output
    said = text_of((tmp_path / "page.html").read_text())
    assert "test: tweeteval.sentiment" in said
    assert "ok   embedding, INT8 to fp32" in said


def test_a_folder_that_is_no_run_is_one_line(tmp_path):
    for folder, told in ((tmp_path / "none", "no such directory"), (tmp_path, "it is no run")):
        with pytest.raises(ReportError, match=told):
            read_run(folder)
    (tmp_path / "run.json").write_text("{cut")
    with pytest.raises(UserError, match="no JSON"):
        CliRunner().invoke(app, ["report", str(tmp_path)], catch_exceptions=False)


def test_slices_are_found_by_what_stands_in_the_text():
    texts = ["I am not amused @acme :(", "oh great, delayed again @acme", "nice 😀"] * 10 + [
        "word " * 30
    ] * 10

    found = slices_of(texts)

    assert found["with a negation"] == list(range(0, 30, 3))
    assert found["with a sign of sarcasm"] == list(range(1, 30, 3))
    assert found["with emoticons or emoji"] == [row for row in range(30) if row % 3 != 1]
    assert len(found["to @acme"]) == 20
    assert found["long (over 20 words)"] == list(range(30, 40))


def test_reliability_counts_each_text_once():
    sure = np.array([0.55, 0.57, 0.99, 1.0])

    rows = table_of(sure, np.array([True, False, True, True]))

    assert [(round(share, 2), count) for _, share, count in rows] == [(0.5, 2), (1.0, 2)]
    assert json.dumps(rows)
