"""Places of messages: the conversation that people put them into, over what their network says.

A merge leads a whole conversation into another one. A split puts single messages, and whatever
answers them later, into a conversation of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from stream.postgres.desk_tables import event_places
from stream.postgres.tables import Row, arrays, events, unnested
from stream.store.events import count
from stream.store.merges import read_places
from stream.store.rows import COUNTED

_COLUMNS = ("event_id", "said_in", "conversation", "brand")
_put = upsert(event_places).from_select(_COLUMNS, select(*unnested(event_places, *_COLUMNS).c))
_KEEP = _put.on_conflict_do_update(
    index_elements=["event_id"],
    set_={
        "said_in": _put.excluded.said_in,
        "conversation": func.coalesce(_put.excluded.conversation, event_places.c.conversation),
        "brand": func.coalesce(_put.excluded.brand, event_places.c.brand),
    },
)
_IDS = func.any(bindparam("ids", type_=ARRAY(Text)))
_BEFORE = select(*(events.c[name] for name in COUNTED)).where(events.c.id == _IDS)
_MOVE = (
    text("""
        update events
        set conversation = :conversation, brand = coalesce(brand, cast(:brand as text))
        where id = any(cast(:ids as text[]))
    """),
    text("""
        update event_ids
        set left_conversations = array_append(left_conversations, conversation),
            conversation = :conversation
        where id = any(cast(:ids as text[])) and conversation <> :conversation
    """),
    text("update replies set ticket_id = :conversation where event_id = any(cast(:ids as text[]))"),
)


async def placed(
    connection: AsyncConnection, rows: Mapping[str, Row]
) -> tuple[dict[str, Row], set[str]]:
    """The rows in the conversations that people put them into, and the ids of those that differ.

    A message goes with the one that it answers where that was split off, however late it comes.
    """
    parents = [row["in_reply_to"] for row in rows.values() if row.get("in_reply_to")]
    conversations = [row["conversation"] for row in rows.values()]
    led, split = await read_places(connection, conversations, [*rows, *parents])
    if not led and not split:
        return dict(rows), set()
    further, _ = await read_places(connection, [place for place, _ in split.values()], ())
    moved = _moved(rows, led | further, split)
    await keep(connection, [_place(id, rows[id], split.get(id)) for id in sorted(moved)])
    return {**rows, **moved}, set(moved)


def _moved(
    rows: Mapping[str, Row], led: Mapping[str, str], split: dict[str, tuple[str, str | None]]
) -> dict[str, Row]:
    """The rows whose place is not what their network says; who follows is added to split."""
    moved: dict[str, Row] = {}
    for id, row in sorted(rows.items(), key=_by_time):
        place = split.get(id) or split.get(row.get("in_reply_to") or "")
        if place is not None:
            split[id] = place
        start, brand = place or (row["conversation"], None)
        target = led.get(start, start)
        if target != row["conversation"]:
            moved[id] = {**row, "conversation": target, "brand": row["brand"] or brand}
    return moved


def _by_time(pair: tuple[str, Row]) -> tuple[Any, str]:
    return pair[1]["occurred_at"], pair[0]


def _place(id: str, row: Row, split: tuple[str, str | None] | None) -> dict[str, str | None]:
    conversation, brand = split or (None, None)
    said_in = row["conversation"]
    return {"event_id": id, "said_in": said_in, "conversation": conversation, "brand": brand}


async def keep(connection: AsyncConnection, places: Sequence[Mapping[str, Any]]) -> None:
    """Note where the network said these messages: event_id, said_in, conversation, brand."""
    if places:
        await connection.execute(_KEEP, arrays(places, _COLUMNS))


async def move(
    connection: AsyncConnection, ids: Collection[str], conversation: str, brand: str | None = None
) -> None:
    """Store these messages, and the answers to them, under another conversation.

    brand: of those that name none. Both conversations are locked by who calls.
    """
    if not ids:
        return
    values = {"ids": sorted(ids), "conversation": conversation, "brand": brand}
    before = (await connection.execute(_BEFORE, {"ids": values["ids"]})).mappings().all()
    for statement in _MOVE:
        await connection.execute(statement, values)
    if brand is not None:
        after = [{**row, "brand": row["brand"] or brand} for row in before]
        await count(connection, before, after)
