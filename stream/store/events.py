"""Events of a save: locked conversations, claimed ids, replaced revisions, counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, case, delete, func, insert, select, union, update
from sqlalchemy import Row as SqlRow
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from stream.postgres.tables import Row, arrays, event_ids, events, signal_counts, unnested
from stream.store.rows import COUNTED, signals

StoredId = SqlRow[Any]  # of `event_ids`


class Raced(Exception):
    """Another saver moved an event to a conversation that is not locked here: start again.

    conversations: to be locked besides.
    """

    def __init__(self, conversations: Collection[str] = ()) -> None:
        super().__init__()
        self.conversations = conversations


# Every saver takes locks of one sort after the other and in sorted order: no two wait in a circle.

_in_batch = event_ids.c.id == func.any(bindparam("ids", type_=ARRAY(Text)))
_involved = union(
    select(func.unnest(bindparam("conversations", type_=ARRAY(Text))).label("conversation")),
    select(event_ids.c.conversation).where(_in_batch),
    select(func.unnest(event_ids.c.left_conversations)).where(_in_batch),
).subquery()
_keyed = (
    select(
        _involved.c.conversation, func.hashtextextended(_involved.c.conversation, 0).label("key")
    )
    .order_by("key")
    .subquery()
)
_LOCK = select(_keyed.c.conversation, func.pg_advisory_xact_lock(_keyed.c.key))
_KNOWN = select(event_ids).where(_in_batch)

_CLAIMED = ("id", "revision", "occurred_at", "conversation", "received_at")
_new_ids = unnested(event_ids, *_CLAIMED[:-1])
_CLAIM = (
    upsert(event_ids)
    .from_select(_CLAIMED, select(*_new_ids.c, func.now()))
    .on_conflict_do_nothing()
    .returning(event_ids.c.id)
)
_higher = unnested(event_ids, *_CLAIMED[:-1])
_left = case(
    (
        event_ids.c.conversation != _higher.c.conversation,
        func.array_append(event_ids.c.left_conversations, event_ids.c.conversation),
    ),
    else_=event_ids.c.left_conversations,
)
_RAISE = (
    update(event_ids)
    .where(event_ids.c.id == _higher.c.id)
    .values(
        {name: _higher.c[name] for name in ("revision", "occurred_at", "conversation")}
        | {"left_conversations": _left}
    )
)

_EVENT = tuple(column.name for column in events.c)
_old = unnested(event_ids, "id", "occurred_at")
_REMOVE = (
    delete(events)
    .where(events.c.id == _old.c.id, events.c.occurred_at == _old.c.occurred_at)
    .returning(*(events.c[name] for name in COUNTED))
)
_WRITTEN = tuple(name for name in _EVENT if name != "received_at")
_added = unnested(events, *_WRITTEN)
_first_seen = select(event_ids.c.received_at).where(event_ids.c.id == _added.c.id).scalar_subquery()
_ADD = insert(events).from_select(
    _EVENT, select(*(_first_seen if name == "received_at" else _added.c[name] for name in _EVENT))
)

_CELL = ("brand", "topic", "minute", "events", "negative", "complaints", "dissatisfaction_sum")
_cells = unnested(signal_counts, *_CELL)
_add_cells = upsert(signal_counts).from_select(
    (*_CELL, "updated_at"),
    select(*_cells.c, func.clock_timestamp()).order_by(*(_cells.c[name] for name in _CELL[:3])),
)
_COUNT = _add_cells.on_conflict_do_update(
    index_elements=_CELL[:3],
    set_={name: signal_counts.c[name] + _add_cells.excluded[name] for name in _CELL[3:]}
    | {"updated_at": _add_cells.excluded.updated_at},
)


async def lock(
    connection: AsyncConnection, rows: Mapping[str, Row], further: Collection[str] = ()
) -> set[str]:
    """Lock the conversations that the batch names, those that its ids are stored under, those that
    they left, and further ones.

    The last are there for a saver that died between its commit and its publishing: whoever is given
    the same messages again must tell the tickets of the conversations that were left too, and only
    the registry still knows them.
    """
    conversations = sorted({row["conversation"] for row in rows.values()}.union(further))
    result = await connection.execute(_LOCK, {"conversations": conversations, "ids": list(rows)})
    return {conversation for conversation, _ in result}


async def lock_alone(connection: AsyncConnection, conversations: Collection[str]) -> None:
    """Lock these conversations as a save does, without any event."""
    await connection.execute(_LOCK, {"conversations": sorted(conversations), "ids": []})


async def known(
    connection: AsyncConnection, rows: Mapping[str, Row], locked: set[str]
) -> dict[str, StoredId]:
    """What is stored of the batch's ids, read under the locks."""
    stored = {row.id: row for row in await connection.execute(_KNOWN, {"ids": list(rows)})}
    if any(row.conversation not in locked for row in stored.values()):
        raise Raced
    return stored


async def replace(
    connection: AsyncConnection, changed: Sequence[Row], stored: Mapping[str, StoredId]
) -> dict[str, list[str]]:
    """Put the changed events in place of their older revisions, and count them.

    Returns the conversations that this touches, those that an event left too, with the ids of their
    changed events. Raises Raced when another saver was first with an id that was new.
    """
    if not changed:
        return {}
    await _claim(connection, changed, stored)
    old = [stored[row["id"]]._mapping for row in changed if row["id"] in stored]
    removed: Sequence[Row] = []
    if old:
        removed = (
            (await connection.execute(_REMOVE, arrays(old, ("id", "occurred_at")))).mappings().all()
        )
    await connection.execute(_ADD, arrays(changed, _WRITTEN))
    await count(connection, removed, changed)
    touched = defaultdict(list)
    for row in changed:
        touched[row["conversation"]].append(row["id"])
        if row["id"] in stored and stored[row["id"]].conversation != row["conversation"]:
            touched[stored[row["id"]].conversation].append(row["id"])
    return touched


async def count(connection: AsyncConnection, removed: Sequence[Row], added: Sequence[Row]) -> None:
    """Count the events that stand in place of others."""
    if cells := signals(removed, added):
        await connection.execute(_COUNT, arrays(cells, _CELL))


async def _claim(
    connection: AsyncConnection, changed: Sequence[Row], stored: Mapping[str, StoredId]
) -> None:
    if fresh := [row for row in changed if row["id"] not in stored]:
        claimed = await connection.execute(_CLAIM, arrays(fresh, _CLAIMED[:-1]))
        if len(claimed.all()) < len(fresh):
            raise Raced
    if higher := [row for row in changed if row["id"] in stored]:
        await connection.execute(_RAISE, arrays(higher, _CLAIMED[:-1]))
