"""Accuracy, F1 and calibration of a model on labelled texts, with numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]

BINS = 15  # of the calibration error


class Reader(Protocol):
    """A model that gives sentiments: probabilities (texts, 3) in the order of LABELS."""

    @property
    def version(self) -> str: ...
    def sentiments(self, texts: Sequence[str]) -> Floats: ...


class OnJudged(Protocol):
    """Gets every judged row: its text, what was asked of it, the truth, the model's answer, and
    the probability that the model gave it, where it gives one. right: where it is not whether truth
    and answer are the same word.
    """

    def __call__(
        self,
        text: str,
        task: str,
        truth: str,
        guess: str,
        sure: float | None = None,
        *,
        right: bool | None = None,
    ) -> None: ...


class EvaluationError(Exception):
    """The labelled texts cannot be read."""


class Tally:
    """Counts that the figures of an evaluation come from. names: of the classes."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.table = np.zeros((len(names), len(names)), np.int64)  # as `confusion` gives it
        self._gap = np.zeros(BINS)  # hits less confidence, summed over each bin
        self._distance = 0.0

    def add(self, truth: Labels, probabilities: Floats) -> None:
        """truth: (n,), probabilities: (n, classes), rows sum to 1."""
        guesses, sure = probabilities.argmax(-1), probabilities.max(-1)
        self.table += confusion(truth, guesses, len(self.names))
        places = np.minimum((sure * BINS).astype(int), BINS - 1)
        gaps = (guesses == truth) - sure.astype(np.float64)
        self._gap += np.bincount(places, gaps, minlength=BINS)
        ideal = np.eye(len(self.names), dtype=probabilities.dtype)[truth]
        self._distance += float(np.square(probabilities - ideal).sum())

    @property
    def calibration_error(self) -> float:
        """Expected calibration error (Guo et al., 2017) of the guess, over bins of equal width."""
        return float(np.abs(self._gap).sum() / max(self.table.sum(), 1))

    @property
    def brier(self) -> float:
        """Mean squared distance of the probabilities from the truth, 0 to 2 (Brier, 1950)."""
        return self._distance / max(int(self.table.sum()), 1)

    def matrix(self) -> dict[str, dict[str, int]]:
        """The counts by name: of each true class, how often each was guessed."""
        return {
            truth: {guess: int(self.table[row, place]) for place, guess in enumerate(self.names)}
            for row, truth in enumerate(self.names)
        }

    def scores(self) -> dict[str, Any]:
        """The figures."""
        right, support = np.diag(self.table), self.table.sum(1)
        precision, recall = right / np.maximum(self.table.sum(0), 1), right / np.maximum(support, 1)
        f1 = f1s_of(self.table)
        n = max(int(support.sum()), 1)
        return {
            "n": int(support.sum()),
            "accuracy": round(float(right.sum() / n), 4),
            "macro_f1": round(float(f1.mean()), 4),
            "macro_recall": round(float(recall.mean()), 4),
            "weighted_f1": round(float((f1 * support).sum() / n), 4),
            "ece": round(self.calibration_error, 4),
            "per_class": {
                name: {
                    "precision": round(float(precision[row]), 4),
                    "recall": round(float(recall[row]), 4),
                    "f1": round(float(f1[row]), 4),
                    "n": int(support[row]),
                }
                for row, name in enumerate(self.names)
            },
        }


def scores(truth: Labels, probabilities: Floats, names: Sequence[str]) -> dict[str, Any]:
    """The figures of one evaluation. truth: (n,), probabilities: (n, classes)."""
    tally = Tally(names)
    tally.add(truth, probabilities)
    return tally.scores()


def calibration_error(truth: Labels, probabilities: Floats) -> float:
    """Expected calibration error (Guo et al., 2017) of the guess, over bins of equal width."""
    tally = Tally([""] * probabilities.shape[-1])
    tally.add(truth, probabilities)
    return tally.calibration_error


def confusion(truth: Labels, guesses: Labels, classes: int) -> Labels:
    """(classes, classes) counts: rows are the truth, columns the guesses."""
    counts = np.bincount(truth.astype(np.int64) * classes + guesses, minlength=classes * classes)
    return counts.reshape(classes, classes)


def recalls(truth: Labels, guesses: Labels, classes: int) -> Floats:
    """Of each class; 0 where the truth has none."""
    table = confusion(truth, guesses, classes)
    shares: Floats = np.diag(table) / np.maximum(table.sum(1), 1)
    return shares


def f1s(truth: Labels, guesses: Labels, classes: int) -> Floats:
    return f1s_of(confusion(truth, guesses, classes))


def f1s_of(table: Labels) -> Floats:
    """Of each class of a confusion table; 0 where it is never right."""
    by_class: Floats = 2 * np.diag(table) / np.maximum(table.sum(0) + table.sum(1), 1)
    return by_class


def macro_f1(truth: Labels, guesses: Labels, classes: int) -> float:
    return float(f1s(truth, guesses, classes).mean())


def macro_recall(truth: Labels, guesses: Labels, classes: int) -> float:
    return float(recalls(truth, guesses, classes).mean())
