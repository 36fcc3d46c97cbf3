"""Tickets as the desk reads and changes them. An edit names the state of the ticket that it saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.desk.actions import (
    Action,
    Edit,
    Note,
    Prioritise,
    Resolve,
    Snooze,
    Wait,
    apply,
)
from stream.desk.corrections import correct, take_back
from stream.desk.undo import undone
from stream.postgres.database import reachable, storable
from stream.postgres.tables import events, ticket_changes, tickets
from stream.records import Level
from stream.store.brand_parts import conversation_of, of_brand
from stream.store.merges import ends

Row = dict[str, Any]

SIMILAR = 5  # tickets beside one
LEAST_SIMILARITY = 0.5

_CONVERSATION = (
    select(*(column for column in events.c if column.name != "embedding"))
    .where(events.c.conversation == bindparam("conversation"))
    .order_by(events.c.occurred_at, events.c.id)
    .limit(500)
)
# The message that the excerpt quotes; where none does, the customer's last.
_DECISIVE = text("""
    select id from events
    where conversation = :ticket and direction = 'inbound' and text <> ''
    order by starts_with(text, cast(:excerpt as text)) desc, occurred_at desc, id desc limit 1
""")
_HISTORY = text("""
    select version, changed_at, kind, who, reason, changes from ticket_changes
    where ticket_id = :ticket order by version, changed_at limit 500
""")
# The nearest of the same model's, a conversation its nearest message. Recent ones alone: a scan
# must stay bounded.
_SIMILAR = text("""
    with this as (
        select embedding, model_version, brand from events
        where conversation = split_part(:ticket, ' ', 1)
          and embedding is not null and direction = 'inbound'
        order by (brand = (select brand from tickets where id = :ticket)) desc nulls last,
                 dissatisfaction desc nulls last, occurred_at, id
        limit 1
    ),
    recent as (
        select conversation, brand, embedding from events
        where model_version = (select model_version from this) and embedding is not null
          and brand is not distinct from (select brand from this)
          and direction = 'inbound' and conversation <> split_part(:ticket, ' ', 1)
        order by occurred_at desc limit 5000
    )
    select tickets.id, tickets.state, tickets.level, tickets.priority, tickets.problem,
           tickets.excerpt, tickets.owner,
           round((1 - min(recent.embedding <=> (select embedding from this)))::numeric, 3)::float
               as similarity
    from recent join tickets
      on tickets.id in (recent.conversation, recent.conversation || ' ' || recent.brand)
      and (tickets.brand = recent.brand or recent.brand is null)
    group by tickets.id
    having 1 - min(recent.embedding <=> (select embedding from this)) >= :minimum
    order by similarity desc, tickets.id limit :limit
""")
_INCIDENT = text("""
    select n.id, n.title, n.severity, n.started_at, n.ended_at, n.evidence -> 'words' as words,
           count(t.id)::int as tickets,
           (count(t.id) filter (where t.state not in ('resolved', 'settled')))::int as open
    from incident_tickets mine
    join incidents n on n.id = mine.incident_id
    join incident_tickets i on i.incident_id = n.id and i.state = 'joined'
    join tickets t on t.id = i.ticket_id
    where mine.ticket_id = :ticket and mine.state = 'joined'
    group by n.id order by n.last_at desc limit 1
""").columns(words=JSONB)
_SEEN = text("""
    insert into presence (ticket_id, who) values (:ticket, :who)
    on conflict (ticket_id, who) do update set seen_at = now()
""")
_ALSO_OPEN = text("""
    select who from presence
    where ticket_id = :ticket and who <> :who and seen_at > now() - interval '30 seconds'
    order by who
""")
_LEFT = text(
    "delete from presence "
    "where ticket_id = :ticket and who = :who or seen_at < now() - interval '1 hour'"
)
_UNTELL = text("delete from notices where ticket_id = :ticket and place = :place")
_MAY_SEE_MERGES = text("select has_table_privilege('conversation_merges', 'select')")


class NoTicket(Exception):
    """There is no such ticket; or none that this person may see. into: the one that took its
    conversation in, where it was merged.
    """

    def __init__(self, message: str = "", into: str | None = None) -> None:
        super().__init__(message)
        self.into = into


class Lost(Exception):
    """The ticket changed since it was read. ticket: as it is now; last: its latest change."""

    def __init__(self, ticket: Row, last: Row) -> None:
        super().__init__(
            f"{last['who']} changed this ticket meanwhile ({last['reason']}); "
            "look at it and try again"
        )
        self.ticket = ticket
        self.last = last


@dataclass(frozen=True, slots=True)
class Seen:
    """The ticket as a person saw it before they acted: its columns `edits` and `version`."""

    edits: int
    version: int


class Desk:
    """Actions of people on tickets. brands: those that the person is bound to; None: all."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @property
    def engine(self) -> AsyncEngine:
        """Of who acts: it may be bound to brands."""
        return self._engine

    async def ticket(self, ticket_id: str, brands: frozenset[str] | None = None) -> Row:
        """The stored row. Raises NoTicket."""
        async with reachable(), self._engine.connect() as connection:
            return await _ticket(connection, ticket_id, brands, lock=False)

    async def act(
        self,
        ticket_id: str,
        action: Action,
        actor: str,
        *,
        seen: Seen | None = None,
        brands: frozenset[str] | None = None,
    ) -> Row:
        """Do it, record it, and return the ticket as it is then.

        seen: the ticket that the person looked at. Raises Lost when somebody changed it since then,
        and, where the action puts it away, also when the conversation went on; NotAllowed when it
        does not fit; NoTicket. A note takes nothing away and is always added.
        """
        return await self.act_all(ticket_id, (action,), actor, seen=seen, brands=brands)

    async def act_all(
        self,
        ticket_id: str,
        actions: Sequence[Action],
        actor: str,
        *,
        seen: Seen | None = None,
        brands: frozenset[str] | None = None,
    ) -> Row:
        """All of them in order, or none; otherwise as `act`."""
        async with reachable(), self._engine.begin() as connection:
            row = await _ticket(connection, ticket_id, brands, lock=True)
            if seen is not None:
                await _refuse_lost(connection, row, seen, actions)
            now = (await connection.execute(select(func.now()))).scalar_one().astimezone(UTC)
            for action in actions:
                edit = apply(row, action, actor, now)
                if edit is not None:
                    row = await write_edit(connection, row, edit, actor, now)
                if isinstance(action, Prioritise):
                    await _label(connection, row, action.level, actor)
            return row

    async def undo(
        self,
        ticket_id: str,
        actor: str,
        *,
        seen: Seen,
        brands: frozenset[str] | None = None,
    ) -> Row:
        """Take the actor's latest edit back, and record that. seen: the ticket as that edit left
        it.

        Raises Lost when somebody edited it since then; NotAllowed where it cannot be taken back;
        NoTicket.
        """
        async with reachable(), self._engine.begin() as connection:
            row = await _ticket(connection, ticket_id, brands, lock=True)
            last = await last_change(connection, row["id"], "edited")
            if seen.edits != row["edits"]:
                raise Lost(row, last)
            now = (await connection.execute(select(func.now()))).scalar_one().astimezone(UTC)
            edit = undone(row, last, actor, now)
            row = await write_edit(connection, row, edit, actor, now)
            if "notes" in edit.values:
                values = {"ticket": row["id"], "place": len(row["notes"])}
                await connection.execute(_UNTELL, values)
            if "by_hand" in edit.values:
                hand = edit.values["by_hand"]
                await _label(connection, row, hand and hand["level"], actor)
            return row

    async def conversation(self, ticket_id: str) -> list[Row]:
        """Its messages in order, of the first 500 of its conversation; deleted ones without a
        text.
        """
        query = select(tickets.c.brand).where(tickets.c.id == storable(ticket_id))
        values = {"conversation": conversation_of(storable(ticket_id))}
        async with reachable(), self._engine.connect() as connection:
            brand = (await connection.execute(query)).scalar_one_or_none()
            messages = (await connection.execute(_CONVERSATION, values)).mappings()
            return of_brand([dict(row) for row in messages], brand)

    async def history(self, ticket_id: str) -> list[Row]:
        """Its changes: version, time, person, reason, old and new values."""
        return await self._rows(_HISTORY, ticket=ticket_id)

    async def similar(self, ticket_id: str) -> list[Row]:
        """Tickets of the same brand whose messages mean nearly the same. similarity: cosine."""
        return await self._rows(_SIMILAR, ticket=ticket_id, limit=SIMILAR, minimum=LEAST_SIMILARITY)

    async def incident(self, ticket_id: str) -> Row | None:
        """The incident that it belongs to. tickets: how many do; open: those not yet resolved."""
        return next(iter(await self._rows(_INCIDENT, ticket=ticket_id)), None)

    async def enter(self, ticket_id: str, actor: str) -> list[str]:
        """Note that the person has the ticket open, every few seconds; returns who else has."""
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(_SEEN, {"ticket": ticket_id, "who": actor})
            names = await connection.execute(_ALSO_OPEN, {"ticket": ticket_id, "who": actor})
            return list(names.scalars())

    async def leave(self, ticket_id: str, actor: str) -> None:
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(_LEFT, {"ticket": ticket_id, "who": actor})

    async def _rows(self, query: Any, **values: Any) -> list[Row]:
        async with reachable(), self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query, values)).mappings()]


async def _refuse_lost(
    connection: AsyncConnection, row: Row, seen: Seen, actions: Sequence[Action]
) -> None:
    """Raises Lost. Putting a ticket away also needs the conversation as the person saw it."""
    kind = changed_since(row, seen, actions)
    if kind is not None:
        only = "edited" if kind == "edited" else None
        raise Lost(row, await last_change(connection, row["id"], only))


def changed_since(
    row: Row, seen: Seen, actions: Sequence[Action]
) -> Literal["edited", "any"] | None:
    """Which change of the ticket keeps these actions from who saw it as it was; None: nothing."""
    if all(isinstance(action, Note) for action in actions):
        return None
    if seen.edits != row["edits"]:
        return "edited"
    puts_away = any(isinstance(action, Wait | Snooze | Resolve) for action in actions)
    return "any" if puts_away and seen.version != row["version"] else None


async def _ticket(
    connection: AsyncConnection, ticket_id: str, brands: frozenset[str] | None, *, lock: bool
) -> Row:
    query = select(tickets).where(tickets.c.id == storable(ticket_id))
    if lock:
        query = query.with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is not None and (brands is None or row["brand"] in brands):
        return dict(row)
    into = {} if brands is not None else await merged_into(connection, [ticket_id])
    if ticket_id in into:
        raise NoTicket(f"{ticket_id} was merged into {into[ticket_id]}", into[ticket_id])
    raise NoTicket(f"there is no ticket {ticket_id}")


async def merged_into(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, str]:
    """The tickets that took these conversations in, where there are some.

    None where this login may not know: of people who are bound to brands, for it may be another's.
    """
    if not (await connection.execute(_MAY_SEE_MERGES)).scalar_one():
        return {}
    led = await ends(connection, {storable(id) for id in ids})
    query = select(tickets.c.id).where(tickets.c.id.in_(sorted(set(led.values()))))
    existing = set((await connection.execute(query)).scalars()) if led else set()
    return {id: led[storable(id)] for id in ids if led.get(storable(id)) in existing}


async def locked_ticket(
    connection: AsyncConnection, ticket_id: str, brands: frozenset[str] | None
) -> Row:
    """The stored row, which is this transaction's until it ends. Raises NoTicket."""
    return await _ticket(connection, ticket_id, brands, lock=True)


async def write_edit(
    connection: AsyncConnection, row: Row, edit: Edit, actor: str, now: datetime
) -> Row:
    """Write the edit and its history, whether or not it changes a column; the row as it is then."""
    values = storable_values(edit.values)
    values |= {"edits": row["edits"] + 1, "version": row["version"] + 1, "updated_at": now}
    if "state" in edit.values:
        values["state_changed_at"] = now
    written = await connection.execute(
        update(tickets).where(tickets.c.id == row["id"]).values(values).returning(*tickets.c)
    )
    await connection.execute(
        insert(ticket_changes).values(
            ticket_id=row["id"],
            version=row["version"] + 1,
            changed_at=now,
            kind="edited",
            who=actor,
            reason=edit.reason,
            changes=edit.changes,
            brand=row["brand"],
        )
    )
    return dict(written.mappings().one())


async def _label(connection: AsyncConnection, row: Row, level: Level | None, actor: str) -> None:
    """A level by hand is a label of the message that decided, to train with; one that is taken
    back is none.
    """
    values = {"ticket": row["id"], "excerpt": row["excerpt"].removesuffix("…")}
    decisive = (await connection.execute(_DECISIVE, values)).scalar()
    if decisive is None:
        return
    if level is None:
        await take_back(connection, decisive, "level")
    else:
        await correct(connection, decisive, "level", level, actor)


async def last_change(connection: AsyncConnection, ticket_id: str, kind: str | None = None) -> Row:
    """The latest change, of this kind; words in its place where there is none."""
    query = select(ticket_changes).where(ticket_changes.c.ticket_id == ticket_id)
    if kind is not None:
        query = query.where(ticket_changes.c.kind == kind)
    query = query.order_by(ticket_changes.c.version.desc()).limit(1)
    last = (await connection.execute(query)).mappings().first()
    return dict(last) if last else {"who": "somebody", "reason": "see its history"}


def storable_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of an edit as Postgres can hold them."""
    return {name: _storable(value) for name, value in values.items()}


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(entry) for entry in value]
    if isinstance(value, Mapping):
        return {name: _storable(entry) for name, entry in value.items()}
    return value
