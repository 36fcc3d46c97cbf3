"""Incident store: the tables of incidents and of their tickets, with the actor of each change."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.bursts.distinctive_words import AuthoredText, distinctive_words
from stream.errors import UserError
from stream.incidents import statements
from stream.incidents.clustering import (
    BEFORE,
    PAST,
    WITHIN,
    Floats,
    Incident,
    Look,
    severity,
    unit,
)
from stream.incidents.known_tickets import KnownTickets
from stream.incidents.rise import Past
from stream.postgres.advisory_lock import sole
from stream.postgres.database import halfvec_bytes, reachable
from stream.postgres.tables import incident_tickets, incidents

GROWTH = 1.5  # times the tickets by which an incident was described, to describe it anew
PAST_DAYS = 14  # of a brand, that its usual is read from
NAMELESS = "many tickets"  # of an incident that no problem and no topic names
_LIMIT = 5000  # tickets of a look


class Incidents:
    """The tables `incidents` and `incident_tickets`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._known = KnownTickets()

    def sole(self, name: str) -> AbstractAsyncContextManager[bool]:
        """Whether this process alone does `name` until the block ends. Never waits."""
        return sole(self.engine, name)

    async def timed(self, since: datetime | None) -> Look:
        """The tickets of brands of which one in no incident changed since then; with their
        neighbours in time, the incidents near them, and what the brands heard before.
        """
        async with reachable(), self.engine.connect() as connection:
            following: datetime = (await connection.execute(statements.MOMENT)).scalar_one()
            changed = (
                (await connection.execute(statements.CHANGED, {"since": since})).mappings().all()
            )
            if not changed:
                return Look(following=following)
            first = min(row["first"] for row in changed)
            stretch = {
                "brands": [row["brand"] for row in changed],
                "first": first - BEFORE,
                "last": max(row["last"] for row in changed) + WITHIN,
                "limit": _LIMIT,
            }
            tickets = await self._known.timed(connection, stretch)
            known = (await connection.execute(statements.KNOWN, stretch)).mappings().all()
            oldest: dict[str, datetime] = {}
            for ticket in tickets:
                oldest[ticket.brand] = min(ticket.at, oldest.get(ticket.brand, ticket.at))
            past = {
                brand: await self._past(connection, brand, moment)
                for brand, moment in oldest.items()
            }
        return Look(
            tickets,
            [_incident(row) for row in known],
            past,
            None if since is None else first,
            following,
        )

    async def _past(
        self, connection: AsyncConnection, brand: str, moment: datetime
    ) -> dict[str, Past]:
        """What the brand heard in the days before, by model."""
        values = {"brand": brand, "moment": moment, "days": PAST_DAYS}
        hours = (await connection.execute(statements.PAST_HOURS, values)).all()
        latest = (await connection.execute(statements.PAST, values | {"limit": PAST})).all()
        tickets = await self._known.read(connection, [(row.id, row.updated_at) for row in latest])
        embeddings: dict[str, list[Floats]] = defaultdict(list)
        for ticket in reversed(tickets.values()):
            if ticket.model is not None and ticket.embedding is not None:
                embeddings[ticket.model].append(ticket.embedding)
        arrivals = [int(row.hour) for row in hours for _ in range(row.tickets)]
        since = min((row.first for row in hours), default=moment)
        return {
            model: Past.of(np.stack(of_model), arrivals, since.timestamp(), moment.timestamp())
            for model, of_model in embeddings.items()
        }

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
                joined = (await connection.execute(statements.JOIN, members)).scalars().all()
                await self._grow(connection, id, joined)
                ids.append(id)
        return ids

    async def close_quiet(self, before: timedelta) -> int:
        """An incident is over when no ticket joined it for so long."""
        async with reachable(), self.engine.begin() as connection:
            closed = (await connection.execute(statements.CLOSE, {"before": before})).all()
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
            rows = await connection.execute(statements.LIST, values)
            return [dict(row) for row in rows.mappings()]

    async def show_incident(self, id: str) -> dict[str, Any]:
        """With its tickets, also those that left. Raises UserError when there is none."""
        values = {"brand": None, "brands": None, "id": id, "limit": 1}
        async with reachable(), self.engine.connect() as connection:
            incident = (await connection.execute(statements.LIST, values)).mappings().first()
            if incident is None:
                raise no_incident(id)
            members = (
                (await connection.execute(statements.MEMBERS, {"incident": id})).mappings().all()
            )
        return {**incident, "members": [dict(row) for row in members]}

    async def join(self, id: str, ticket: str, actor: str) -> None:
        """A person puts a ticket in; it leaves the incident that it was in. Raises UserError."""
        async with reachable(), self.engine.begin() as connection:
            await self.join_within(connection, id, ticket, actor)

    async def join_within(
        self, connection: AsyncConnection, id: str, ticket: str, actor: str
    ) -> None:
        """As `join`, in a transaction."""
        brand = await self.brand_of(connection, id)
        row = (await connection.execute(statements.TICKET, {"id": ticket})).first()
        if row is None:
            raise UserError(f"there is no ticket {ticket}; see `earshot tickets`")
        if row.brand != brand:
            raise UserError(
                f"{ticket} is a ticket of {row.brand or 'no brand'}, the incident is of {brand}"
            )
        values = {"ticket": ticket, "who": actor, "incident": id}
        left = (await connection.execute(statements.LEAVE_OTHERS, values)).scalars().all()
        await self._set(connection, id, ticket, "joined", actor)
        for changed in (id, *left):
            await self._describe(connection, changed)

    async def leave(self, id: str, ticket: str, actor: str) -> None:
        """A person takes a ticket out; earshot puts it into no other one. Raises UserError."""
        async with reachable(), self.engine.begin() as connection:
            await self.leave_within(connection, id, ticket, actor)

    async def leave_within(
        self, connection: AsyncConnection, id: str, ticket: str, actor: str
    ) -> None:
        """As `leave`, in a transaction."""
        await self.brand_of(connection, id)
        member = select(incident_tickets.c.state).where(
            incident_tickets.c.incident_id == id, incident_tickets.c.ticket_id == ticket
        )
        if (await connection.execute(member)).scalar() is None:
            raise UserError(f"{ticket} is not in {id}")
        await self._set(connection, id, ticket, "left", actor)
        await self._describe(connection, id)

    async def of_ticket(self, connection: AsyncConnection, ticket: str) -> str | None:
        """The incident that a ticket is in."""
        query = select(incident_tickets.c.incident_id).where(
            incident_tickets.c.ticket_id == ticket, incident_tickets.c.state == "joined"
        )
        id: str | None = (await connection.execute(query)).scalar()
        return id

    async def put_back(
        self,
        connection: AsyncConnection,
        ticket: str,
        before: str | None,
        after: str | None,
        actor: str,
    ) -> None:
        """Undo a person's `join` or `leave`. before, after: the incident that the ticket was in."""
        if before is not None:
            await self.join_within(connection, before, ticket, actor)
        if after is not None:
            await connection.execute(statements.NEVER_JOINED, {"incident": after, "ticket": ticket})
            await self._describe(connection, after)

    async def brand_of(self, connection: AsyncConnection, id: str) -> str | None:
        """The incident's brand; its row is this transaction's until it ends. Raises UserError."""
        query = select(incidents.c.brand).where(incidents.c.id == id).with_for_update()
        row = (await connection.execute(query)).first()
        if row is None:
            raise no_incident(id)
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
            title=incident.problem or incident.topic or NAMELESS,
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
                    "embedding": put.excluded.embedding,
                    "ended_at": None,
                },
            )
        )

    async def _grow(self, connection: AsyncConnection, id: str, joined: Sequence[str]) -> None:
        """Count the tickets that joined. Its words are found anew once it has grown by half, so
        that a ticket costs the same in a large incident; its severity is right after each.
        """
        evidence = (await connection.execute(statements.EVIDENCE, {"incident": id})).scalar_one()
        described = evidence.get("described", 0)
        tickets = evidence.get("tickets", 0) + len(joined)
        if tickets >= described * GROWTH:
            await self._describe(connection, id)
            return
        urgent = (
            evidence["p1"]
            + (await connection.execute(statements.P1, {"tickets": joined})).scalar_one()
        )
        counts = {
            "incident": id,
            "severity": severity(tickets, urgent),
            "tickets": tickets,
            "p1": urgent,
        }
        await connection.execute(statements.COUNT, counts)

    async def _describe(self, connection: AsyncConnection, id: str) -> None:
        """Set title, severity and words by the tickets that belong to it now."""
        rows = (await connection.execute(statements.EXCERPTS, {"incident": id})).mappings().all()
        usual = (
            (await connection.execute(statements.OTHER_EXCERPTS, {"incident": id})).mappings().all()
        )
        columns = select(incidents.c.brand, incidents.c.problem, incidents.c.topic)
        row = (await connection.execute(columns.where(incidents.c.id == id))).one_or_none()
        names = [name for name in row or () if name is not None]
        # In a thread: the words of thousands of tickets would keep heartbeats and health waiting.
        words = await asyncio.to_thread(
            distinctive_words, _authored(rows), _authored(usual), exclude=names
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
        await connection.execute(statements.DESCRIBE, description)


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
        size=row["size"],
    )


def _new_id(incident: Incident) -> str:
    """Two that begin in the same minute are about different things."""
    about = incident.problem or incident.topic or NAMELESS
    return f"incident:{incident.brand}:{about}:{incident.first:%Y-%m-%dT%H:%MZ}"


def no_incident(id: str) -> UserError:
    """An error that says so."""
    return UserError(f"there is no incident {id}; see `earshot incident list`")


def _authored(rows: Sequence[Mapping[Any, Any]]) -> list[AuthoredText]:
    return [AuthoredText(row["id"], row["text"], row["author"]) for row in rows]
