"""Probabilities from which topics and problems are named, by what readers found right."""

from __future__ import annotations

import numpy as np
import pytest

from models.training.release.thresholds import (
    FEW_READ,
    Guesses,
    least_by_reading,
    problem_guesses,
    rare_labels,
    topic_guesses,
)


def logits_of(*rows: list[float]) -> np.ndarray:
    """Of probabilities."""
    return np.log(np.array(rows, np.float32))


def guesses_of(label: int, sure: list[float], right: list[bool]) -> Guesses:
    return Guesses(np.full(len(sure), label), np.array(sure, np.float32), np.array(right))


def test_a_topic_is_guessed_where_it_is_likelier_than_none() -> None:
    allowed = np.array([[True, False, False], [False, True, False]])

    guesses = topic_guesses(allowed, logits_of([0.6, 0.3, 0.1], [0.3, 0.1, 0.6]))

    assert guesses.best.tolist() == [0, 0]
    assert guesses.sure.tolist() == [pytest.approx(0.6), -1.0]
    assert guesses.right.tolist() == [True, False]


def test_a_problem_is_guessed_by_its_share_of_the_topic_that_is_named() -> None:
    allowed = np.array([[True, False, False, False]] * 2)
    logits = logits_of([0.3, 0.1, 0.5, 0.1], [0.3, 0.1, 0.5, 0.1])

    guesses = problem_guesses(allowed, logits, np.array([0, -1]), [0, 0, 1])

    assert guesses.best[0] == 0
    assert guesses.sure.tolist() == [pytest.approx(0.6, abs=1e-6), -1.0]
    assert guesses.right[0]


def test_the_least_is_the_first_from_which_enough_are_right() -> None:
    guesses = guesses_of(0, [0.2, 0.4, 0.6, 0.8, 0.9], [False, False, True, True, True])

    assert least_by_reading(guesses, 0.8) == pytest.approx(0.41)
    assert least_by_reading(guesses_of(0, [0.5], [False]), 0.8) == pytest.approx(0.95)


def test_only_what_readers_rarely_saw_takes_its_own_from_other_sets() -> None:
    other = guesses_of(1, [0.7] * FEW_READ, [True] * FEW_READ)

    assert rare_labels(np.array([0, FEW_READ - 1]), other, 0.8, 0.35) == {1: 0.35}
    assert rare_labels(np.array([0, FEW_READ]), other, 0.8, 0.35) == {}
    few = guesses_of(1, [0.7] * (FEW_READ - 1), [True] * (FEW_READ - 1))
    assert rare_labels(np.array([0, 0]), few, 0.8, 0.35) == {}


def test_a_label_of_its_own_is_named_from_its_own_on() -> None:
    guesses = guesses_of(1, [0.4, 0.6], [True, True])

    assert guesses.labels({1: 0.35}, 0.5).tolist() == [1, 1]
    assert guesses.labels({}, 0.5).tolist() == [-1, 1]
