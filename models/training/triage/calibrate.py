"""Calibration of the heads of triage on held-out messages, and their figures there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.metrics import average_precision_score, cohen_kappa_score

from models.analyzer import sigmoid, softmax
from models.artifact import UrgencyScale
from models.training.release import gate
from models.training.triage.labelled import GRADES, UNIFORM, Labelled
from models.urgency import LEVELS, REASONS, STATES

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

FEWEST = 20  # labels of each kind that a shift is fitted to; with fewer, the factor alone is


def calibrated(
    messages: Sequence[Labelled],
    levels: Floats,
    reasons: Floats,
    conversations: Sequence[Labelled],
    states: Floats,
) -> UrgencyScale:
    """The scale that makes the labels likeliest (Platt, 1999).

    levels: logits (messages, 4), reasons: (messages, reasons), states: (conversations, 3).
    """
    known = np.array([STATES.index(message.state or "open") for message in conversations])
    warmth = gate.temperature(known, states) if len(known) else 1.0
    return UrgencyScale(_levels_scale(messages, levels), _reasons_scale(messages, reasons), warmth)


def _levels_scale(messages: Sequence[Labelled], logits: Floats) -> tuple[tuple[float, float], ...]:
    """Fitted to the messages as life deals them, where there are such."""
    is_uniform = [message.stratum.startswith(UNIFORM) for message in messages]
    rows = np.flatnonzero(is_uniform) if any(is_uniform) else np.arange(len(messages))
    grades = np.array([message.grade or 0 for message in messages])
    return tuple(
        platt(grades[rows] >= place + 1, logits[rows, place]) for place in range(len(LEVELS))
    )


def _reasons_scale(messages: Sequence[Labelled], logits: Floats) -> tuple[float, float]:
    rows = [row for row, message in enumerate(messages) if message.reasons]
    if not rows:
        return 1.0, 0.0
    truth = [[code in (messages[row].reasons or ()) for code in REASONS] for row in rows]
    return platt(np.array(truth).ravel(), logits[rows].ravel())


def platt(truth: Flags, logits: Floats) -> tuple[float, float]:
    """Factor and shift that make the labels likeliest; the factor is positive.

    truth, logits: (n,). Without both kinds of label nothing is changed.
    """
    kinds = min(int(truth.sum()), int((~truth).sum()))
    if not kinds:
        return 1.0, 0.0

    def surprise(of: NDArray[np.float64]) -> float:
        shift = of[1] if kinds >= FEWEST else 0.0
        likely = sigmoid((logits * np.exp(of[0]) + shift).astype(np.float32))
        likelihood = np.where(truth, likely, 1 - likely)
        # One standard deviation from no change costs one label: few labels change little.
        return float(-np.log(likelihood + 1e-9).sum() + 0.5 * float((of**2).sum()))

    best = minimize(surprise, np.zeros(2), method="Nelder-Mead").x
    return round(float(np.exp(best[0])), 4), round(float(best[1]) if kinds >= FEWEST else 0.0, 4)


def grades(levels: Floats) -> NDArray[np.int64]:
    """The grade of each message, 0 to 4, by raw logits (messages, 4): a level holds those below."""
    guesses: NDArray[np.int64] = (np.minimum.accumulate(levels, axis=-1) > 0).sum(-1)
    return guesses


def figures(
    messages: Sequence[Labelled], levels: Floats, conversations: Sequence[Labelled], states: Floats
) -> dict[str, Any]:
    """How well raw logits (messages, 4) and (conversations, 3) agree with the labels."""
    measured: dict[str, Any] = {}
    labels = np.array([message.grade or 0 for message in messages])
    guesses = grades(levels)
    for name, rows in _parts(messages).items():
        if len({*labels[rows], *guesses[rows]}) > 1:
            kappa = cohen_kappa_score(
                labels[rows], guesses[rows], labels=range(len(GRADES)), weights="linear"
            )
            measured[f"{name}.kappa"] = round(float(kappa), 4)
        for place, level in enumerate(LEVELS[1:], 1):
            truth = labels[rows] >= place + 1
            if truth.any():
                precision = float(average_precision_score(truth, levels[rows, place]))
                measured[f"{name}.{level} average precision"] = round(precision, 4)
    if conversations:
        known = np.array([STATES.index(message.state or "open") for message in conversations])
        settled, guess = known == STATES.index("settled"), softmax(states)[:, -1]
        measured["state.accuracy"] = round(float((states.argmax(-1) == known).mean()), 4)
        precision = float(average_precision_score(settled, guess)) if settled.any() else 0.0
        measured["settled.average precision"] = round(precision, 4)
    return measured


def _parts(messages: Sequence[Labelled]) -> dict[str, NDArray[np.int64]]:
    """Rows of the messages as life deals them, and of the written and sought ones."""
    is_uniform = np.array([message.stratum.startswith(UNIFORM) for message in messages], dtype=bool)
    parts = {"uniform": np.flatnonzero(is_uniform), "sought": np.flatnonzero(~is_uniform)}
    return {name: rows for name, rows in parts.items() if len(rows)}
