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

STRENGTHS = (10.0, 30.0, 100.0)  # inverse of the penalty, as scikit-learn counts it
WEIGHTS = (0.03, 0.1)  # of a written dialog beside a call: there are ten times as many
FOLDS = 5
# the feature that tells dialogs from calls, so that their classes may be otherwise frequent
KIND = 3.0


@dataclass(frozen=True)
class Rated:
    """features: (n, width). shares: (n, classes), rows sum to 1. dialogs: (n,) flags.

    groups: (n,), a number from 0 of rows that are held out together; -1 of one that is alone.
    """

    features: Floats
    shares: Floats
    dialogs: NDArray[np.bool_]
    groups: Rows

    def at(self, rows: Rows) -> Rated:
        return Rated(self.features[rows], self.shares[rows], self.dialogs[rows], self.groups[rows])


@dataclass(frozen=True)
class Choice:
    """Strength and weight of the best fit.

    losses: cross-entropy of held-out calls and dialogs, by every choice.
    """

    strength: float
    weight: float
    losses: dict[str, tuple[float, float]]


def choose(rated: Rated) -> Choice:
    """The strength and the weight with the least loss on held-out calls.

    Dialogs always count, whatever they gain.
    """
    losses = {}
    weights = WEIGHTS if rated.dialogs.any() else (1.0,)
    for strength in STRENGTHS:
        for weight in weights:
            odds = held_out(rated, strength, weight, seed=0)
            loss = -(rated.shares * np.log(odds + 1e-9)).sum(-1)
            of_dialogs = float(loss[rated.dialogs].mean()) if rated.dialogs.any() else 0.0
            losses[strength, weight] = (float(loss[~rated.dialogs].mean()), of_dialogs)
    strength, weight = min(losses, key=lambda choice: losses[choice][0])
    rounded = {
        f"strength {s:g}, dialogs {w:g}": (round(a, 4), round(b, 4))
        for (s, w), (a, b) in losses.items()
    }
    return Choice(strength, weight, rounded)


def held_out(rated: Rated, strength: float, weight: float, seed: int) -> Floats:
    """(n, classes) probabilities of each row by what learned from the other folds."""
    odds = np.zeros_like(rated.shares)
    for learnt, unseen in folds(rated, seed):
        decider = fit(rated.at(learnt), strength, weight)
        for row in unseen:
            odds[row] = decider.of(rated.features[row], bool(rated.dialogs[row]))
    return odds


def folds(rated: Rated, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """(learned, held out) rows, FOLDS times; labels and kinds are spread evenly."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(rated.features))
    strata = rated.shares.argmax(-1) + 10 * (rated.shares.max(-1) <= 0.5) + 100 * rated.dialogs
    order = order[np.argsort(strata[order], kind="stable")]
    fold = np.empty(len(order), np.int64)
    fold[order] = np.arange(len(order)) % FOLDS
    grouped = rated.groups >= 0
    by_group = generator.permutation(int(rated.groups.max(initial=-1)) + 1) % FOLDS
    fold[grouped] = by_group[rated.groups[grouped]]
    for number in range(FOLDS):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


@dataclass(frozen=True)
class Fitted:
    """mean, dialog_mean: (width,), of the features. The last column of `weights` is KIND's."""

    mean: Floats
    dialog_mean: Floats
    weights: Floats  # (classes, width + 1)
    bias: Floats  # (classes,)

    def of(self, features: Floats, dialog: bool) -> Floats:
        inputs = np.append(features - (self.dialog_mean if dialog else self.mean), KIND * dialog)
        logits = self.weights @ inputs + self.bias
        weights = np.exp(logits - logits.max())
        odds: Floats = weights / weights.sum()
        return odds

    def decider(self, temperature: float) -> Decider:
        """For calls, which is what is served."""
        return Decider(self.mean, self.weights[:, :-1], self.bias, temperature)


def fit(
    rated: Rated, strength: float, weight: float, say: Callable[[float], None] | None = None
) -> Fitted:
    """Least cross-entropy with an L2 penalty on the weights; the bias is free.

    say: called with the loss of every step.
    """
    calls = ~rated.dialogs
    mean = rated.features[calls].mean(0)
    dialog_mean = rated.features[~calls].mean(0) if (~calls).any() else mean
    centred = rated.features - np.where(rated.dialogs[:, None], dialog_mean, mean)
    inputs = np.concatenate([centred, KIND * rated.dialogs[:, None]], axis=1).astype(np.float32)
    shares = (rated.shares * np.where(rated.dialogs, weight, 1.0)[:, None]).astype(np.float32)
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
    return Fitted(mean, dialog_mean, weights, bias)


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
