"""The demo day: messages about an airline and a telecom, both made up, from 07:00 to 22:00."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from importlib.resources import files
from typing import Any

from connectors.events import Event, SourcedEvent, decode

DAY = date(2026, 3, 12)  # a Thursday, as some of the messages say


def demo_day(day: date | None = None) -> Iterator[SourcedEvent]:
    """Every event of the day in its order, with its index as cursor. day: None is DAY; in UTC.

    Ids do not depend on the day: a day that is played twice is a redelivery and changes nothing.
    """
    conversations: dict[str, str] = {}
    for index, line in enumerate(_lines()):
        fields = json.loads(line)
        id = fields["id"]
        root = conversations.get(fields.get("in_reply_to", id), id)
        conversations[id] = root
        yield SourcedEvent(_event(fields, root, day or DAY), index)


def _lines() -> list[str]:
    return files("connectors").joinpath("demo_day.jsonl").read_text(encoding="utf-8").splitlines()


def _event(fields: dict[str, Any], root: str, day: date) -> Event:
    """The event of one line, which has no network, date, conversation, nor the kind `tweet`."""
    moment = datetime.combine(day, time.fromisoformat(fields["at"]), UTC)
    event = {"kind": "tweet"} | fields
    event |= {
        "id": _id(fields["id"]),
        "conversation": _id(root),
        "occurred_at": moment.isoformat(),
    }
    if "in_reply_to" in fields:
        event["in_reply_to"] = _id(fields["in_reply_to"])
    return decode(json.dumps(event).encode())


def _id(native: str) -> str:
    return f"demo:{native}"
