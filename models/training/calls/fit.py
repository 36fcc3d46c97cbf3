"""Softmax regression on shares of labels, and its choice by cross-validation. Needs scipy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from models.calls.head import Decider, Floats, Home

Rows = NDArray[np.int64]
Doubles = NDArray[np.float64]

STRENGTHS = (1.0, 3.0, 10.0, 30.0)  # inverse of the penalty, as scikit-learn counts it
FOLDS = 5
# Of the likeness to the calls that were not written for this: what is learned for them alone is
# penalised a quarter as much as what is learned for all. 0: nothing is.
HOMES = (0.0, 2.0)
GATE_STRENGTH = 1.0
CHOICE_SEEDS = (0, 100)  # none of those that the figures are from


@dataclass(frozen=True)
class Rated:
    """features: (n, width). shares: (n, classes), rows sum to 1. counts: (n,), of each in the loss.

    groups: (n,), a number from 0 of rows that are held out together; -1 of one that is alone.
    """

    features: Floats
    shares: Floats
    groups: Rows
    counts: Floats

    def at(self, rows: Rows) -> Rated:
        return Rated(self.features[rows], self.shares[rows], self.groups[rows], self.counts[rows])


@dataclass(frozen=True)
class Choice:
    """Settings of the best fit. losses: cross-entropy of held-out calls, by every choice."""

    strength: float
    home: float
    losses: dict[str, float]


def choose(rated: Rated) -> Choice:
    """The settings with the least loss on held-out calls.

    Those in groups count as much as the others together: they are many, and told alike.
    """
    parts = [part for part in (rated.groups < 0, rated.groups >= 0) if part.any()]
    homes = HOMES if len(parts) == 2 else HOMES[:1]
    losses = {}
    for strength, home in product(STRENGTHS, homes):
        repeats = [held_out(rated, strength, home, seed) for seed in CHOICE_SEEDS]
        loss = -np.mean([(rated.shares * np.log(odds + 1e-9)).sum(-1) for odds in repeats], axis=0)
        means = [np.average(loss[part], weights=rated.counts[part]) for part in parts]
        losses[strength, home] = float(np.mean(means))
    strength, home = min(losses, key=lambda choice: losses[choice])
    by_name = {f"strength {s:g}, home {h:g}": round(loss, 4) for (s, h), loss in losses.items()}
    return Choice(strength, home, by_name)


def held_out(rated: Rated, strength: float, home: float, seed: int) -> Floats:
    """(n, classes) probabilities of each row by what learned from the other folds."""
    odds = np.zeros_like(rated.shares)
    for learnt, unseen in folds(rated, seed):
        decider = fit(rated.at(learnt), strength, home)
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


def fit(
    rated: Rated, strength: float, home: float = 0.0, say: Callable[[float], None] | None = None
) -> Decider:
    """Least cross-entropy with an L2 penalty on the weights; the bias is free.

    home: of HOMES. say: called with the loss of every step. The decider's temperature is 1.
    """
    mean: Floats = rated.features.mean(0)
    centred = (rated.features - mean).astype(np.float32)
    shares = (rated.shares * rated.counts[:, None]).astype(np.float32)
    if not home:
        weights, bias = _regression(centred, shares, strength, say)
        return Decider(mean, weights, bias, temperature=1.0)
    alone = (rated.groups < 0).astype(np.float32)
    gates, gate_bias = _regression(centred, np.stack([alone, 1 - alone], axis=1), GATE_STRENGTH)
    gate = Home(gates[0] - gates[1], float(gate_bias[0] - gate_bias[1]), gates, gate_bias)
    near = home * gate.likeness(centred)[:, None]  # (n, 1)
    inputs = np.concatenate([centred, near * centred, near], axis=1)
    weights, bias = _regression(inputs, shares, strength, say)
    size = centred.shape[1]
    own = Home(
        gate.gate, gate.gate_bias, home * weights[:, size : 2 * size], home * weights[:, 2 * size]
    )
    return Decider(mean, weights[:, :size], bias, temperature=1.0, home=own)


def _regression(
    inputs: Floats, shares: Floats, strength: float, say: Callable[[float], None] | None = None
) -> tuple[Floats, Floats]:
    """Weights (classes, width) and bias (classes,).

    shares: (n, classes), a row sums to its count.
    """
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
    return flat[: classes * size].reshape(classes, size), flat[classes * size :]


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
