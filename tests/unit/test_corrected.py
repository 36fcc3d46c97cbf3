"""Heads that learn what people corrected: better on what they had not learnt, all else the same."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from models.analyzer import Analyzer
from models.artifact import default_artifact, load_artifact
from models.training.custom.corrected import CorrectionsError, read_corrections, train_corrected
from models.training.release.gate import GateError

# "hub" is a shop of ours where people park their bicycles; the model takes it for something else.
PLACES = ("north", "south", "old", "new", "river", "market", "station", "garden")
THINGS = ("gate stays shut", "lights are off", "racks are full", "roof leaks", "code is refused")
TEXTS = [f"at the {place} hub the bicycle {thing}" for place in PLACES for thing in THINGS]


@pytest.fixture(scope="module")
def start():
    return load_artifact(default_artifact())


def table(path, rows, columns=("text", "topic", "problem", "severity")):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def test_what_was_corrected_is_learnt_and_every_other_head_stays(tmp_path, start):
    rows = [(text, "customer service", "", "") for text in TEXTS]
    said = []
    story = train_corrected(
        table(tmp_path / "mine.csv", rows), start, tmp_path / "model", said.append
    )

    learned = story["corrections"]["learned"]["topic"]
    assert learned["right, held out"] > learned["right before"] + 0.3
    assert learned["changed"] <= 0.05
    assert story["started_from"] == start.version
    before, after = Analyzer(start, threads=1), Analyzer(tmp_path / "model", threads=1)
    unseen = ["at the harbour hub the bicycle lock is jammed", "my train was two hours late"]
    first, second = after(unseen)
    assert first.topic.label == "customer service"
    was = before(unseen)
    assert second.topic.label == was[1].topic.label
    for old, new in zip(was, (first, second), strict=True):
        assert new.sentiment == old.sentiment
        assert new.severity == old.severity
        assert np.array_equal(new.embedding, old.embedding)
    assert (tmp_path / "model" / "calls.json").exists()  # a worker that takes it knows calls


def test_a_sentiment_that_was_corrected_is_learnt_with_severities_that_read_the_one_before(
    tmp_path, start
):
    before = Analyzer(start, threads=1)
    wrong = [{"negative": "positive"}.get(one.sentiment.label, "negative") for one in before(TEXTS)]
    label = max(set(wrong), key=wrong.count)
    columns = ("text", "severity", "sentiment")
    rows = [(text, "4", label) for text in TEXTS]

    story = train_corrected(
        table(tmp_path / "mine.csv", rows, columns), start, tmp_path / "model", print
    )

    learned = story["corrections"]["learned"]
    assert learned["sentiment"]["right, held out"] > learned["sentiment"]["right before"] + 0.3
    unseen = ["at the harbour hub the bicycle lock is jammed"]
    [one] = Analyzer(tmp_path / "model", threads=1)(unseen)
    alone = table(tmp_path / "severity.csv", [row[:2] for row in rows], columns[:2])
    train_corrected(alone, start, tmp_path / "severity", print)
    [severity_alone] = Analyzer(tmp_path / "severity", threads=1)(unseen)
    assert one.sentiment.label == label
    assert one.severity == severity_alone.severity
    # and once more, from a model that has learnt both
    again = load_artifact(tmp_path / "model")
    other = [(text, "", "neutral") for text in TEXTS]
    train_corrected(table(tmp_path / "n.csv", other, columns), again, tmp_path / "again", print)
    [twice] = Analyzer(tmp_path / "again", threads=1)(unseen)
    assert twice.severity == one.severity


def test_corrections_that_teach_nothing_are_refused_and_nothing_is_written(tmp_path, start):
    names = start.labels["topic"][:5]
    chance = np.random.default_rng(5).integers(0, 5, len(TEXTS))
    rows = [(text, names[number], "", "") for number, text in zip(chance, TEXTS, strict=True)]

    with pytest.raises(GateError, match=r"right on corrections held out.*Next: .*contradict"):
        train_corrected(table(tmp_path / "mine.csv", rows), start, tmp_path / "model", print)
    assert not (tmp_path / "model").exists()


def test_labels_that_the_model_has_not_and_fields_with_too_few_are_told(tmp_path, start):
    said = []
    rows = [(text, "bicycles", "", "3") for text in TEXTS[:12]] + [(TEXTS[20], "fraud", "", "")]
    path = table(tmp_path / "mine.csv", rows)

    texts, usable = read_corrections(path, start, said.append)
    assert len(texts) == 13
    assert list(usable) == ["severity"]
    assert any("12 left out, the model has no bicycles" in line for line in said)
    assert any("it takes 10 corrections, and there are 1" in line for line in said)
    with pytest.raises(CorrectionsError, match="no field has 10"):
        read_corrections(table(tmp_path / "few.csv", rows[-1:]), start, said.append)
    with pytest.raises(CorrectionsError, match=r"none\.csv"):
        read_corrections(tmp_path / "none.csv", replace(start), said.append)
