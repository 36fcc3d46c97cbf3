"""How much a text reads like labelled ones, with an embedding that is easy to see."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.examples.kernel import LEVELS, Example, Resemblance, read_examples

GOLD = Path(__file__).parents[1] / "data"
EXAMPLES = [
    Example("fire fire", "P1"),
    Example("fire smoke", "P1"),
    Example("late bill", "P3"),
    Example("bill bill", "P3"),
    Example("nice day", "none"),
    Example("day day", "none"),
]
WORDS = ["fire", "smoke", "late", "bill", "nice", "day"]


def counted(texts: Sequence[str]) -> NDArray[np.float32]:
    """How often each word occurs, unit length."""
    counts = np.array([[text.split().count(word) for word in WORDS] for text in texts], np.float32)
    lengths: NDArray[np.float32] = np.linalg.norm(counts, axis=1, keepdims=True)
    unit: NDArray[np.float32] = counts / lengths
    return unit


def test_a_text_is_like_the_examples_that_it_is_near_to() -> None:
    alarming, needing, idle = Resemblance(EXAMPLES, counted)(
        counted(["smoke", "late late bill", "nice"])
    )

    assert alarming.alarm > 0 > needing.alarm > -1
    assert alarming.need > 0
    assert needing.need > 0 > idle.need
    assert idle.alarm < 0


def test_what_a_text_is_like_does_not_depend_on_its_neighbours() -> None:
    resemblance = Resemblance(EXAMPLES, counted)
    texts = ["smoke", "late bill", "nice fire", "day smoke bill"] * 50

    together = resemblance(counted(texts))

    assert together == [one for text in texts for one in resemblance(counted([text]))]
    assert resemblance(np.zeros((0, len(WORDS)), np.float32)) == []


def test_the_examples_hold_every_level_and_no_line_twice() -> None:
    examples = read_examples()
    texts = [example.text for example in examples]

    assert {example.level for example in examples} == set(LEVELS)
    assert len(set(texts)) == len(texts)
    assert all(text == text.strip() != "" for text in texts)


def test_no_example_is_in_the_gold_set_or_nearly_so() -> None:
    examples = [_words(example.text) for example in read_examples()]
    near = 0
    for half in ("dev", "heldout"):
        with (GOLD / f"triage_gold_{half}.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                words = _words(row["text"])
                near += any(
                    len(words & example) >= 0.5 * len(words | example) for example in examples
                )

    assert near == 0


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))
