"""Forms of a message that mean the same have the same level, or the next.

After CheckList (Ribeiro et al., 2020): the shipped model on messages of our own.
"""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.events import Tweet
from models.analyzer import Analyzer
from models.artifact import default_artifact
from models.training.triage import variations
from stream.brands import Brands
from stream.store.rows import as_stored
from stream.triage.fold import fold
from stream.triage.judgement import Judge

GOLD = Path(__file__).parents[1] / "data" / "triage_gold_dev.csv"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RISING = ("none", "P4", "P3", "P2", "P1")
FORMS = {
    "a greeting": variations._greeted,
    "an ending": variations._ended,
    "a footer": variations._with_footer,
    "small letters": variations._in_small_letters,
    "capitals": variations._in_capitals,
    "typeset quotes": variations._typeset,
    "a slip of the fingers": variations._mistyped,
}


@pytest.fixture(scope="module")
def judged():
    """Levels of texts, as places in RISING."""
    judge = Judge(Analyzer(default_artifact(), threads=1), Brands(()))

    def levels(texts: list[str]) -> list[int]:
        events = [
            Tweet(id=f"x:{n}", conversation=f"x:{n}", occurred_at=NOON, text=text, language="en")
            for n, text in enumerate(texts)
        ]
        tickets = [fold([as_stored(judgement)]) for judgement in judge(events)]
        return [RISING.index(ticket.level if ticket else "none") for ticket in tickets]

    return levels


@pytest.fixture(scope="module")
def texts() -> list[str]:
    with GOLD.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)][:80]


@pytest.fixture(scope="module")
def plain(judged, texts) -> list[int]:
    return judged(texts)


@pytest.mark.parametrize("form", FORMS)
def test_another_form_moves_a_level_by_one_at_most(judged, texts, plain, form):
    chance = random.Random(1)

    moved = [
        abs(before - after)
        for before, after in zip(
            plain, judged([FORMS[form](text, chance) for text in texts]), strict=True
        )
    ]

    assert sum(steps > 1 for steps in moved) <= 0.05 * len(moved)
    assert sum(steps == 0 for steps in moved) >= 0.75 * len(moved)
