"""Kinds of messages that were wrongly P1 on the demo day, each in ten variants, beside real dangers
that are told in the same words: the shipped model on messages of our own.
"""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.events import Tweet
from models.analyzer import Analyzer
from models.artifact import default_artifact
from stream.brands import Brands
from stream.store.rows import as_stored
from stream.triage.fold import fold
from stream.triage.judgement import Judge

VARIANTS = Path(__file__).parents[1] / "data" / "triage_variants.csv"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def p1s() -> dict[str, Counter[str]]:
    """By whether it is urgent ("0", "1"): kind -> how many of its variants are P1."""
    with VARIANTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    judge = Judge(Analyzer(default_artifact(), threads=1), Brands(()))
    events = [
        Tweet(id=f"x:{n}", conversation=f"x:{n}", occurred_at=NOON, text=row["text"])
        for n, row in enumerate(rows)
    ]
    counts: dict[str, Counter[str]] = {"0": Counter(), "1": Counter()}
    for row, judgement in zip(rows, judge(events), strict=True):
        ticket = fold([as_stored(judgement)])
        counts[row["urgent"]][row["kind"]] += ticket is not None and ticket.level == "P1"
    return counts


def test_jokes_small_outages_and_what_is_over_are_hardly_ever_p1(p1s):
    assert p1s["0"].total() <= 4  # of 66
    assert all(count <= 1 for count in p1s["0"].values())


def test_the_same_words_of_a_real_danger_are(p1s):
    assert p1s["1"].total() >= 25  # of 29
