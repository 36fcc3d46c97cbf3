"""Histories: what is stored of conversations, part by part, and what of a long one is weighed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    Integer,
    Text,
    bindparam,
    collate,
    func,
    literal_column,
    select,
    text,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from stream.postgres.tables import Row, events
from stream.store.brand_parts import by_ticket
from stream.store.changes import Arrival, arrival
from stream.store.rows import READ, message
from stream.triage.fold import Failure, Fold, fold_surely
from stream.triage.ticket import Message, Ticket

# Of a ticket with more messages than this some are weighed: the first, the last, and the gravest
# of those between. Otherwise whoever writes without end makes each message of theirs dearer.
WEIGHED = 1_000
FIRST, LAST = 200, 300

AnyRow = TypeVar("AnyRow", bound=Row)


@dataclass(frozen=True)
class Part:
    """The live messages of one ticket, in the order of (occurred_at, id).

    weighed: those that its fold reads, the same in any order of arrival. late: those of the batch
    that are not among them. messages: how many there are in all.
    """

    weighed: Sequence[Row] = ()
    late: Sequence[Row] = ()
    messages: int = 0
    _read: dict[str, Message] = field(default_factory=dict)
    _folded: list[Ticket | None] = field(default_factory=list)
    _arrived: list[Arrival] = field(default_factory=list)

    def folded(self, fold: Fold) -> tuple[Ticket | None, list[Failure]]:
        """The ticket that its weighed messages make, and what of them could not be weighed; made
        once, always by the same fold. What failed is tried again.
        """
        if self._folded:
            return self._folded[0], []
        for row in self.weighed:
            if row["id"] not in self._read:
                self._read[row["id"]] = message(row)
        ticket, failures = fold_surely([self._read[row["id"]] for row in self.weighed], fold)
        if ticket is not None and self.messages > len(self.weighed):
            ticket = replace(ticket, messages=self.messages)
        if not failures:
            self._folded.append(ticket)
        return ticket, failures

    @property
    def arrival(self) -> Arrival:
        """When its messages were received; one of them is inbound."""
        if not self._arrived:
            self._arrived.append(arrival(self.weighed))
        return self._arrived[0]


@dataclass(frozen=True, slots=True)
class History:
    """rows: the events that were read, deletions too, all of the batch among them. parts: by the id
    of their ticket. outlines: of a conversation of which some are weighed, all of its messages by
    what chooses those.
    """

    rows: Sequence[Row] = ()
    parts: Mapping[str, Part] = field(default_factory=dict)
    outlines: Sequence[Row] = ()


_conversations = bindparam("conversations", type_=ARRAY(Text))
_names = func.unnest(_conversations).table_valued("conversation").render_derived()
# One more than are weighed, in no order: whoever has that many is long.
_few = (
    select(*READ)
    .where(events.c.conversation == _names.c.conversation)
    .limit(bindparam("most", type_=Integer))
).lateral("few")
# Ids of one moment are in the order of their code points in any database: as Python sorts them.
_HISTORIES = (
    select(*_few.c)
    .select_from(_names.join(_few, true()))
    .order_by(_few.c.occurred_at, collate(_few.c.id, "C"))
)
# Heads say how urgent a message is; without them, its mood does.
_GRAVITY = """
    greatest(
        case when scores ?| array['failed', 'call'] then 1 end,
        ((scores->'levels'->>0)::real + (scores->'levels'->>1)::real
            + (scores->'levels'->>2)::real + (scores->'levels'->>3)::real) / 4,
        case when not scores ? 'levels' then greatest(
            (scores->>'alarm')::real, (scores->>'need')::real, (scores->>'negative')::real) end,
        0)
"""
_OUTLINES = text(f"""
    select id, kind, conversation, brand, in_reply_to, occurred_at, {_GRAVITY} as gravity,
        coalesce(dissatisfaction, 0) as dissatisfaction
    from events where conversation = any(cast(:conversations as text[]))
    order by occurred_at, id collate "C"
""")  # noqa: S608  our own words
_BY_ID = (
    select(*READ, literal_column(_GRAVITY).label("gravity"))
    .where(
        events.c.id == func.any(bindparam("ids", type_=ARRAY(Text))),
        events.c.conversation == func.any(_conversations),
    )
    .order_by(events.c.occurred_at, collate(events.c.id, "C"))
)


async def histories(
    connection: AsyncConnection, conversations: Collection[str], batch: Collection[str] = ()
) -> dict[str, History]:
    """What is stored under the conversations; those without an event are left out.

    batch: ids of events that are to be among what is read, however long their conversation is.
    """
    if not conversations:
        return {}
    values = {"conversations": list(conversations), "most": WEIGHED + 1}
    result = await connection.execute(_HISTORIES, values)
    read = _by_conversation(result.mappings())
    long = [id for id, rows in read.items() if len(rows) > WEIGHED]
    whole = {id: _whole(rows) for id, rows in read.items()}
    return whole | (await _long(connection, long, batch) if long else {})


def histories_of_first(rows: Iterable[Row]) -> dict[str, History]:
    """Of conversations that are stored with these rows alone, each of them short. rows: in the
    order of (occurred_at, id).
    """
    return {id: _whole(own) for id, own in _by_conversation(rows).items()}


def weighed_of(part: Sequence[AnyRow]) -> list[AnyRow]:
    """The messages of a ticket that are weighed. part: all of them, in order."""
    if len(part) <= WEIGHED:
        return list(part)
    naming = next((at for at, row in enumerate(part) if row["brand"]), None)

    def gravest_first(at: int) -> tuple[bool, float, float]:
        """Before all of them the one that says whose ticket it is."""
        return at != naming, -part[at]["gravity"], -part[at]["dissatisfaction"]

    gravest = sorted(range(FIRST, len(part) - LAST), key=gravest_first)
    middle = sorted(gravest[: WEIGHED - FIRST - LAST])
    return [*part[:FIRST], *(part[at] for at in middle), *part[-LAST:]]


async def by_id(
    connection: AsyncConnection, conversations: Collection[str], ids: Collection[str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """These events, where they are stored under the conversations: by conversation, by id, in the
    order of (occurred_at, id). With their `gravity`.
    """
    values = {"conversations": list(conversations), "ids": list(ids)}
    stored: dict[str, dict[str, dict[str, Any]]] = {id: {} for id in conversations}
    for row in (await connection.execute(_BY_ID, values)).mappings():
        stored[row["conversation"]][row["id"]] = dict(row)
    return stored


def _whole(rows: list[Row]) -> History:
    parts = by_ticket(rows)
    return History(rows, {id: Part(part, (), len(part)) for id, part in parts.items()})


async def _long(
    connection: AsyncConnection, conversations: list[str], batch: Collection[str]
) -> dict[str, History]:
    """Every message's brand is found among all of them; what is weighed alone is read in full."""
    result = await connection.execute(_OUTLINES, {"conversations": conversations})
    outlines = _by_conversation(result.mappings())
    parts = {id: by_ticket(rows) for id, rows in outlines.items()}
    weighed = {
        ticket: [row["id"] for row in weighed_of(part)]
        for of_one in parts.values()
        for ticket, part in of_one.items()
    }
    ids = {*batch, *(id for of_ticket in weighed.values() for id in of_ticket)}
    stored = await by_id(connection, conversations, ids)
    for of_one in stored.values():
        for row in of_one.values():
            del row["gravity"]
    return {
        id: History(
            list(stored[id].values()),
            {
                ticket: _part(part, weighed[ticket], stored[id], batch)
                for ticket, part in of_one.items()
            },
            outlines[id],
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
