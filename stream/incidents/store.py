"""Incident store: the tables of incidents and of their tickets, with the actor of each change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.bursts.distinctive_words import AuthoredText, distinctive_words
from stream.errors import UserError
from stream.incidents.clustering import WITHIN, Incident, UnassignedTicket, severity, unit
from stream.postgres.advisory_lock import sole
from stream.postgres.database import halfvec_bytes, reachable
from stream.postgres.tables import Halfvec, Moment, incident_tickets, incidents

GROWTH = 1.5  # times the tickets by which an incident was described, to describe it anew
_LIMIT = 5000  # tickets of a look


class Incidents:
    """The tables `incidents` and `incident_tickets`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    def sole(self, name: str) -> AbstractAsyncContextManager[bool]:
        """Whether this process alone does `name` until the block ends. Never waits."""
        return sole(self.engine, name)

    async def unassigned(
        self, since: datetime | None
    ) -> tuple[list[UnassignedTicket], list[Incident], datetime]:
        """The tickets in no incident that changed since then, and the incidents near them.

        Their neighbours in time come along. The third is the moment to ask for the next time. A
        ticket that a person took out is never clustered again.
        """
        async with reachable(), self.engine.connect() as connection:
            following: datetime = (await connection.execute(_MOMENT)).scalar_one()
            changed = (await connection.execute(_CHANGED, {"since": since})).mappings().all()
            if not changed:
                return [], [], following
            stretch = {
                "brands": [row["brand"] for row in changed],
                "first": min(row["first"] for row in changed) - WITHIN,
                "last": max(row["last"] for row in changed) + WITHIN,
                "limit": _LIMIT,
            }
            tickets = (await connection.execute(_UNASSIGNED, stretch)).mappings().all()
            known = (await connection.execute(_KNOWN, stretch)).mappings().all()
        return [_ticket(row) for row in tickets], [_incident(row) for row in known], following

    async def write(self, incidents: Sequence[Incident]) -> list[str]:
        """Store the incidents with the tickets that join them; returns the incidents' ids.

        A ticket that is elsewhere by now stays there.
        """
        ids: list[str] = []
        async with reachable(), self.engine.begin() as connection:
            for incident in incidents:
                id = incident.id or _new_id(incident)
                await self._put(connection, id, incident)
                members = {
                    "incident": id,
                    "tickets": [ticket for ticket, _ in incident.tickets],
                    "likeness": [likeness for _, likeness in incident.tickets],
                }
                joined = (await connection.execute(_JOIN, members)).scalars().all()
                await self._grow(connection, id, joined)
                ids.append(id)
        return ids

    async def close_quiet(self, before: timedelta) -> int:
        """An incident is over when no ticket joined it for so long."""
        async with reachable(), self.engine.begin() as connection:
            closed = (await connection.execute(_CLOSE, {"before": before})).all()
            for id, evidence in closed:
                if evidence.get("described") != evidence.get("tickets"):
                    await self._describe(connection, id)
            return len(closed)

    async def list_incidents(
        self, *, brand: str | None = None, brands: frozenset[str] | None = None, limit: int = 50
    ) -> list[dict[str, Any]]:
        """The latest first, with how many tickets belong to it now, and how many of them are open.

        brands: that the user is bound to; None: all.
        """
        bound = None if brands is None else sorted(brands)
        values = {"brand": brand, "brands": bound, "id": None, "limit": limit}
        async with reachable(), self.engine.connect() as connection:
            rows = await connection.execute(_LIST, values)
            return [dict(row) for row in rows.mappings()]

    async def show_incident(self, id: str) -> dict[str, Any]:
        """With its tickets, also those that left. Raises UserError when there is none."""
        values = {"brand": None, "brands": None, "id": id, "limit": 1}
        async with reachable(), self.engine.connect() as connection:
            incident = (await connection.execute(_LIST, values)).mappings().first()
            if incident is None:
                raise _no_incident(id)
            members = (await connection.execute(_MEMBERS, {"incident": id})).mappings().all()
        return {**incident, "members": [dict(row) for row in members]}

    async def join(self, id: str, ticket: str, actor: str) -> None:
        """A person puts a ticket in; it leaves the incident that it was in. Raises UserError."""
        async with reachable(), self.engine.begin() as connection:
            brand = await self._brand(connection, id)
            row = (await connection.execute(_TICKET, {"id": ticket})).first()
            if row is None:
                raise UserError(f"there is no ticket {ticket}; see `earshot tickets`")
            if row.brand != brand:
                raise UserError(
                    f"{ticket} is a ticket of {row.brand or 'no brand'}, the incident is of {brand}"
                )
            values = {"ticket": ticket, "who": actor, "incident": id}
            left = (await connection.execute(_LEAVE_OTHERS, values)).scalars().all()
            await self._set(connection, id, ticket, "joined", actor)
            for changed in (id, *left):
                await self._describe(connection, changed)

    async def leave(self, id: str, ticket: str, actor: str) -> None:
        """A person takes a ticket out; earshot puts it into no other one. Raises UserError."""
        async with reachable(), self.engine.begin() as connection:
            await self._brand(connection, id)
            member = select(incident_tickets.c.state).where(
                incident_tickets.c.incident_id == id, incident_tickets.c.ticket_id == ticket
            )
            if (await connection.execute(member)).scalar() is None:
                raise UserError(f"{ticket} is not in {id}")
            await self._set(connection, id, ticket, "left", actor)
            await self._describe(connection, id)

    async def _brand(self, connection: AsyncConnection, id: str) -> str | None:
        """The brand of the incident, whose row is this transaction's until it ends."""
        query = select(incidents.c.brand).where(incidents.c.id == id).with_for_update()
        row = (await connection.execute(query)).first()
        if row is None:
            raise _no_incident(id)
        brand: str | None = row.brand
        return brand

    async def _set(
        self, connection: AsyncConnection, id: str, ticket: str, state: str, actor: str
    ) -> None:
        put = upsert(incident_tickets).values(
            incident_id=id, ticket_id=ticket, state=state, who=actor
        )
        await connection.execute(
            put.on_conflict_do_update(
                index_elements=["incident_id", "ticket_id"],
                set_={"state": state, "who": actor, "changed_at": func.now()},
            )
        )

    async def _put(self, connection: AsyncConnection, id: str, incident: Incident) -> None:
        put = upsert(incidents).values(
            id=id,
            brand=incident.brand,
            topic=incident.topic,
            title=incident.problem,
            severity=1,
            started_at=incident.first,
            last_at=incident.last,
            evidence={},
            version=1,
            problem=incident.problem,
            model_version=incident.model,
            embedding=halfvec_bytes(incident.centre.astype(np.float16)),
        )
        await connection.execute(
            put.on_conflict_do_update(
                index_elements=["id"],
                set_={
                    "started_at": func.least(incidents.c.started_at, put.excluded.started_at),
                    "last_at": func.greatest(incidents.c.last_at, put.excluded.last_at),
                    "ended_at": None,
                },
            )
        )

    async def _grow(self, connection: AsyncConnection, id: str, joined: Sequence[str]) -> None:
        """Count the tickets that joined. Its words are found anew once it has grown by half, so
        that a ticket costs the same in a large incident; its severity is right after each.
        """
        evidence = (await connection.execute(_EVIDENCE, {"incident": id})).scalar_one()
        described = evidence.get("described", 0)
        tickets = evidence.get("tickets", 0) + len(joined)
        if tickets >= described * GROWTH:
            await self._describe(connection, id)
            return
        urgent = evidence["p1"] + (await connection.execute(_P1, {"tickets": joined})).scalar_one()
        counts = {
            "incident": id,
            "severity": severity(tickets, urgent),
            "tickets": tickets,
            "p1": urgent,
        }
        await connection.execute(_COUNT, counts)

    async def _describe(self, connection: AsyncConnection, id: str) -> None:
        """Set title, severity and words by the tickets that belong to it now."""
        rows = (await connection.execute(_EXCERPTS, {"incident": id})).mappings().all()
        usual = (await connection.execute(_OTHER_EXCERPTS, {"incident": id})).mappings().all()
        query = select(incidents.c.brand).where(incidents.c.id == id)
        brand = (await connection.execute(query)).scalar() or ""
        # In a thread: the words of thousands of tickets would keep heartbeats and health waiting.
        words = await asyncio.to_thread(
            distinctive_words, _authored(rows), _authored(usual), exclude=brand
        )
        urgent = sum(row["level"] == "P1" for row in rows)
        description = {
            "incident": id,
            "severity": severity(len(rows), urgent),
            "words": words,
            "suffix": f": {', '.join(words)}" if words else "",
            "tickets": len(rows),
            "p1": urgent,
        }
        await connection.execute(_DESCRIBE, description)


def _ticket(row: Mapping[Any, Any]) -> UnassignedTicket:
    return UnassignedTicket(
        id=row["id"],
        brand=row["brand"],
        problem=row["problem"],
        topic=row["topic"],
        at=row["at"],
        model=row["model"],
        embedding=unit(row["embedding"]),
    )


def _incident(row: Mapping[Any, Any]) -> Incident:
    return Incident(
        id=row["id"],
        brand=row["brand"],
        problem=row["problem"],
        topic=row["topic"],
        model=row["model_version"],
        centre=unit(row["embedding"]),
        first=row["started_at"],
        last=row["last_at"],
    )


def _new_id(incident: Incident) -> str:
    return f"incident:{incident.brand}:{incident.problem}:{incident.first:%Y-%m-%dT%H:%MZ}"


def _no_incident(id: str) -> UserError:
    return UserError(f"there is no incident {id}; see `earshot incident list`")


def _authored(rows: Sequence[Mapping[Any, Any]]) -> list[AuthoredText]:
    return [AuthoredText(row["id"], row["text"], row["author"]) for row in rows]


_TICKET = text("select brand from tickets where id = :id")
_MOMENT = text("""
    select coalesce(
        (select min(xact_start) from pg_stat_activity
         where datname = current_database() and backend_xid is not null),
        now()
    )
""")
_CHANGED = text("""
    select t.brand, min(t.first_at) as first, max(t.last_inbound_at) as last
    from tickets t
    where t.brand is not null and (cast(:since as timestamptz) is null or t.updated_at >= :since)
      and not exists (
          select from incident_tickets i
          where i.ticket_id = t.id and (i.state = 'joined' or i.who <> 'earshot')
      )
    group by t.brand
""")
_UNASSIGNED = text("""
    select t.id, t.brand, t.problem, t.topic, angriest.occurred_at as at,
           angriest.model_version as model, angriest.embedding
    from tickets t
    cross join lateral (
        select e.occurred_at, e.model_version, e.embedding
        from events e
        where e.conversation = split_part(t.id, ' ', 1) and coalesce(e.brand, t.brand) = t.brand
          and e.direction = 'inbound' and e.embedding is not null
        order by e.dissatisfaction desc nulls last, e.occurred_at, e.id
        limit 1
    ) as angriest
    where t.brand = any(cast(:brands as text[])) and t.first_at between :first and :last
      and not exists (
          select from incident_tickets i
          where i.ticket_id = t.id and (i.state = 'joined' or i.who <> 'earshot')
      )
    order by angriest.occurred_at desc, t.id
    limit :limit
""").columns(embedding=Halfvec(), at=Moment)
_KNOWN = text("""
    select id, brand, problem, topic, model_version, embedding, started_at, last_at
    from incidents
    where brand = any(cast(:brands as text[])) and problem is not null and embedding is not null
      and last_at >= :first and started_at <= :last
    order by started_at, id
""").columns(embedding=Halfvec())
_JOIN = text("""
    insert into incident_tickets (incident_id, ticket_id, who, likeness)
    select :incident, ticket, 'earshot', likeness
    from unnest(cast(:tickets as text[]), cast(:likeness as real[])) as x (ticket, likeness)
    on conflict do nothing
    returning ticket_id
""")
_CLOSE = text("""
    update incidents set ended_at = last_at, version = version + 1, updated_at = now()
    where ended_at is null and last_at < now() - cast(:before as interval)
      and updated_at < now() - interval '1 minute'
    returning id, evidence
""").columns(evidence=JSONB)
_EVIDENCE = select(incidents.c.evidence).where(incidents.c.id == bindparam("incident"))
_P1 = text("""
    select count(*) from tickets where id = any(cast(:tickets as text[])) and level = 'P1'
""")
_COUNT = text("""
    update incidents
    set severity = cast(:severity as smallint),
        evidence = evidence || jsonb_build_object(
            'tickets', cast(:tickets as integer), 'p1', cast(:p1 as integer)
        ),
        version = version + 1,
        updated_at = now()
    where id = :incident and cast(evidence ->> 'tickets' as integer) <> :tickets
""")
_LEAVE_OTHERS = text("""
    update incident_tickets set state = 'left', who = :who, changed_at = now()
    where ticket_id = :ticket and state = 'joined' and incident_id <> :incident
    returning incident_id
""")
_EXCERPTS = text("""
    select t.id, t.level, t.excerpt as text, coalesce(t.author, t.id) as author
    from incident_tickets i join tickets t on t.id = i.ticket_id
    where i.incident_id = :incident and i.state = 'joined'
""")
_OTHER_EXCERPTS = text("""
    select t.id, t.excerpt as text, coalesce(t.author, t.id) as author
    from tickets t
    where not exists (
        select from incident_tickets i where i.ticket_id = t.id and i.incident_id = :incident
    )
    order by t.updated_at desc
    limit 1000
""")
_DESCRIBE = text("""
    update incidents
    set title = coalesce(problem, '') || cast(:suffix as text),
        severity = cast(:severity as smallint),
        evidence = now_said.evidence,
        version = version + 1,
        updated_at = now()
    from (
        select jsonb_build_object(
            'words', cast(:words as text[]), 'tickets', cast(:tickets as integer),
            'p1', cast(:p1 as integer), 'described', cast(:tickets as integer)
        ) as evidence
    ) now_said
    where id = :incident
      and (severity, incidents.evidence)
          is distinct from (cast(:severity as smallint), now_said.evidence)
""")
_LIST = text("""
    select n.id, n.brand, n.problem, n.topic, n.title, n.severity, n.started_at, n.last_at,
           n.ended_at, n.version, coalesce(now_in.tickets, 0) as tickets,
           coalesce(now_in.open, 0) as open, coalesce(now_in.p1, 0) as p1
    from incidents n
    left join lateral (
        select count(*) as tickets,
               count(*) filter (where t.state not in ('resolved', 'settled')) as open,
               count(*) filter (where t.level = 'P1') as p1
        from incident_tickets i join tickets t on t.id = i.ticket_id
        where i.incident_id = n.id and i.state = 'joined'
    ) as now_in on true
    where (cast(:brand as text) is null or n.brand = :brand)
      and (cast(:id as text) is null or n.id = :id)
      and (cast(:brands as text[]) is null or n.brand = any(cast(:brands as text[])))
    order by n.last_at desc, n.id
    limit :limit
""")
_MEMBERS = text("""
    select i.ticket_id, i.state, i.who, i.likeness, i.changed_at, t.level,
           t.state as ticket_state, t.excerpt
    from incident_tickets i left join tickets t on t.id = i.ticket_id
    where i.incident_id = :incident
    order by i.state, t.priority desc nulls last, i.ticket_id
""")
