"""A ticket as a line of the queue, and what changed between two looks at it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from stream.desk.queue import Filter

Card = dict[str, Any]

CHOICES = ("brand", "network", "topic", "level", "state", "owner", "tag", "text")


def card(row: Mapping[str, Any]) -> Card:
    """What a line of the queue shows. Moments are milliseconds since 1970, for the clock of the
    browser.
    """
    told: Card = {
        name: row[name]
        for name in (
            *(
                "id",
                "brand",
                "network",
                "author",
                "level",
                "state",
                "owner",
                "topic",
                "problem",
                "sentiment",
                "tags",
            ),
            *("excerpt", "messages", "needs_look", "version", "edits", "late", "will_be_late"),
        )
    }
    return told | {
        "priority": row["queue_priority"],
        "dissatisfaction": None
        if row["dissatisfaction"] is None
        else round(row["dissatisfaction"]),
        "due": stamp(row["sla_due_at"]),
        "answered": stamp(row["answered_at"]),
        "received": stamp(row["received_at"]),
        "open_by": row["open_by"] or [],
        "why": row["why"],
    }


def changes(before: Sequence[Card], after: Sequence[Card]) -> dict[str, Any]:
    """How to come from one list to the other: a long list is not told again where one line of it
    changed.

    head, tail: so many lines stay where they are; order: the ids between. put: the lines that are
    new, or other than they were.
    """
    known = {each["id"]: each for each in before}
    was, now = list(known), [each["id"] for each in after]
    shorter = min(len(was), len(now))
    head = next((at for at in range(shorter) if was[at] != now[at]), shorter)
    tail = next(
        (at for at in range(shorter - head) if was[-1 - at] != now[-1 - at]), shorter - head
    )
    return {
        "head": head,
        "tail": tail,
        "order": now[head : len(now) - tail],
        "put": [each for each in after if known.get(each["id"]) != each],
    }


def with_urgent(cards: Sequence[Card], urgent: Sequence[Card]) -> list[Card]:
    """The queue with the urgent ones that it does not hold yet, each above those of lower priority."""
    held = {each["id"] for each in cards}
    told = list(cards)
    for new in urgent:
        if new["id"] not in held:
            lower = (
                at
                for at, each in enumerate(told)
                if each["priority"] < new["priority"] or each["answered"]
            )
            told.insert(next(lower, len(told)), new)
    return told


def stamp(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def chosen(asked: Mapping[str, Any], brands: frozenset[str] | None) -> Filter:
    """The filter that an address or a page asks for; what it does not know is nothing. owner `-`:
    nobody's.
    """
    given = {name: str(asked[name])[:200] for name in CHOICES if asked.get(name)}
    if given.get("owner") == "-":
        given["owner"] = ""
    return Filter(**given, late=bool(asked.get("late")), brands=brands)


def asked_of(filter: Filter) -> dict[str, str]:
    """The filter as it stands in an address."""
    told = {name: value for name in CHOICES if (value := getattr(filter, name)) is not None}
    if told.get("owner") == "":
        told["owner"] = "-"
    return told | ({"late": "1"} if filter.late else {})
