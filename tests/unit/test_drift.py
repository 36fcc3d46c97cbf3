"""The population stability index: known values, chance, and what is too little to say."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from stream.monitor.drift import drift

TRAINED = {"negative": 14_403, "neutral": 22_986, "positive": 19_609}


def test_the_index_is_the_sum_of_differences_times_the_logarithm_of_ratios():
    told = drift({"a": 600_000, "b": 400_000}, {"a": 500_000, "b": 500_000})

    assert told.index == pytest.approx(0.1 * log(0.6 / 0.5) - 0.1 * log(0.4 / 0.5), abs=1e-4)
    assert told.now == {"a": 0.6, "b": 0.4}
    assert told.verdict == "steady"


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        ({"negative": 250, "neutral": 400, "positive": 350}, "steady"),
        ({"negative": 450, "neutral": 350, "positive": 200}, "moved"),
        ({"negative": 700, "neutral": 200, "positive": 100}, "drifted"),
        ({"negative": 70, "neutral": 20, "positive": 5}, "too few"),
        ({}, "too few"),
    ],
)
def test_a_mix_is_steady_moved_or_drifted_and_few_messages_say_nothing(now, verdict):
    told = drift(now, TRAINED)
    assert told.verdict == verdict
    assert (told.index is None) == (verdict == "too few")


def test_a_class_that_was_never_seen_before_does_not_break_it():
    told = drift({"a": 100, "new": 100}, {"a": 200})
    assert told.verdict == "drifted"
    assert told.then == {"a": 1.0, "new": 0.0}


def test_chance_alone_passes_the_line_in_about_one_of_twenty():
    dice = np.random.default_rng(7)
    shares, passed = [0.25, 0.4, 0.35], 0
    for _ in range(600):
        one, other = (
            dict(zip("abc", map(int, dice.multinomial(150, shares)), strict=True)) for _ in range(2)
        )
        told = drift(one, other)
        passed += told.index > told.chance
    assert 0.03 < passed / 600 < 0.08
