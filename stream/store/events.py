"""Events of a save: locked conversations, claimed ids, replaced revisions, counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    Text,
    bindparam,
    case,
    cast,
    collate,
    delete,
    func,
    insert,
    null,
    select,
    text,
    union,
    union_all,
    update,
)
from sqlalchemy import Row as SqlRow
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from stream.postgres.tables import (
    Row,
    arrays,
    event_ids,
    events,
    forgotten_ids,
    signal_counts,
    unnested,
)
from stream.store.rows import COUNTED, READ, signals
from stream.store.tickets import OF_CONVERSATIONS

StoredId = SqlRow[Any]  # of `event_ids`


class Raced(Exception):
    """Another saver moved an event to a conversation that is not locked here: start again.

    conversations: to be locked besides.
    """

    def __init__(self, conversations: Collection[str] = ()) -> None:
        super().__init__()
        self.conversations = conversations


@dataclass(frozen=True, slots=True)
class Probe:
    """What is stored of a batch, read under the locks.

    is_known: one of its events. is_moved: people moved one of them, the message that one answers,
    or a conversation of theirs. is_first: nothing of its conversations: no event, no ticket, and
    none that was withdrawn.
    """

    is_known: bool
    is_moved: bool
    is_first: bool

    @property
    def begins(self) -> bool:
        """Whether the batch is all that there will be of its conversations."""
        return self.is_first and not self.is_known and not self.is_moved


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
# What is forgotten cannot change any more: who exchanges ids waits for those that read this table.
_LOCK = union_all(
    select(
        _keyed.c.conversation,
        cast(null(), Text).label("forgotten"),
        cast(func.pg_advisory_xact_lock(_keyed.c.key), Text),
    ),
    select(cast(null(), Text), forgotten_ids.c.id, cast(null(), Text)).where(
        forgotten_ids.c.id == func.any(bindparam("names", type_=ARRAY(Text))),
        forgotten_ids.c.was.is_(None),
    ),
    # A save touches few rows of each table. Where the planner thinks otherwise, as of tickets with
    # further brands, it must not begin processes or compile: that took 30 times as long as the look
    # itself, once there were 500,000 tickets.
    *(
        select(cast(null(), Text), cast(null(), Text), func.set_config(name, value, True))
        for name, value in (("max_parallel_workers_per_gather", "0"), ("jit", "off"))
    ),
)
_KNOWN = select(event_ids).where(_in_batch)


def _of_conversations(column: str) -> str:
    return OF_CONVERSATIONS.format(id=column, ids="conversations")


# Most batches hold what nobody has seen, and what nobody has put elsewhere; many begin their
# conversations. Counted where two indexes answer together: for the first row alone the planner
# would read the table from its beginning, in the hope of one that is near.
_PROBE = text(f"""
    select
        exists (select from event_ids where id = any(cast(:ids as text[]))) as is_known,
        exists (
            select from conversation_merges where conversation = any(cast(:conversations as text[]))
        ) or exists (
            select from event_places
            where event_id = any(cast(:named as text[])) and conversation is not null
        ) as is_moved,
        not exists (select from events where conversation = any(cast(:conversations as text[])))
            and (select count(*) from tickets where {_of_conversations("id")}) = 0
            and (select count(*) from ticket_changes where {_of_conversations("ticket_id")}) = 0
            as is_first
""")  # noqa: S608  our own words
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

# All of that of events that are new, in one statement.
_claimed = _CLAIM.cte("claimed")
_new = unnested(events, *_WRITTEN, of="new")
_add_new = insert(events).from_select(
    _EVENT,
    select(*(func.now() if name == "received_at" else _new.c[name] for name in _EVENT)).join(
        _claimed, _claimed.c.id == _new.c.id
    ),
)

_CELL = ("brand", "topic", "minute", "events", "negative", "complaints", "dissatisfaction_sum")
_cells = unnested(signal_counts, *_CELL, of="cell")
_add_cells = upsert(signal_counts).from_select(
    (*_CELL, "updated_at"),
    select(*_cells.c, func.clock_timestamp()).order_by(*(_cells.c[name] for name in _CELL[:3])),
)
_COUNT = _add_cells.on_conflict_do_update(
    index_elements=_CELL[:3],
    set_={name: signal_counts.c[name] + _add_cells.excluded[name] for name in _CELL[3:]}
    | {"updated_at": _add_cells.excluded.updated_at},
)
_NEW = (
    select(func.count()).select_from(_claimed).add_cte(_add_new.cte("added"), _COUNT.cte("counted"))
)
_begun = _add_new.returning(*READ).cte("added")
_FIRST = (
    select(_begun)
    .add_cte(_COUNT.cte("counted"))
    .order_by(_begun.c.occurred_at, collate(_begun.c.id, "C"))
)


async def lock(
    connection: AsyncConnection,
    rows: Mapping[str, Row],
    further: Collection[str] = (),
    digests: Collection[str] = (),
) -> tuple[set[str], set[str]]:
    """Lock the conversations that the batch names, those that its ids are stored under, those that
    they left, and further ones. Returns those, and which of the digests stand in place of
    forgotten ids.

    Those that ids left are there for a saver that died between its commit and its publishing:
    whoever is given the same messages again must tell the tickets of the conversations that were
    left too, and only the registry still knows them. The batch's ids may be stored as digests.
    """
    conversations = sorted({row["conversation"] for row in rows.values()}.union(further))
    values = {
        "conversations": conversations,
        "ids": [*rows, *digests],
        "names": list(digests),
    }
    locked, forgotten = set(), set()
    for conversation, digest, _ in await connection.execute(_LOCK, values):
        if conversation is not None:
            locked.add(conversation)
        elif digest is not None:
            forgotten.add(digest)
    return locked, forgotten


async def lock_alone(connection: AsyncConnection, conversations: Collection[str]) -> None:
    """Lock these conversations as a save does, without any event."""
    values = {"conversations": sorted(conversations), "ids": [], "names": []}
    await connection.execute(_LOCK, values)


async def probe(connection: AsyncConnection, rows: Mapping[str, Row]) -> Probe:
    """Read under the locks."""
    parents = [row["in_reply_to"] for row in rows.values() if row.get("in_reply_to")]
    conversations = list({row["conversation"] for row in rows.values()})
    values = {"ids": list(rows), "named": [*rows, *parents], "conversations": conversations}
    return Probe(*(await connection.execute(_PROBE, values)).one())


async def known(
    connection: AsyncConnection, rows: Mapping[str, Row], locked: Collection[str]
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
    if not stored:
        await _add_all(connection, changed)
        return _touched(changed, stored)
    await _claim(connection, changed, stored)
    old = [stored[row["id"]]._mapping for row in changed if row["id"] in stored]
    removed: Sequence[Row] = []
    if old:
        removed = (
            (await connection.execute(_REMOVE, arrays(old, ("id", "occurred_at")))).mappings().all()
        )
    await connection.execute(_ADD, arrays(changed, _WRITTEN))
    await count(connection, removed, changed)
    return _touched(changed, stored)


async def begin(connection: AsyncConnection, rows: Sequence[Row]) -> list[Row]:
    """Claim, store and count events, the first of their conversations, and return them as they are
    stored, in the order of (occurred_at, id). Raises Raced.
    """
    stored = (await connection.execute(_FIRST, _of_new(rows))).mappings().all()
    if len(stored) < len(rows):
        raise Raced
    return [*stored]


async def _add_all(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    """Claim, store and count events of which none is stored. Raises Raced."""
    if (await connection.execute(_NEW, _of_new(rows))).scalar_one() < len(rows):
        raise Raced


def _of_new(rows: Sequence[Row]) -> dict[str, list[Any]]:
    values = arrays(rows, _CLAIMED[:-1]) | arrays(rows, _WRITTEN, "new")
    return values | arrays(signals((), rows), _CELL, "cell")


def _touched(changed: Sequence[Row], stored: Mapping[str, StoredId]) -> dict[str, list[str]]:
    touched: dict[str, list[str]] = defaultdict(list)
    for row in changed:
        touched[row["conversation"]].append(row["id"])
        if row["id"] in stored and stored[row["id"]].conversation != row["conversation"]:
            touched[stored[row["id"]].conversation].append(row["id"])
    return touched


async def count(connection: AsyncConnection, removed: Sequence[Row], added: Sequence[Row]) -> None:
    """Count the events that stand in place of others."""
    if cells := signals(removed, added):
        await connection.execute(_COUNT, arrays(cells, _CELL, "cell"))


async def _claim(
    connection: AsyncConnection, changed: Sequence[Row], stored: Mapping[str, StoredId]
) -> None:
    if fresh := [row for row in changed if row["id"] not in stored]:
        claimed = await connection.execute(_CLAIM, arrays(fresh, _CLAIMED[:-1]))
        if len(claimed.all()) < len(fresh):
            raise Raced
    if higher := [row for row in changed if row["id"] in stored]:
        await connection.execute(_RAISE, arrays(higher, _CLAIMED[:-1]))
