"""Softmax regression on shares of labels, and its choice by cross-validation. Needs scipy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from models.calls.head import Decider, Floats

Rows = NDArray[np.int64]
Doubles = NDArray[np.float64]

STRENGTHS = (1.0, 3.0, 10.0, 30.0)  # inverse of the penalty, as scikit-learn counts it
FOLDS = 5


@dataclass(frozen=True)
class Rated:
    """features: (n, width). shares: (n, classes), rows sum to 1.

    groups: (n,), a number from 0 of rows that are held out together; -1 of one that is alone.
    """

    features: Floats
    shares: Floats
    groups: Rows

    def at(self, rows: Rows) -> Rated:
        return Rated(self.features[rows], self.shares[rows], self.groups[rows])


@dataclass(frozen=True)
class Choice:
    """Strength of the best fit. losses: cross-entropy of held-out calls, by every choice."""

    strength: float
    losses: dict[str, float]


def choose(rated: Rated) -> Choice:
    """The strength with the least loss on held-out calls.

    Those in groups count as much as the others together: they are many, and told alike.
    """
    parts = [part for part in (rated.groups < 0, rated.groups >= 0) if part.any()]
    losses = {}
    for strength in STRENGTHS:
        odds = held_out(rated, strength, seed=0)
        loss = -(rated.shares * np.log(odds + 1e-9)).sum(-1)
        losses[strength] = float(np.mean([loss[part].mean() for part in parts]))
    strength = min(losses, key=lambda choice: losses[choice])
    return Choice(strength, {f"strength {s:g}": round(loss, 4) for s, loss in losses.items()})


def held_out(rated: Rated, strength: float, seed: int) -> Floats:
    """(n, classes) probabilities of each row by what learned from the other folds."""
    odds = np.zeros_like(rated.shares)
    for learnt, unseen in folds(rated, seed):
        decider = fit(rated.at(learnt), strength)
        for row in unseen:
            odds[row] = decider(rated.features[row])
    return odds


def folds(rated: Rated, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """(learned, held out) rows, FOLDS times; labels are spread evenly."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(rated.features))
    strata = rated.shares.argmax(-1) + 10 * (rated.shares.max(-1) <= 0.5)
    order = order[np.argsort(strata[order], kind="stable")]
    fold = np.empty(len(order), np.int64)
    fold[order] = np.arange(len(order)) % FOLDS
    grouped = rated.groups >= 0
    by_group = generator.permutation(int(rated.groups.max(initial=-1)) + 1) % FOLDS
    fold[grouped] = by_group[rated.groups[grouped]]
    for number in range(FOLDS):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def fit(rated: Rated, strength: float, say: Callable[[float], None] | None = None) -> Decider:
    """Least cross-entropy with an L2 penalty on the weights; the bias is free.

    say: called with the loss of every step. The decider's temperature is 1.
    """
    mean: Floats = rated.features.mean(0)
    inputs = (rated.features - mean).astype(np.float32)
    shares = rated.shares.astype(np.float32)
    size, classes = inputs.shape[1], shares.shape[1]

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        weights = flat[: classes * size].reshape(classes, size).astype(np.float32)
        bias = flat[classes * size :]
        logits = inputs @ weights.T + bias.astype(np.float32)
        logits -= logits.max(-1, keepdims=True)
        odds = np.exp(logits)
        total = odds.sum(-1, keepdims=True)
        value = -(shares * (logits - np.log(total))).sum() + (weights**2).sum() / (2 * strength)
        slope = odds / total * shares.sum(-1, keepdims=True) - shares
        return float(value), np.concatenate(
            [(slope.T @ inputs + weights / strength).ravel(), slope.sum(0)]
        )

    def on_step(intermediate_result: Any) -> None:
        if say is not None:
            say(float(intermediate_result.fun) / len(shares))

    start = np.zeros(classes * (size + 1))
    with threadpool_limits(1):  # products this small are slower in parts, and the same only in one
        solution = minimize(
            loss,
            start,
            jac=True,
            method="L-BFGS-B",
            callback=on_step,
            options={"maxiter": 200, "ftol": 1e-6},
        )
    flat: Floats = solution.x.astype(np.float32)
    weights, bias = flat[: classes * size].reshape(classes, size), flat[classes * size :]
    return Decider(mean, weights, bias, temperature=1.0)


def temperature(shares: Floats, odds: Floats) -> float:
    """The divisor of the logits that makes the shares likeliest, 0.5 to 2 (Guo et al., 2017)."""
    logits = np.log(odds + 1e-9)
    temperatures = np.exp(np.linspace(np.log(0.5), np.log(2.0), 61))
    losses: list[float] = []
    for divisor in temperatures:
        scaled = logits / divisor
        scaled = scaled - scaled.max(-1, keepdims=True)
        logs = scaled - np.log(np.exp(scaled).sum(-1, keepdims=True))
        losses.append(float(-(shares * logs).sum(-1).mean()))
    return round(float(temperatures[int(np.argmin(losses))]), 3)
