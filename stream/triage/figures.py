"""Figures of triage against a reader's levels, with intervals: agreement, order and shares."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.triage.ticket import Ticket

NONE = "none"
GAINS = {"P1": 15.0, "P2": 7.0, "P3": 3.0, "P4": 1.0, NONE: 0.0}  # 2^grade - 1
GRADES = {level: grade for grade, level in enumerate(reversed(GAINS))}  # none 0 to P1 4
NDCG_FORMULA = (
    "sum of gain / log2(rank + 1) by priority, over the same by label; "
    "gains P1 15, P2 7, P3 3, P4 1"
)
RESAMPLES = 1_000

Flags = NDArray[np.bool_]
Weights = NDArray[np.float64]
Statistic = Callable[[NDArray[np.int64]], float]  # of these rows; nan without a denominator


def measured(
    labels: Sequence[str],
    tickets: Sequence[Ticket | None],
    weights: Sequence[float] | None = None,
) -> dict[str, Any]:
    """The figures. labels: P1 to P4 or none, as a person said; tickets: what triage made of the
    same messages. weights: how many messages in life each stands for.

    Intervals are of 95 %, by the percentile bootstrap over the messages (Efron & Tibshirani, 1993);
    resamples without a denominator are left out.
    """
    levels = [ticket.level if ticket else NONE for ticket in tickets]
    expected, actual = np.array(labels), np.array(levels)
    weight = np.ones(len(labels)) if weights is None else np.array(weights, dtype=np.float64)
    urgent = ("P1", "P2")
    agreements = {
        "ticket": _agreement(expected != NONE, actual != NONE, weight),
        "p1": _agreement(expected == "P1", actual == "P1", weight),
        "p1_p2": _agreement(np.isin(expected, urgent), np.isin(actual, urgent), weight),
    }
    priorities = [ticket.priority if ticket else -1 for ticket in tickets]
    grades, guesses = (np.array([GRADES[level] for level in of]) for of in (labels, levels))
    kappa = _with_interval(
        len(labels), lambda rows: weighted_kappa(grades[rows], guesses[rows], weight[rows])
    )
    share = _with_interval(len(labels), lambda rows: _share(actual[rows] == "P1", weight[rows]))
    return {
        "n": len(labels),
        **agreements,
        "kappa": kappa[0],
        "kappa_95": kappa[1],
        "ndcg": round(ndcg(labels, priorities), 4),
        "ndcg_formula": NDCG_FORMULA,
        "p1_share": share[0],
        "p1_share_95": share[1],
        "tickets_per_1000": round(1000 * _share(actual != NONE, weight), 1),
        "needs_look": sum(ticket.needs_look for ticket in tickets if ticket),
        "confusion": _confusion(labels, levels),
    }


def weighted_kappa(
    expected: NDArray[np.int64], actual: NDArray[np.int64], weights: Weights
) -> float:
    """Cohen's kappa with linear weights (Cohen, 1968): 1 agrees always, 0 as chance would. nan
    where chance would always agree.

    expected, actual: grades, (n,).
    """
    grades = len(GAINS)
    table = np.zeros((grades, grades))
    np.add.at(table, (expected, actual), weights)
    table /= table.sum()
    steps = np.arange(grades)
    distance = np.abs(steps[:, None] - steps)
    by_chance = float((distance * np.outer(table.sum(1), table.sum(0))).sum())
    return 1 - float((distance * table).sum()) / by_chance if by_chance else math.nan


def ndcg(labels: Sequence[str], priorities: Sequence[int]) -> float:
    """Normalised discounted cumulative gain of the order by priority (Järvelin & Kekäläinen 2002).

    Equal priorities share the mean of their gains (McSherry & Najork 2008), so that the order of
    the file has no part in it. 1.0 when nothing has a gain.
    """
    gains = np.array([GAINS[label] for label in labels])
    discounts = 1 / np.log2(np.arange(2, len(gains) + 2))
    by_priority: dict[int, list[float]] = {}
    for gain, priority in zip(gains, priorities, strict=True):
        by_priority.setdefault(priority, []).append(float(gain))
    ranked = [
        float(np.mean(tied)) for _, tied in sorted(by_priority.items(), reverse=True) for _ in tied
    ]
    best = float(np.sort(gains)[::-1] @ discounts)
    return float(np.array(ranked) @ discounts) / best if best else 1.0


def _agreement(expected: Flags, actual: Flags, weight: Weights) -> dict[str, Any]:
    hits = expected & actual

    def ratio(of: Flags) -> Statistic:
        def value(rows: NDArray[np.int64]) -> float:
            whole = float(weight[rows] @ of[rows])
            return float(weight[rows] @ hits[rows]) / whole if whole else math.nan

        return value

    precision, precision_95 = _with_interval(len(expected), ratio(actual))
    recall, recall_95 = _with_interval(len(expected), ratio(expected))
    return {
        "precision": precision,
        "recall": recall,
        "f1": _f1(precision, recall),
        "precision_95": precision_95,
        "recall_95": recall_95,
    }


def _f1(precision: float | None, recall: float | None) -> float | None:
    if precision is None or recall is None:
        return None
    both = precision + recall
    return round(2 * precision * recall / both, 4) if both else 0.0


def _with_interval(size: int, value: Statistic) -> tuple[float | None, list[float] | None]:
    whole = value(np.arange(size))
    if math.isnan(whole):
        return None, None
    picks = np.random.default_rng(0).integers(0, size, size=(RESAMPLES, size))
    values = np.array([value(rows) for rows in picks])
    values = values[~np.isnan(values)]
    edges = np.percentile(values, [2.5, 97.5]) if len(values) else [whole, whole]
    return round(whole, 4), [round(float(edge), 4) for edge in edges]


def _share(flags: Flags, weight: Weights) -> float:
    return float(weight @ flags) / float(weight.sum())


def _confusion(labels: Sequence[str], levels: Sequence[str]) -> dict[str, dict[str, int]]:
    """Label -> level that triage gave -> how many."""
    table = {label: dict.fromkeys(GAINS, 0) for label in GAINS}
    for label, level in zip(labels, levels, strict=True):
        table[label][level] += 1
    return table
