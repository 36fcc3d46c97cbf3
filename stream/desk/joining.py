"""Conversations merged, split and linked to an incident by people, each for some seconds undoable.

A merge or a split is a fact that every save and every rebuild reads (`stream.store.places`): the
messages that come later go where people put those before them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from connectors.events import Deleted, Event
from stream.desk import moves
from stream.desk.actions import Edit, NotAllowed
from stream.desk.joined_edits import (
    INCIDENT,
    MERGED,
    SPLIT,
    WORDS,
    given_back,
    joined,
    taken_in,
)
from stream.desk.tickets import Lost, NoTicket, Row, Seen, last_change, locked_ticket, write_edit
from stream.desk.undo import check_undoable
from stream.incidents.store import Incidents, no_incident
from stream.postgres.database import reachable, storable
from stream.postgres.tables import event_ids
from stream.store.brand_parts import by_ticket, conversation_of
from stream.store.events import lock_alone
from stream.store.store import Saved, Store, TicketRecords


@dataclass(frozen=True, slots=True)
class Joined:
    """ticket: as it is now. records: what is stored of all tickets that changed, to be published.
    other: the ticket that was merged into it, was split off, or came back. deleted: a message that
    is to be taken back.
    """

    ticket: Row
    other: str | None = None
    records: TicketRecords | None = None
    deleted: Deleted | None = None

    @property
    def saved(self) -> Saved:
        """To be published."""
        return Saved([], self.records or [], [])


class Joining:
    """Acts on whole conversations. brands: those that the person is bound to; None: all.

    engine: the owner's. Row-level security lets nobody who is bound move messages; each act checks
    the brand of every ticket that it touches.
    """

    def __init__(self, engine: AsyncEngine, store: Store | None = None) -> None:
        self._engine = engine
        self._store = store or Store(engine)
        self._incidents = Incidents(engine)

    async def merge(
        self,
        ticket_id: str,
        into: str,
        actor: str,
        *,
        seen: Seen | None = None,
        brands: frozenset[str] | None = None,
    ) -> Joined:
        """Put the whole conversation of one ticket into that of another, later messages too.

        Its notes, tags and incident go along; it is withdrawn. seen: the ticket `into`, as the
        person saw it. Raises NoTicket, NotAllowed, and Lost where somebody changed it since.
        """
        source, target = conversation_of(storable(ticket_id)), conversation_of(storable(into))
        if source == target:
            raise NotAllowed("a ticket cannot be merged with itself")
        async with reachable(), self._engine.begin() as connection:
            await lock_alone(connection, [source, target])
            first, second = await _both(connection, ticket_id, into, brands)
            await _refuse_changed(connection, second, seen)
            if first["brand"] != second["brand"]:
                raise NotAllowed(
                    f"{ticket_id} is to {first['brand'] or 'no brand'} and {into} is to"
                    f" {second['brand'] or 'no brand'}: only tickets of one brand are merged"
                )
            for row in (first, second):
                await moves.refuse_several(connection, row["id"])
            now = await _now(connection)
            incident = await self._incident_along(connection, first, second, actor)
            edit = taken_in(second, first, incident)
            await write_edit(connection, second, edit, actor, now)
            await moves.merge(connection, source, target, actor)
            records = await self._refolded(
                connection, [source, target], {first["id"]: f"merged into {second['id']}"}, actor
            )
            row = await locked_ticket(connection, second["id"], brands)
        return Joined(row, first["id"], records)

    async def split(
        self,
        ticket_id: str,
        messages: Collection[str],
        actor: str,
        *,
        seen: Seen | None = None,
        brands: frozenset[str] | None = None,
    ) -> Joined:
        """Put messages of a ticket, with the answers to them, into a conversation of their own.

        What answers them later follows. Raises NoTicket, NotAllowed, and Lost.
        """
        source = conversation_of(storable(ticket_id))
        async with reachable(), self._engine.begin() as connection:
            await lock_alone(connection, [source])
            row = await locked_ticket(connection, ticket_id, brands)
            await _refuse_changed(connection, row, seen)
            part = by_ticket(await moves.messages(connection, source)).get(row["id"], [])
            moved = moves.with_answers(part, messages)
            moves.refuse_split(part, moved, messages)
            target = await moves.free_id(connection, moved[0]["id"])
            await lock_alone(connection, [target])
            now = await _now(connection)
            edit = Edit(f"split off {target}", {}, {SPLIT: [None, target]})
            await write_edit(connection, row, edit, actor, now)
            await moves.split(
                connection, [message["id"] for message in moved], source, target, row["brand"]
            )
            reasons = {target: f"split off {ticket_id}"}
            records = await self._refolded(connection, [source, target], reasons, actor)
            row = await _now_there(connection, ticket_id, row)
        return Joined(row, target, records)

    async def link(
        self,
        ticket_id: str,
        incident: str | None,
        actor: str,
        *,
        seen: Seen | None = None,
        brands: frozenset[str] | None = None,
    ) -> Joined:
        """Put a ticket into an incident, out of the one that it was in; None: into none.

        earshot does not change that again. Raises UserError for an incident that is not, or is of
        another brand; NoTicket, NotAllowed, and Lost.
        """
        async with reachable(), self._engine.begin() as connection:
            row = await locked_ticket(connection, ticket_id, brands)
            await _refuse_changed(connection, row, seen)
            before = await self._incidents.of_ticket(connection, row["id"])
            if before is None and incident is None:
                raise NotAllowed(f"{ticket_id} is in no incident")
            if before == incident:
                return Joined(row)
            if incident is None and before is not None:
                await self._incidents.leave_within(connection, before, row["id"], actor)
                reason = f"unlinked from {before}"
            elif incident is not None:
                brand = await self._incidents.brand_of(connection, incident)
                if brands is not None and brand not in brands:
                    raise no_incident(incident)
                await self._incidents.join_within(connection, incident, row["id"], actor)
                reason = f"linked to {incident}"
            edit = Edit(reason, {}, {INCIDENT: [before, incident]})
            row = await write_edit(connection, row, edit, actor, await _now(connection))
        return Joined(row)

    async def note_words(self, ticket_id: str, event: Event, actor: str, how: str) -> Row:
        """Note in the ticket's history that a person added this message. how: `by phone`, say."""
        async with reachable(), self._engine.begin() as connection:
            row = await locked_ticket(connection, ticket_id, None)
            edit = Edit(f"added what they said {how}", {}, {WORDS: [None, event.id]})
            return await write_edit(connection, row, edit, actor, await _now(connection))

    async def undo(
        self,
        ticket_id: str,
        actor: str,
        *,
        seen: Seen,
        brands: frozenset[str] | None = None,
    ) -> Joined:
        """Take the actor's latest merge, split or link back. seen: the ticket as that left it.

        Raises as `Desk.undo` does, and NotJoined.
        """
        async with reachable(), self._engine.begin() as connection:
            conversations = {conversation_of(storable(ticket_id))}
            last = await last_change(connection, storable(ticket_id), "edited")
            of, other = joined(last)
            if of in (MERGED, SPLIT) and other is not None:
                conversations.add(conversation_of(other))
            await lock_alone(connection, conversations)
            row = await locked_ticket(connection, ticket_id, brands)
            last = await last_change(connection, row["id"], "edited")
            if seen.edits != row["edits"]:
                raise Lost(row, last)
            now = await _now(connection)
            check_undoable(last, actor, now)
            if of == INCIDENT:
                before, after = last["changes"][of]
                await self._incidents.put_back(connection, row["id"], before, after, actor)
            if of in (INCIDENT, WORDS):
                edit = given_back(row, last, of)
                row = await write_edit(connection, row, edit, actor, now)
                deleted = await _deletion(connection, row, other) if of == WORDS else None
                return Joined(row, deleted=deleted)
            if other is None or (of, other) != joined(last):
                raise NotAllowed("this cannot be undone; change the ticket instead")
            await write_edit(connection, row, given_back(row, last, of), actor, now)
            source = conversation_of(row["id"])
            if of == MERGED:
                if INCIDENT in last["changes"]:
                    before, after = last["changes"][INCIDENT]
                    await self._incidents.put_back(connection, row["id"], before, after, actor)
                touched = await moves.unmerge(connection, source, conversation_of(other))
                reasons = {other: f"no longer merged into {row['id']}"}
            else:
                touched = await moves.unsplit(connection, other)
                reasons = {other: f"no longer split off {row['id']}"}
            records = await self._refolded(connection, {source, *touched}, reasons, actor)
            return Joined(await _now_there(connection, row["id"], row), other, records)

    async def _incident_along(
        self, connection: AsyncConnection, first: Row, second: Row, actor: str
    ) -> str | None:
        """The incident of `first`, which `second` joins where it is in none."""
        incident = await self._incidents.of_ticket(connection, first["id"])
        if incident is None or await self._incidents.of_ticket(connection, second["id"]):
            return None
        await self._incidents.join_within(connection, incident, second["id"], actor)
        return incident

    async def _refolded(
        self,
        connection: AsyncConnection,
        conversations: Collection[str],
        reasons: dict[str, str],
        actor: str,
    ) -> TicketRecords:
        """Fold them anew. reasons: what a ticket's history says, in place of the fold's reason."""
        folded = await self._store.refold_within(connection, conversations, emptied=conversations)
        await moves.bring_replies(connection, conversations)
        for ticket, reason in reasons.items():
            await moves.tell(connection, ticket, actor, reason)
        return folded.tickets


async def _both(
    connection: AsyncConnection, ticket_id: str, into: str, brands: frozenset[str] | None
) -> tuple[Row, Row]:
    """Both rows, locked in the order of their ids: no two merges wait for each other."""
    rows = {id: await locked_ticket(connection, id, brands) for id in sorted((ticket_id, into))}
    return rows[ticket_id], rows[into]


async def _refuse_changed(connection: AsyncConnection, row: Row, seen: Seen | None) -> None:
    if seen is not None and seen.edits != row["edits"]:
        raise Lost(row, await last_change(connection, row["id"], "edited"))


async def _now(connection: AsyncConnection) -> datetime:
    moment: datetime = (await connection.execute(select(func.now()))).scalar_one()
    return moment.astimezone(UTC)


async def _now_there(connection: AsyncConnection, ticket_id: str, row: Row) -> Row:
    """The ticket as it is; as it was where what is left needs nobody."""
    try:
        return await locked_ticket(connection, ticket_id, None)
    except NoTicket:
        return row


async def _deletion(connection: AsyncConnection, row: Row, event_id: str | None) -> Deleted:
    """Of a message that may not be stored yet."""
    query = select(event_ids.c.occurred_at).where(event_ids.c.id == event_id)
    said_at = (await connection.execute(query)).scalar()
    return Deleted(
        id=str(event_id),
        conversation=conversation_of(row["id"]),
        occurred_at=said_at or await _now(connection),
        brand=row["brand"],
        of="complaint",
    )
