"""The demo day: an airline and a telecom company, neither of which exists, heard from 07:00 to
22:00.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from importlib.resources import files
from typing import Any

from connectors.events import Event, SourcedEvent, decode

DAY = date(2026, 3, 12)  # a Thursday, as some of the messages say


def demo_day(day: date | None = None) -> Iterator[SourcedEvent]:
    """Every event of the day in the order it was said, with its index as cursor; `day` None is DAY,
    times are UTC.

    Ids do not depend on the day: a day that is played twice is a redelivery and changes nothing.
    """
    conversations: dict[str, str] = {}
    for index, line in enumerate(_lines()):
        written = json.loads(line)
        root = conversations.get(written.get("in_reply_to", written["id"]), written["id"])
        conversations[written["id"]] = root
        yield SourcedEvent(_event(written, root, day or DAY), index)


def _lines() -> list[str]:
    return files("connectors").joinpath("demo_day.jsonl").read_text(encoding="utf-8").splitlines()


def _event(written: dict[str, Any], root: str, day: date) -> Event:
    """The event of one line, which leaves out what can be derived: network, date, conversation, the
    kind `tweet`.
    """
    moment = datetime.combine(day, time.fromisoformat(written["at"]), UTC)
    event = {"kind": "tweet"} | written
    event |= {
        "id": _id(written["id"]),
        "conversation": _id(root),
        "occurred_at": moment.isoformat(),
    }
    if "in_reply_to" in written:
        event["in_reply_to"] = _id(written["in_reply_to"])
    return decode(json.dumps(event).encode())


def _id(native: str) -> str:
    return f"demo:{native}"
