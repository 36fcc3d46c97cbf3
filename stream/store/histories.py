"""Histories: what is stored of conversations, part by part, and what of a long one is weighed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import ARRAY, Text, bindparam, func, select, text, true
from sqlalchemy.ext.asyncio import AsyncConnection

from stream.postgres.tables import Row, events
from stream.store.brand_parts import by_ticket

# Of a ticket with more messages than this some are weighed: the first, the last, and the gravest
# of those between. Otherwise whoever writes without end makes each message of theirs dearer.
WEIGHED = 1_000
_FIRST, _LAST = 200, 300

AnyRow = TypeVar("AnyRow", bound=Row)


@dataclass(frozen=True, slots=True)
class Part:
    """The live messages of one ticket, in the order of (occurred_at, id).

    weighed: those that its fold reads, the same in any order of arrival. late: those of the batch
    that are not among them. messages: how many there are in all.
    """

    weighed: Sequence[Row] = ()
    late: Sequence[Row] = ()
    messages: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """rows: the events that were read, deletions too, all of the batch among them. parts: by the id
    of their ticket.
    """

    rows: list[Row] = field(default_factory=list)
    parts: dict[str, Part] = field(default_factory=dict)


_READ = [column for column in events.c if column.name not in ("embedding", "trimmed", "turns")]
_conversations = bindparam("conversations", type_=ARRAY(Text))
_names = func.unnest(_conversations).table_valued("conversation").render_derived()
# One more than are weighed, in no order: whoever has that many is long.
_few = (
    select(*_READ).where(events.c.conversation == _names.c.conversation).limit(WEIGHED + 1)
).lateral("few")
_HISTORIES = (
    select(*_few.c).select_from(_names.join(_few, true())).order_by(_few.c.occurred_at, _few.c.id)
)
# Heads say how urgent a message is; without them, its mood does.
_OUTLINES = text("""
    select id, kind, conversation, brand, in_reply_to, greatest(
        case when scores ?| array['failed', 'call'] then 1 end,
        ((scores->'levels'->>0)::real + (scores->'levels'->>1)::real
            + (scores->'levels'->>2)::real + (scores->'levels'->>3)::real) / 4,
        case when not scores ? 'levels' then greatest(
            (scores->>'alarm')::real, (scores->>'need')::real, (scores->>'negative')::real) end,
        0) as gravity, coalesce(dissatisfaction, 0) as dissatisfaction
    from events where conversation = any(cast(:conversations as text[]))
    order by occurred_at, id
""")
_BY_ID = (
    select(*_READ)
    .where(
        events.c.id == func.any(bindparam("ids", type_=ARRAY(Text))),
        events.c.conversation == func.any(_conversations),
    )
    .order_by(events.c.occurred_at, events.c.id)
)


async def histories(
    connection: AsyncConnection, conversations: Collection[str], batch: Collection[str] = ()
) -> dict[str, History]:
    """What is stored under the conversations; those without an event are left out.

    batch: ids of events that are to be among what is read, however long their conversation is.
    """
    result = await connection.execute(_HISTORIES, {"conversations": list(conversations)})
    read = _by_conversation(result.mappings())
    long = [id for id, rows in read.items() if len(rows) > WEIGHED]
    whole = {id: _whole(rows) for id, rows in read.items()}
    return whole | (await _long(connection, long, batch) if long else {})


def weighed_of(part: Sequence[AnyRow]) -> list[AnyRow]:
    """The messages of a ticket that are weighed. part: all of them, in order."""
    if len(part) <= WEIGHED:
        return list(part)
    naming = next((at for at, row in enumerate(part) if row["brand"]), None)

    def gravest_first(at: int) -> tuple[bool, float, float]:
        """Before all of them the one that says whose ticket it is."""
        return at != naming, -part[at]["gravity"], -part[at]["dissatisfaction"]

    gravest = sorted(range(_FIRST, len(part) - _LAST), key=gravest_first)
    middle = sorted(gravest[: WEIGHED - _FIRST - _LAST])
    return [*part[:_FIRST], *(part[at] for at in middle), *part[-_LAST:]]


def _whole(rows: list[Row]) -> History:
    parts = by_ticket(rows)
    return History(rows, {id: Part(part, (), len(part)) for id, part in parts.items()})


async def _long(
    connection: AsyncConnection, conversations: list[str], batch: Collection[str]
) -> dict[str, History]:
    """Every message's brand is found among all of them; what is weighed alone is read in full."""
    outlines = await connection.execute(_OUTLINES, {"conversations": conversations})
    parts = {
        id: by_ticket(rows) for id, rows in _by_conversation(outlines.mappings().all()).items()
    }
    weighed = {
        ticket: [row["id"] for row in weighed_of(part)]
        for of_one in parts.values()
        for ticket, part in of_one.items()
    }
    ids = sorted({*batch, *(id for of_ticket in weighed.values() for id in of_ticket)})
    result = await connection.execute(_BY_ID, {"conversations": conversations, "ids": ids})
    read = {row["id"]: row for row in result.mappings()}
    return {
        id: History(
            [row for row in read.values() if row["conversation"] == id],
            {ticket: _part(part, weighed[ticket], read, batch) for ticket, part in of_one.items()},
        )
        for id, of_one in parts.items()
    }


def _part(
    part: Sequence[Row], weighed: Sequence[str], read: Mapping[str, Row], batch: Collection[str]
) -> Part:
    late = {row["id"] for row in part}.intersection(batch).difference(weighed)
    return Part([read[id] for id in weighed], [read[id] for id in sorted(late)], len(part))


def _by_conversation(rows: Iterable[Row]) -> dict[str, list[Row]]:
    read: dict[str, list[Row]] = {}
    for row in rows:
        read.setdefault(row["conversation"], []).append(row)
    return read
