"""Figures of triage on labelled messages: precision, recall, nDCG."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.events import Event, Tweet
from models.evaluation.labelled_file import Row, Table, read_labelled
from stream.triage.fold import fold
from stream.triage.ticket import Message, Ticket

COLUMNS = ("text", "should_ticket", "priority")
GAINS = {"P1": 15.0, "P2": 7.0, "P3": 3.0, "P4": 1.0, "none": 0.0}  # 2^grade - 1
NDCG_FORMULA = (
    "sum of gain / log2(rank + 1) by priority, over the same by label; "
    "gains P1 15, P2 7, P3 3, P4 1"
)
RESAMPLES = 2_000
_BATCH = 64
_MOMENT = datetime(2024, 1, 1, tzinfo=UTC)


class UnusableLabels(ValueError):
    """The file of labels cannot be used: the message says where and why."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A message and the level that a person gave it: P1 to P4, or none when it needs nobody."""

    text: str
    level: str


def evaluate_triage(
    data: Path, messages: Callable[[Sequence[Event]], Sequence[Message]]
) -> dict[str, Any]:
    """How well triage finds the labelled tickets, and puts the urgent ones first.

    data: CSV `text,should_ticket,priority`; should_ticket 0 or 1, priority P1 to P4 for a ticket,
    empty otherwise. Each text counts as a conversation of one inbound message. messages: what is
    stored of events once they are judged. Raises UnusableLabels on a missing column or an unknown
    label.
    """
    rows = read_labels(data)
    tickets = tickets_of([row.text for row in rows], messages)
    return measured([row.level for row in rows], tickets)


def tickets_of(
    texts: Sequence[str], messages: Callable[[Sequence[Event]], Sequence[Message]]
) -> list[Ticket | None]:
    """The ticket of each text as a conversation of one post; None where nobody is needed."""
    tickets: list[Ticket | None] = []
    for start in range(0, len(texts), _BATCH):
        events = [_post(text) for text in texts[start : start + _BATCH]]
        tickets += [fold([message]) for message in messages(events)]
    return tickets


def read_labels(data: Path) -> list[Labelled]:
    """The labelled messages in the file. Raises UnusableLabels."""
    table = read_labelled(data, COLUMNS, error=UnusableLabels)
    return [_labelled(table, row) for row in table.rows]


def _labelled(table: Table, row: Row) -> Labelled:
    ticket, level = row["should_ticket"], row["priority"]
    if ticket not in ("0", "1"):
        raise table.unknown(row, "should_ticket", ("0", "1"))
    if ticket == "1" and level not in ("P1", "P2", "P3", "P4"):
        raise table.unknown(row, "priority", ("P1", "P2", "P3", "P4"))
    if ticket == "0" and level:
        raise table.refused(row, f"priority is {level!r}, but no ticket has none")
    return Labelled(row.cells["text"], level or "none")


def _post(text: str) -> Event:
    return Tweet(id="gold:1", conversation="gold:1", occurred_at=_MOMENT, text=text)


def measured(labels: Sequence[str], tickets: Sequence[Ticket | None]) -> dict[str, Any]:
    """The figures. labels: P1 to P4 or none, as a person said; tickets: what triage made of the
    same messages.
    """
    levels = [ticket.level if ticket else "none" for ticket in tickets]
    expected, actual = np.array(labels), np.array(levels)
    return {
        "n": len(labels),
        "ticket": _agreement(expected != "none", actual != "none"),
        "p1": _agreement(expected == "P1", actual == "P1")
        | _intervals(expected == "P1", actual == "P1"),
        "ndcg": round(ndcg(labels, [ticket.priority if ticket else -1 for ticket in tickets]), 4),
        "ndcg_formula": NDCG_FORMULA,
        "tickets_per_1000": round(1000 * float(np.mean(actual != "none")), 1),
        "needs_look": sum(ticket.needs_look for ticket in tickets if ticket),
        "confusion": _confusion(labels, levels),
    }


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


def _agreement(expected: NDArray[np.bool_], actual: NDArray[np.bool_]) -> dict[str, float | None]:
    hits = int(np.sum(expected & actual))
    precision, recall = _ratio(hits, int(actual.sum())), _ratio(hits, int(expected.sum()))
    f1 = (
        None
        if precision is None or recall is None
        else _ratio(2 * precision * recall, precision + recall) or 0.0
    )
    return {"precision": _rounded(precision), "recall": _rounded(recall), "f1": _rounded(f1)}


def _intervals(
    expected: NDArray[np.bool_], actual: NDArray[np.bool_]
) -> dict[str, list[float] | None]:
    """95 % intervals by the percentile bootstrap over the messages; resamples without a denominator
    are left out.
    """
    random = np.random.default_rng(0)
    picks = random.integers(0, len(expected), size=(RESAMPLES, len(expected)))
    hits = (expected & actual)[picks].sum(axis=1)
    return {
        "precision_95": _percentiles(hits, actual[picks].sum(axis=1)),
        "recall_95": _percentiles(hits, expected[picks].sum(axis=1)),
    }


def _percentiles(hits: NDArray[np.int_], of: NDArray[np.int_]) -> list[float] | None:
    ratios = hits[of > 0] / of[of > 0]
    return (
        [round(float(edge), 4) for edge in np.percentile(ratios, [2.5, 97.5])]
        if len(ratios)
        else None
    )


def _confusion(labels: Sequence[str], levels: Sequence[str]) -> dict[str, dict[str, int]]:
    """Label -> level that triage gave -> how many."""
    counts = Counter(zip(labels, levels, strict=True))
    return {label: {level: counts[label, level] for level in GAINS} for label in GAINS}


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 4)
