"""Figures of the sentiments and outcomes of calls, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.analysis import Analysis
from models.calls.head import LABELS, Task
from models.evaluation.metrics import OnJudged, confusion, f1s, scores

Labels = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]

RESAMPLES = 1000
ABSTAINED = "abstained"


def evaluate_calls(
    analyses: Sequence[Analysis],
    truths: Mapping[Task, Sequence[str | None]],
    *,
    files: Sequence[str] = (),
    on_judged: OnJudged | None = None,
) -> dict[str, Any]:
    """The figures of each task that has labels. truths: a label or None for each analysis.

    An analysis that abstained is a wrong answer; the confusion shows it as one more column.
    files: the name of each call, by which on_judged gets it. interval: 95 %, bootstrap over the
    calls (Efron's percentiles). cells: where both tasks have labels.
    """
    report: dict[str, Any] = {"n": len(analyses)}
    for task, labels in truths.items():
        known = [row for row, label in enumerate(labels) if label]
        if known:
            names = LABELS[task]
            truth = np.array([names.index(str(labels[row])) for row in known], dtype=np.int64)
            odds = np.array([_odds(analyses[row], task) for row in known])
            report[task] = figures(truth, odds, names)
            if on_judged is not None:
                for row, place, likely in zip(known, truth, odds, strict=True):
                    sure = float(likely.max())
                    guess = names[int(likely.argmax())] if sure else ABSTAINED
                    on_judged(files[row], task, names[place], guess, sure)
    if {"sentiment", "outcome"} <= report.keys():
        report["cells"] = cells(analyses, truths["sentiment"], truths["outcome"])
    return report


def cells(
    analyses: Sequence[Analysis], sentiments: Sequence[str | None], outcomes: Sequence[str | None]
) -> dict[str, dict[str, dict[str, int]]]:
    """By the true sentiment and the true outcome of a call: how many there are, and in how many the
    sentiment, the outcome and both are right. A mean hides a cell that is always wrong.
    """
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for sentiment in LABELS["sentiment"]:
        for outcome in LABELS["outcome"]:
            rights = [
                (_label(analysis, "sentiment") == sentiment, _label(analysis, "outcome") == outcome)
                for analysis, *labels in zip(analyses, sentiments, outcomes, strict=True)
                if labels == [sentiment, outcome]
            ]
            if rights:
                counts.setdefault(sentiment, {})[outcome] = {
                    "n": len(rights),
                    "sentiment_right": sum(right for right, _ in rights),
                    "outcome_right": sum(right for _, right in rights),
                    "both_right": sum(all(pair) for pair in rights),
                }
    return counts


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
    width = max(classes, int(guesses.max(initial=0)) + 1)
    by_class = f1s(truth, guesses, width)[:classes]
    return float((by_class * support).sum() / support.sum())


def _without(truth: Labels, guesses: Labels, names: Sequence[str]) -> dict[str, Any]:
    """`scores` where some abstained: without a calibration error, which knows no silence."""
    odds = np.eye(len(names) + 1)[guesses]
    padded = scores(truth, odds, [*names, ABSTAINED])
    by_class = [padded["per_class"][name] for name in names]
    return {key: padded[key] for key in ("n", "accuracy")} | {
        "macro_f1": round(float(np.mean([row["f1"] for row in by_class])), 4),
        "macro_recall": round(float(np.mean([row["recall"] for row in by_class])), 4),
        "weighted_f1": round(weighted_f1(truth, guesses, len(names)), 4),
        "per_class": dict(zip(names, by_class, strict=True)),
    }


def _interval(truth: Labels, guesses: Labels, figure: Any) -> list[float]:
    generator = np.random.default_rng(0)
    rows = generator.integers(0, len(truth), (RESAMPLES, len(truth)))
    values = [figure(truth[sample], guesses[sample]) for sample in rows]
    return [round(float(value), 4) for value in np.quantile(values, [0.025, 0.975])]


def _label(analysis: Analysis, task: Task) -> str:
    odds = np.array(_odds(analysis, task))
    return str(LABELS[task][int(odds.argmax())]) if odds.any() else ABSTAINED


def _odds(analysis: Analysis, task: Task) -> list[float]:
    outcome = analysis.call and analysis.call.outcome
    judged = analysis.sentiment if task == "sentiment" else outcome
    if analysis.abstained or not judged:
        return [0.0] * len(LABELS[task])
    probabilities: Mapping[Any, float] = judged.probabilities
    return [probabilities[name] for name in LABELS[task]]
