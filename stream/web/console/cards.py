"""Line of the queue for the browser, and the difference between two lists of lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from stream.desk.filters import Filter
from stream.desk.queue import SORTS, Sort
from stream.desk.view_query import CHOICES, FLAGS

Card = dict[str, Any]

_FIELDS = (
    *("id", "brand", "network", "author", "level", "state", "owner", "topic", "problem"),
    *("sentiment", "tags", "excerpt", "messages", "needs_look", "version", "edits"),
    *("late", "will_be_late", "unread_language"),
)


def card(row: Mapping[str, Any]) -> Card:
    """A line of the queue. Moments are milliseconds since 1970, for the clock of the browser."""
    line: Card = {name: row[name] for name in _FIELDS}
    return line | {
        "priority": row["queue_priority"],
        "dissatisfaction": rounded(row["dissatisfaction"]),
        "due": stamp(row["sla_due_at"]),
        "answered": stamp(row["answered_at"]),
        "received": stamp(row["received_at"]),
        "open_by": row["open_by"] or [],
        "why": row["why"],
    }


def changes(before: Sequence[Card], after: Sequence[Card]) -> dict[str, Any]:
    """The difference between two lists: one changed line does not send a long list again.

    head, tail: so many lines stay where they are; order: the ids between. put: new and changed
    lines.
    """
    known = {line["id"]: line for line in before}
    was, now = list(known), [line["id"] for line in after]
    shorter = min(len(was), len(now))
    head = next((at for at in range(shorter) if was[at] != now[at]), shorter)
    tail = next(
        (at for at in range(shorter - head) if was[-1 - at] != now[-1 - at]), shorter - head
    )
    return {
        "head": head,
        "tail": tail,
        "order": now[head : len(now) - tail],
        "put": [line for line in after if known.get(line["id"]) != line],
    }


def with_urgent(cards: Sequence[Card], urgent: Sequence[Card]) -> list[Card]:
    """The queue with the urgent lines that it lacks, each above those of lower priority."""
    ids = {line["id"] for line in cards}
    lines = list(cards)
    for new in urgent:
        if new["id"] not in ids:
            lines.insert(_place(lines, new), new)
    return lines


def _place(lines: Sequence[Card], new: Card) -> int:
    for at, line in enumerate(lines):
        if line["priority"] < new["priority"] or line["answered"]:
            return at
    return len(lines)


def stamp(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def rounded(number: float | None) -> int | None:
    return None if number is None else round(number)


def sort_from(query: Mapping[str, Any]) -> Sort:
    """The order of an address or a page; the queue's own where it names none."""
    return next((sort for sort in SORTS if sort == query.get("sort")), SORTS[0])


def query_of(filter: Filter) -> dict[str, str]:
    """The filter as it stands in an address."""
    values = {name: getattr(filter, name) for name in CHOICES}
    query = {name: value for name, value in values.items() if value is not None}
    if query.get("owner") == "":
        query["owner"] = "-"
    return query | {name: "1" for name in FLAGS if getattr(filter, name)}
