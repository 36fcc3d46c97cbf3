"""Incidents and the tickets in them, as they are stored. Who put a ticket in or took it out is
kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.bursts.distinctive_words import Said, words_apart
from stream.errors import UserError
from stream.incidents.clustering import WITHIN, Floats, Incident, Loose, severity
from stream.postgres.advisory_lock import sole
from stream.postgres.database import halfvec_bytes, reachable
from stream.postgres.tables import Halfvec, Moment, incident_tickets, incidents

OWN = "earshot"  # who is not a person

_MOST = 5000  # tickets of a look


class Incidents:
    """The tables `incidents` and `incident_tickets`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def sole(self, name: str) -> AbstractAsyncContextManager[bool]:
        """Whether this process is the only one that does `name` until the block ends. Never waits."""
        return sole(self._engine, name)

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    async def loose(self, since: datetime | None) -> tuple[list[Loose], list[Incident], datetime]:
        """The tickets in no incident that changed since then, with their neighbours in time, and
        the incidents near them; and the moment to ask for the next time. A ticket that a person
        took out is nobody's to gather.
        """
        async with reachable(), self._engine.connect() as connection:
            following: datetime = (await connection.execute(_MOMENT)).scalar_one()
            changed = (await connection.execute(_CHANGED, {"since": since})).mappings().all()
            if not changed:
                return [], [], following
            stretch = {
                "brands": [row["brand"] for row in changed],
                "first": min(row["first"] for row in changed) - WITHIN,
                "last": max(row["last"] for row in changed) + WITHIN,
                "most": _MOST,
            }
            tickets = (await connection.execute(_LOOSE, stretch)).mappings().all()
            known = (await connection.execute(_KNOWN, stretch)).mappings().all()
        return (
            [
                Loose(
                    row["id"],
                    row["brand"],
                    row["problem"],
                    row["topic"],
                    row["at"],
                    row["model"],
                    _unit(row["said"]),
                )
                for row in tickets
            ],
            [
                Incident(
                    row["id"],
                    row["brand"],
                    row["problem"],
                    row["topic"],
                    row["model_version"],
                    _unit(row["embedding"]),
                    row["started_at"],
                    row["last_at"],
                )
                for row in known
            ],
            following,
        )

    async def write(self, found: Sequence[Incident]) -> list[str]:
        """Store what joined and what began; returns the incidents' ids. A ticket that is elsewhere
        by now stays.
        """
        told = []
        async with reachable(), self._engine.begin() as connection:
            for incident in found:
                id = (
                    incident.id
                    or f"incident:{incident.brand}:{incident.problem}:{incident.first:%Y-%m-%dT%H:%MZ}"
                )
                await self._put(connection, id, incident)
                await connection.execute(
                    _JOIN,
                    {
                        "incident": id,
                        "tickets": [ticket for ticket, _ in incident.tickets],
                        "likeness": [likeness for _, likeness in incident.tickets],
                    },
                )
                await self._retell(connection, id)
                told.append(id)
        return told

    async def close_quiet(self, before: timedelta) -> int:
        """An incident is over when no ticket joined it for so long."""
        async with reachable(), self._engine.begin() as connection:
            return int((await connection.execute(_CLOSE, {"before": before})).rowcount)

    async def list_incidents(
        self, *, brand: str | None = None, brands: frozenset[str] | None = None, limit: int = 50
    ) -> list[dict[str, Any]]:
        """The latest first. tickets: how many belong to it now; open: how many of them wait for
        somebody.

        brands: what whoever asks is bound to; None: all.
        """
        bound = None if brands is None else sorted(brands)
        async with reachable(), self._engine.connect() as connection:
            rows = await connection.execute(
                _LIST, {"brand": brand, "brands": bound, "id": None, "limit": limit}
            )
            return [dict(row) for row in rows.mappings()]

    async def show_incident(self, id: str) -> dict[str, Any]:
        """With its tickets, also those that left. Raises UserError when there is none."""
        async with reachable(), self._engine.connect() as connection:
            found = (
                (
                    await connection.execute(
                        _LIST, {"brand": None, "brands": None, "id": id, "limit": 1}
                    )
                )
                .mappings()
                .first()
            )
            if found is None:
                raise UserError(f"there is no incident {id}; see `earshot incident list`")
            members = (await connection.execute(_MEMBERS, {"incident": id})).mappings().all()
        return {**found, "members": [dict(row) for row in members]}

    async def join(self, id: str, ticket: str, who: str) -> None:
        """A person puts a ticket in; it leaves the incident that it was in. Raises UserError."""
        async with reachable(), self._engine.begin() as connection:
            brand = await self._brand(connection, id)
            found = (
                await connection.execute(
                    text("select brand from tickets where id = :id"), {"id": ticket}
                )
            ).first()
            if found is None:
                raise UserError(f"there is no ticket {ticket}; see `earshot tickets`")
            if found.brand != brand:
                raise UserError(
                    f"{ticket} is a ticket of {found.brand or 'no brand'}, the incident is of {brand}"
                )
            elsewhere = {"ticket": ticket, "who": who, "incident": id}
            left = (await connection.execute(_LEAVE_OTHERS, elsewhere)).scalars().all()
            await self._set(connection, id, ticket, "joined", who)
            for each in (id, *left):
                await self._retell(connection, each)

    async def leave(self, id: str, ticket: str, who: str) -> None:
        """A person takes a ticket out; earshot will not put it into another one. Raises UserError."""
        async with reachable(), self._engine.begin() as connection:
            await self._brand(connection, id)
            member = select(incident_tickets.c.state).where(
                incident_tickets.c.incident_id == id, incident_tickets.c.ticket_id == ticket
            )
            if (await connection.execute(member)).scalar() is None:
                raise UserError(f"{ticket} is not in {id}")
            await self._set(connection, id, ticket, "left", who)
            await self._retell(connection, id)

    async def _brand(self, connection: AsyncConnection, id: str) -> str | None:
        row = (
            await connection.execute(
                select(incidents.c.brand).where(incidents.c.id == id).with_for_update()
            )
        ).first()
        if row is None:
            raise UserError(f"there is no incident {id}; see `earshot incident list`")
        brand: str | None = row.brand
        return brand

    async def _set(
        self, connection: AsyncConnection, id: str, ticket: str, state: str, who: str
    ) -> None:
        put = upsert(incident_tickets).values(
            incident_id=id, ticket_id=ticket, state=state, who=who
        )
        await connection.execute(
            put.on_conflict_do_update(
                index_elements=["incident_id", "ticket_id"],
                set_={"state": state, "who": who, "changed_at": func.now()},
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

    async def _retell(self, connection: AsyncConnection, id: str) -> None:
        """The title, the severity and the words, from the tickets that belong to it now."""
        rows = (await connection.execute(_SAID, {"incident": id})).mappings().all()
        usual = (await connection.execute(_SAID_OTHERWISE, {"incident": id})).mappings().all()
        brand = (
            await connection.execute(select(incidents.c.brand).where(incidents.c.id == id))
        ).scalar() or ""
        words = words_apart(_said(rows), _said(usual), without=brand)
        urgent = sum(row["level"] == "P1" for row in rows)
        await connection.execute(
            _RETELL,
            {
                "incident": id,
                "severity": severity(len(rows), urgent),
                "words": words,
                "suffix": f": {', '.join(words)}" if words else "",
                "tickets": len(rows),
            },
        )


def _said(rows: Sequence[Any]) -> list[Said]:
    return [Said(row["id"], row["text"], row["author"]) for row in rows]


def _unit(vector: Any) -> Floats:
    wide = np.asarray(vector, dtype=np.float32)
    return np.asarray(wide / max(float(np.linalg.norm(wide)), 1e-9), dtype=np.float32)


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
          select from incident_tickets i where i.ticket_id = t.id and (i.state = 'joined' or i.who <> 'earshot')
      )
    group by t.brand
""")
_LOOSE = text("""
    select t.id, t.brand, t.problem, t.topic, angriest.occurred_at as at, angriest.model_version as model,
           angriest.embedding as said
    from tickets t
    cross join lateral (
        select e.occurred_at, e.model_version, e.embedding
        from events e
        where e.conversation = t.id and e.direction = 'inbound' and e.embedding is not null
        order by e.dissatisfaction desc nulls last, e.occurred_at, e.id
        limit 1
    ) as angriest
    where t.brand = any(cast(:brands as text[])) and t.first_at between :first and :last
      and not exists (
          select from incident_tickets i where i.ticket_id = t.id and (i.state = 'joined' or i.who <> 'earshot')
      )
    order by angriest.occurred_at desc, t.id
    limit :most
""").columns(said=Halfvec(), at=Moment)
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
    from unnest(cast(:tickets as text[]), cast(:likeness as real[])) as given (ticket, likeness)
    on conflict do nothing
""")
_CLOSE = text("""
    update incidents set ended_at = last_at, version = version + 1, updated_at = now()
    where ended_at is null and last_at < now() - cast(:before as interval)
      and updated_at < now() - interval '1 minute'
""")
_LEAVE_OTHERS = text("""
    update incident_tickets set state = 'left', who = :who, changed_at = now()
    where ticket_id = :ticket and state = 'joined' and incident_id <> :incident
    returning incident_id
""")
_SAID = text("""
    select t.id, t.level, t.excerpt as text, coalesce(t.author, t.id) as author
    from incident_tickets i join tickets t on t.id = i.ticket_id
    where i.incident_id = :incident and i.state = 'joined'
""")
_SAID_OTHERWISE = text("""
    select t.id, t.excerpt as text, coalesce(t.author, t.id) as author
    from tickets t
    where not exists (select from incident_tickets i where i.ticket_id = t.id and i.incident_id = :incident)
    order by t.updated_at desc
    limit 1000
""")
_RETELL = text("""
    update incidents
    set title = coalesce(problem, '') || cast(:suffix as text),
        severity = cast(:severity as smallint),
        evidence = jsonb_build_object('words', cast(:words as text[]), 'tickets', cast(:tickets as integer)),
        version = version + 1,
        updated_at = now()
    where id = :incident
      and (severity, evidence) is distinct from (
          cast(:severity as smallint),
          jsonb_build_object('words', cast(:words as text[]), 'tickets', cast(:tickets as integer))
      )
""")
_LIST = text("""
    select n.id, n.brand, n.problem, n.topic, n.title, n.severity, n.started_at, n.last_at, n.ended_at, n.version,
           coalesce(now_in.tickets, 0) as tickets, coalesce(now_in.open, 0) as open, coalesce(now_in.p1, 0) as p1
    from incidents n
    left join lateral (
        select count(*) as tickets, count(*) filter (where t.state <> 'resolved') as open,
               count(*) filter (where t.level = 'P1') as p1
        from incident_tickets i join tickets t on t.id = i.ticket_id
        where i.incident_id = n.id and i.state = 'joined'
    ) as now_in on true
    where (cast(:brand as text) is null or n.brand = :brand) and (cast(:id as text) is null or n.id = :id)
      and (cast(:brands as text[]) is null or n.brand = any(cast(:brands as text[])))
    order by n.last_at desc, n.id
    limit :limit
""")
_MEMBERS = text("""
    select i.ticket_id, i.state, i.who, i.likeness, i.changed_at, t.level, t.state as ticket_state, t.excerpt
    from incident_tickets i left join tickets t on t.id = i.ticket_id
    where i.incident_id = :incident
    order by i.state, t.priority desc nulls last, i.ticket_id
""")
