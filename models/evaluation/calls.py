"""How well calls are understood: sentiment and outcome against labels, with what chance alone may
have done to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.analysis import Analysis
from models.calls.head import LABELS, Task
from models.evaluation.metrics import confusion, f1s, scores

Labels = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]

RESAMPLES = 1000
ABSTAINED = "abstained"


def evaluate_calls(
    analyses: Sequence[Analysis], truths: Mapping[Task, Sequence[str | None]]
) -> dict[str, Any]:
    """The figures of each task that has labels. truths: a label for each analysis, None where there
    is none.

    An analysis that abstained is a wrong answer; the confusion shows it as one more column.
    interval: 95 %, bootstrap over the calls (Efron's percentiles).
    """
    report: dict[str, Any] = {"n": len(analyses)}
    for task, labels in truths.items():
        known = [
            (labels_of, one) for labels_of, one in zip(labels, analyses, strict=True) if labels_of
        ]
        if known:
            names = LABELS[task]
            truth = np.array([names.index(label) for label, _ in known], dtype=np.int64)
            report[task] = figures(truth, np.array([_odds(one, task) for _, one in known]), names)
    return report


def figures(truth: Labels, probabilities: Floats, names: Sequence[str]) -> dict[str, Any]:
    """truth: (n,), probabilities: (n, classes); a row of nothing but 0 abstained."""
    classes = len(names)
    silent = probabilities.sum(-1) == 0
    guesses = np.where(silent, classes, probabilities.argmax(-1))
    columns = [*names, ABSTAINED] if silent.any() else list(names)
    width = len(columns)
    table = confusion(truth, guesses, width)
    measured = (
        scores(truth, probabilities, names) if not silent.any() else _without(truth, guesses, names)
    )
    return measured | {
        "interval": {
            "accuracy": _interval(truth, guesses, lambda t, g: float((t == g).mean())),
            "macro_f1": _interval(
                truth, guesses, lambda t, g: float(f1s(t, g, width)[:classes].mean())
            ),
            "weighted_f1": _interval(truth, guesses, lambda t, g: weighted_f1(t, g, classes)),
        },
        "confusion": {
            name: {column: int(table[row, place]) for place, column in enumerate(columns)}
            for row, name in enumerate(names)
        },
    }


def weighted_f1(truth: Labels, guesses: Labels, classes: int) -> float:
    """F1 of each class, weighted by how often it is true. A guess of `classes` abstained."""
    support = np.bincount(truth, minlength=classes)
    each = f1s(truth, guesses, max(classes, int(guesses.max(initial=0)) + 1))[:classes]
    return float((each * support).sum() / support.sum())


def _without(truth: Labels, guesses: Labels, names: Sequence[str]) -> dict[str, Any]:
    """`scores` where some abstained: without a calibration error, which knows no silence."""
    odds = np.eye(len(names) + 1)[guesses]
    padded = scores(truth, odds, [*names, ABSTAINED])
    each = [padded["per_class"][name] for name in names]
    return {key: padded[key] for key in ("n", "accuracy")} | {
        "macro_f1": round(float(np.mean([one["f1"] for one in each])), 4),
        "macro_recall": round(float(np.mean([one["recall"] for one in each])), 4),
        "weighted_f1": round(weighted_f1(truth, guesses, len(names)), 4),
        "per_class": dict(zip(names, each, strict=True)),
    }


def _interval(truth: Labels, guesses: Labels, figure: Any) -> list[float]:
    generator = np.random.default_rng(0)
    rows = generator.integers(0, len(truth), (RESAMPLES, len(truth)))
    values = [figure(truth[one], guesses[one]) for one in rows]
    return [round(float(value), 4) for value in np.quantile(values, [0.025, 0.975])]


def _odds(one: Analysis, task: Task) -> list[float]:
    judged = one.sentiment if task == "sentiment" else one.call and one.call.outcome
    if one.abstained or not judged:
        return [0.0] * len(LABELS[task])
    probabilities: Mapping[Any, float] = judged.probabilities
    return [probabilities[name] for name in LABELS[task]]
