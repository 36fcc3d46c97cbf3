"""Linear addition to the logits of a head: right on corrections, and held to nothing elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from models.analyzer import softmax
from models.training.corpus.data import text_hash
from models.training.release import remedies
from models.training.release.gate import ONE_SIDED, Check
from models.training.release.successor import SameRows

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

FOLDS = 3
PENALTIES = (0.003, 0.03)  # of the addition's squares
STEPS = 60  # of the minimiser
KEEP = 30.0  # weight of staying with what the head said about the anchors
LEAST_RIGHT = 0.5  # share of held-out corrections that the head must get right


@dataclass(frozen=True)
class Reading:
    """Features (n, width) that a head reads, and the calibrated logits (n, classes) it makes."""

    features: Floats
    logits: Floats


@dataclass(frozen=True)
class Addition:
    """weight: (width, classes), bias: (classes,), of calibrated logits.

    labels: (n,), of the corrections. before, held_out: their logits (n, classes) without it, and
    with one that had not learned the row.
    """

    weight: Floats
    bias: Floats
    penalty: float
    labels: Labels
    before: Floats
    held_out: Floats

    def of(self, reading: Reading) -> Floats:
        """Logits (n, classes) with the addition."""
        logits: Floats = reading.logits + reading.features @ self.weight + self.bias
        return logits

    def figures(self) -> dict[str, float]:
        """How many corrections there are, and the shares of them that are right."""
        return {
            "n": float(len(self.labels)),
            "right before": _right(self.before, self.labels),
            "right, held out": _right(self.held_out, self.labels),
        }

    def same_rows(self) -> SameRows:
        """The guesses about the corrections, as of `figures`."""
        return SameRows(self.labels, self.before.argmax(-1), self.held_out.argmax(-1))

    def check(self, name: str) -> Check:
        """More corrections are right than before, beyond chance, and at least LEAST_RIGHT.

        Where nearly all were right before, all must be: people correct what is right, too.
        """
        figures = self.figures()
        before = figures["right before"]
        chance = ONE_SIDED * (max(before * (1 - before), 0.01) / figures["n"]) ** 0.5
        return Check(
            f"{name}, right on corrections held out",
            figures["right, held out"],
            min(1.0, max(before + chance, LEAST_RIGHT)),
            at_least=True,
            remedy=remedies.CORRECTIONS,
        )


def learn_addition(
    corrected: Reading, labels: Labels, texts: Sequence[str], anchors: Reading
) -> Addition:
    """The addition whose penalty puts most held-out corrections right.

    labels: (n,) classes of the rows of `corrected`. texts: (n,), equal ones are held out together.
    anchors: examples that hold the head in place.
    """
    folds = np.array([int(text_hash(text)[:8], 16) % FOLDS for text in texts])

    def held_out(penalty: float) -> Floats:
        after: Floats = corrected.logits.copy()
        for fold in range(FOLDS):
            test = folds == fold
            rest = Reading(corrected.features[~test], corrected.logits[~test])
            weight, bias = _fitted(rest, labels[~test], anchors, penalty)
            after[test] = corrected.logits[test] + corrected.features[test] @ weight + bias
        return after

    tried = {penalty: held_out(penalty) for penalty in PENALTIES}
    penalty = max(tried, key=lambda candidate: (_right(tried[candidate], labels), candidate))
    weight, bias = _fitted(corrected, labels, anchors, penalty)
    return Addition(weight, bias, penalty, labels, corrected.logits, tried[penalty])


def _right(logits: Floats, labels: Labels) -> float:
    return float((logits.argmax(-1) == labels).mean())


def _fitted(
    corrected: Reading, labels: Labels, anchors: Reading, penalty: float
) -> tuple[Floats, Floats]:
    """Weight (width, classes) and bias (classes,) of the addition.

    Minimises the mean cross-entropy of the corrections, KEEP times that of the anchors against what
    the head said of them, and the penalty.
    """
    width, classes = corrected.features.shape[1], corrected.logits.shape[1]
    goal = np.eye(classes, dtype=np.float32)[labels]
    parts = ((corrected, goal, 1.0), (anchors, softmax(anchors.logits), KEEP))
    size = width * classes

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weight, bias = values[:size].reshape(width, classes), values[size:]
        total, slope_weight = 0.0, np.zeros_like(weight)
        slope_bias = np.zeros_like(bias)
        for reading, target, share in parts:
            likely = softmax(reading.logits + reading.features @ weight + bias)
            total -= share * float((target * np.log(np.maximum(likely, 1e-12))).sum(-1).mean())
            apart = share * (likely - target) / len(target)
            slope_weight += reading.features.T @ apart
            slope_bias += apart.sum(0)
        total += penalty * float((values**2).sum())
        slope = np.concatenate([slope_weight.ravel(), slope_bias]) + 2 * penalty * values
        return total, slope

    start = np.zeros(size + classes)
    values = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    weight = values[:size].reshape(width, classes).astype(np.float32)
    return weight, values[size:].astype(np.float32)
