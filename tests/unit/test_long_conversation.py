"""A kept conversation says what reading all of it again would say, whatever comes and goes."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stream.store import histories
from stream.store.brand_parts import by_ticket
from stream.store.histories import History, weighed_of
from stream.store.long_conversation import LongConversation

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
Rows = dict[str, dict[str, Any]]


def row(chance: random.Random) -> dict[str, Any]:
    """A message or a deletion of one of twelve ids."""
    return {
        "id": f"x:{chance.randrange(12)}",
        "kind": chance.choice(["tweet", "tweet", "tweet", "tweet", "deleted"]),
        "conversation": "x:0",
        "brand": chance.choice([None, None, None, "A", "B"]),
        "in_reply_to": chance.choice([None, f"x:{chance.randrange(12)}"]),
        "occurred_at": NOON + timedelta(minutes=chance.randrange(7)),
        "gravity": chance.choice([0.0, 0.25, 0.5]),
        "dissatisfaction": chance.choice([None, 1, 2]),
        "text": chance.choice(["one", "another"]),
    }


FEW = {"WEIGHED": 5, "FIRST": 1, "LAST": 2}
MANY = {"WEIGHED": 100, "FIRST": 20, "LAST": 30}


def in_order(stored: Rows) -> list[dict[str, Any]]:
    return sorted(stored.values(), key=lambda row: (row["occurred_at"], row["id"]))


def full(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "gravity"}


def chosen(stored: Rows, batch: set[str]) -> dict[str, Any]:
    """What reading the whole conversation would make of it."""
    outlines = [row | {"dissatisfaction": row["dissatisfaction"] or 0} for row in in_order(stored)]
    parts = {}
    for ticket, part in by_ticket(outlines).items():
        weighed = [row["id"] for row in weighed_of(part)]
        late = sorted({row["id"] for row in part} & batch - set(weighed))
        parts[ticket] = ([full(stored[id]) for id in weighed], late, len(part))
    return parts


def read(stored: Rows) -> History:
    rows = in_order(stored)
    if sum(row["kind"] != "deleted" for row in rows) <= histories.WEIGHED:
        return History([full(row) for row in rows], {})
    outlines = [row | {"dissatisfaction": row["dissatisfaction"] or 0} for row in rows]
    weighed = {
        id for part, _, _ in chosen(stored, set()).values() for id in (r["id"] for r in part)
    }
    return History([full(stored[id]) for id in sorted(weighed)], {}, outlines)


def kept_of(conversation: LongConversation, stored: Rows, batch: set[str]) -> dict[str, Any]:
    for id in conversation.lacking():
        conversation.rows[id] = full(stored[id])
    history = conversation.history({id: full(stored[id]) for id in batch & stored.keys()})
    return {
        ticket: (list(part.weighed), [row["id"] for row in part.late], part.messages)
        for ticket, part in history.parts.items()
    }


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("limits", [FEW, MANY])
def test_message_by_message_it_is_what_reading_all_of_it_says(
    limits: dict[str, int], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(histories, name, value)
    chance = random.Random(seed)
    for _ in range(10):
        stored: Rows = {one["id"]: one for one in (row(chance) for _ in range(14))}
        conversation = LongConversation("x:0", read(stored))
        for _ in range(6):
            changed = {one["id"]: one for one in (row(chance) for _ in range(chance.randrange(4)))}
            if stored and chance.random() < 0.3:
                edited = chance.choice(in_order(stored))
                changed[edited["id"]] = edited | {"text": "a third"}
            gone = {id for id in changed if chance.random() < 0.2}  # it was moved away
            stored = {id: one for id, one in (stored | changed).items() if id not in gone}
            live = sum(one["kind"] != "deleted" for one in stored.values())
            news = {one["id"]: dict(one) for one in in_order(stored) if one["id"] in changed}
            conversation.replace(changed, news)
            assert len(conversation) == live
            if (live > histories.WEIGHED) != conversation.is_outlined:
                break  # such a one is read anew
            assert kept_of(conversation, stored, set(changed)) == chosen(stored, set(changed))


def test_a_part_that_no_message_came_to_is_folded_once() -> None:
    stored: Rows = {
        f"x:{number}": {
            **{"id": f"x:{number}", "kind": "tweet", "conversation": "x:0", "text": "one"},
            **{"brand": "AB"[number % 2], "in_reply_to": None, "gravity": 0.0},
            **{"occurred_at": NOON + timedelta(minutes=number), "dissatisfaction": 0},
        }
        for number in range(10)
    }
    conversation = LongConversation("x:0", read(stored))
    before = conversation.history({}).parts
    further = stored["x:1"] | {"id": "x:99", "occurred_at": NOON + timedelta(hours=1)}

    conversation.replace(["x:99"], {"x:99": further})
    after = conversation.history({"x:99": further}).parts

    assert after["x:0"].weighed is before["x:0"].weighed
    assert len(after["x:0 B"].weighed) == len(before["x:0 B"].weighed) + 1
