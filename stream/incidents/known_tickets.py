"""Known tickets of incidents: what an earlier look read of a ticket counts until it changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from stream.incidents import statements
from stream.incidents.clustering import TimedTicket, unit

CAPACITY = 12_000  # tickets, about two kilobytes each


class KnownTickets:
    """Tickets with their embeddings, as they were when their row was last written; whoever edits a
    message touches the row.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[datetime, TimedTicket]] = OrderedDict()

    async def timed(
        self, connection: AsyncConnection, stretch: Mapping[str, Any]
    ) -> list[TimedTicket]:
        """The tickets of brands that began in a stretch of time, the latest first, with the
        incidents that they are in now. stretch: brands, first, last, limit.
        """
        rows = (await connection.execute(statements.TIMED, stretch)).all()
        known = await self.read(connection, [(row.id, row.updated_at) for row in rows])
        tickets: list[TimedTicket] = []
        for id, _, incident, settled in rows:
            ticket = known.get(id)
            if ticket is None:
                continue  # it was withdrawn between two statements
            if ticket.incident != incident or ticket.settled != settled:
                ticket = replace(ticket, incident=incident, settled=settled)
                self._known[id] = (self._known[id][0], ticket)
            tickets.append(ticket)
        return tickets

    async def read(
        self, connection: AsyncConnection, versions: Sequence[tuple[str, datetime]]
    ) -> dict[str, TimedTicket]:
        """These tickets by id, those that are known already from memory. versions: ids, and when
        their rows were written.
        """
        known = self._known
        stale = [id for id, at in versions if id not in known or known[id][0] != at]
        if stale:
            rows = await connection.execute(statements.DETAILS, {"tickets": stale})
            for row in rows.mappings():
                known[row["id"]] = (row["updated_at"], _ticket(row))
        tickets: dict[str, TimedTicket] = {}
        for id, _ in versions:
            if id in known:
                known.move_to_end(id)
                tickets[id] = known[id][1]
        while len(known) > max(CAPACITY, len(tickets)):
            known.popitem(last=False)
        return tickets


def _ticket(row: Mapping[Any, Any]) -> TimedTicket:
    embedding = row["embedding"]
    return TimedTicket(
        id=row["id"],
        brand=row["brand"],
        problem=row["problem"],
        topic=row["topic"],
        at=row["at"],
        model=row["model"],
        embedding=None if embedding is None else unit(embedding),
        author=row["author"],
    )
