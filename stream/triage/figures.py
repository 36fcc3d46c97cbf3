"""Figures of triage against a reader's levels, with intervals: agreement, order and shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
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
Grades = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Cells:
    """Messages with the same label, level, priority and weight, counted together: a resample is a
    draw of counts, whatever the number of messages. All fields: (cells,).
    """

    expected: Grades
    actual: Grades
    priorities: NDArray[np.int64]
    weights: Floats
    sizes: NDArray[np.int64]

    def resampled(self) -> Floats:
        """How often each cell is in the file, and in every resample of it: (1 + RESAMPLES, cells).

        Messages drawn with replacement are counts of a multinomial distribution.
        """
        total = int(self.sizes.sum())
        chance = np.random.default_rng(0)
        resamples = chance.multinomial(total, self.sizes / total, size=RESAMPLES)
        return np.vstack([self.sizes, resamples]).astype(np.float64)


def measured(
    labels: Sequence[str],
    tickets: Sequence[Ticket | None],
    weights: Sequence[float] | None = None,
) -> dict[str, Any]:
    """The figures. labels: P1 to P4 or none, as a person said; tickets: what triage made of the
    same messages. weights: how many messages in life each stands for; nDCG takes none.

    Intervals are of 95 %, by the percentile bootstrap over the messages (Efron & Tibshirani, 1993);
    resamples without a denominator are left out.
    """
    levels = [ticket.level if ticket else NONE for ticket in tickets]
    priorities = [ticket.priority if ticket else -1 for ticket in tickets]
    cells = _cells(labels, levels, priorities, weights)
    counts = cells.resampled()
    weighted = counts * cells.weights
    urgent = GRADES["P2"]
    agreements = {
        "ticket": _agreement(cells.expected > 0, cells.actual > 0, weighted),
        "p1": _agreement(cells.expected > urgent, cells.actual > urgent, weighted),
        "p1_p2": _agreement(cells.expected >= urgent, cells.actual >= urgent, weighted),
    }
    kappa = _with_interval(_kappa(_tables(cells.expected, cells.actual, weighted)))
    order = _with_interval(_ndcg(cells.expected, cells.priorities, counts))
    p1_share = _with_interval(_share(cells.actual > urgent, weighted))
    per_1000 = _with_interval(1000 * _share(cells.actual > 0, weighted), digits=1)
    return {
        "n": len(labels),
        **agreements,
        "kappa": kappa[0],
        "kappa_95": kappa[1],
        "ndcg": 1.0 if order[0] is None else order[0],
        "ndcg_95": order[1],
        "ndcg_formula": NDCG_FORMULA,
        "p1_share": p1_share[0],
        "p1_share_95": p1_share[1],
        "tickets_per_1000": per_1000[0],
        "tickets_per_1000_95": per_1000[1],
        "needs_look": sum(ticket.needs_look for ticket in tickets if ticket),
        "confusion": _confusion(labels, levels),
    }


def weighted_kappa(expected: Grades, actual: Grades, weights: Floats) -> float:
    """Cohen's kappa with linear weights (Cohen, 1968): 1 agrees always, 0 as chance would. nan
    where chance would always agree.

    expected, actual: grades, (n,).
    """
    return float(_kappa(_tables(expected, actual, weights[None]))[0])


def ndcg(labels: Sequence[str], priorities: Sequence[int]) -> float:
    """Normalised discounted cumulative gain of the order by priority (Järvelin & Kekäläinen 2002).

    Equal priorities share the mean of their gains (McSherry & Najork 2008), so that the order of
    the file has no part in it. 1.0 when nothing has a gain.
    """
    value = float(_ndcg(_grades(labels), np.array(priorities), np.ones((1, len(labels))))[0])
    return 1.0 if math.isnan(value) else value


def _cells(
    labels: Sequence[str],
    levels: Sequence[str],
    priorities: Sequence[int],
    weights: Sequence[float] | None,
) -> _Cells:
    weight = np.ones(len(labels)) if weights is None else np.array(weights, dtype=np.float64)
    messages = np.column_stack([_grades(labels), _grades(levels), priorities, weight])
    distinct, sizes = np.unique(messages, axis=0, return_counts=True)
    expected, actual, priority = distinct[:, :3].astype(np.int64).T
    return _Cells(expected, actual, priority, distinct[:, 3], sizes)


def _grades(levels: Sequence[str]) -> Grades:
    return np.array([GRADES[level] for level in levels], dtype=np.int64)


def _tables(expected: Grades, actual: Grades, weighted: Floats) -> Floats:
    """The weight of every pair of grades: (resamples, grades, grades), of (resamples, cells)."""
    pairs = np.eye(len(GRADES) ** 2)[expected * len(GRADES) + actual]  # (cells, pairs)
    tables: Floats = weighted @ pairs
    return tables.reshape(-1, len(GRADES), len(GRADES))


def _kappa(tables: Floats) -> Floats:
    """Cohen's kappa of each table: (resamples,)."""
    shares = tables / tables.sum((1, 2), keepdims=True)
    steps = np.arange(len(GRADES))
    distance = np.abs(steps[:, None] - steps)
    chance = shares.sum(2)[:, :, None] * shares.sum(1)[:, None, :]
    apart: Floats = (distance * shares).sum((1, 2))
    by_chance: Floats = (distance * chance).sum((1, 2))
    return 1 - _ratio(apart, by_chance)


def _ndcg(expected: Grades, priorities: NDArray[np.int64], counts: Floats) -> Floats:
    """nDCG of each row of counts (resamples, cells); nan where nothing has a gain."""
    by_priority = np.unique(-priorities, return_inverse=True)[1]
    by_label = GRADES["P1"] - expected
    return _ratio(_gained(expected, by_priority, counts), _gained(expected, by_label, counts))


def _gained(expected: Grades, ranks: NDArray[np.int64], counts: Floats) -> Floats:
    """Discounted cumulative gain of each row of counts, where equal ranks share their mean gain.

    ranks: (cells,), 0 comes first. Returns (resamples,).
    """
    of_rank = np.eye(int(ranks.max()) + 1)[ranks]  # (cells, ranks)
    gains = np.array([GAINS[level] for level in GRADES])[expected]
    sizes = (counts @ of_rank).astype(np.int64)  # (resamples, ranks)
    sums = (counts * gains) @ of_rank
    places = np.arange(2, int(sizes[0].sum()) + 2)
    discounts = np.concatenate([[0.0], np.cumsum(1 / np.log2(places))])  # of the first 0, 1, ...
    ends = sizes.cumsum(1)
    shares = discounts[ends] - discounts[ends - sizes]
    gain: Floats = (shares * sums / np.maximum(sizes, 1)).sum(1)
    return gain


def _agreement(expected: Flags, actual: Flags, weighted: Floats) -> dict[str, Any]:
    hits = weighted @ (expected & actual)
    precision, precision_95 = _with_interval(_ratio(hits, weighted @ actual))
    recall, recall_95 = _with_interval(_ratio(hits, weighted @ expected))
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


def _with_interval(values: Floats, digits: int = 4) -> tuple[float | None, list[float] | None]:
    """A figure and its interval. values: of the file first, then of its resamples; nan without a
    denominator.
    """
    whole, resamples = float(values[0]), values[1:][~np.isnan(values[1:])]
    if math.isnan(whole):
        return None, None
    edges = np.percentile(resamples, [2.5, 97.5]) if len(resamples) else [whole, whole]
    return round(whole, digits), [round(float(edge), digits) for edge in edges]


def _ratio(part: Floats, whole: Floats) -> Floats:
    """nan where the whole is 0."""
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def _share(flags: Flags, weighted: Floats) -> Floats:
    shares: Floats = (weighted @ flags) / weighted.sum(1)
    return shares


def _confusion(labels: Sequence[str], levels: Sequence[str]) -> dict[str, dict[str, int]]:
    """Label -> level that triage gave -> how many."""
    table = {label: dict.fromkeys(GAINS, 0) for label in GAINS}
    for label, level in zip(labels, levels, strict=True):
        table[label][level] += 1
    return table
