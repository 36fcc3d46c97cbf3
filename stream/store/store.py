"""Save what a batch of events says: one transaction, the same result in any order and however often
it is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from connectors.events import Event
from models.analysis import Analysis
from stream.alerts.deliveries import Deliveries
from stream.alerts.store import Alerts
from stream.bursts.counts import Signals
from stream.postgres.database import reachable
from stream.postgres.tables import Row
from stream.records import AlertRecord, AnalysisRecord, TicketRecord, WithdrawnTicket
from stream.store import events as event_store
from stream.store import tickets as ticket_store
from stream.store.changes import Change, change
from stream.store.cursors import Cursors
from stream.store.dead_letters import DeadLetters
from stream.store.queries import Queries
from stream.store.rows import event_row, message
from stream.triage import fold as triage

Fold = Callable[[Sequence[triage.Message]], triage.Ticket | None]


@dataclass(frozen=True, slots=True)
class Scored:
    """An event that is ready to be stored. text: redacted. analysis: None for the brand's own
    events and deletions.
    """

    event: Event
    text: str
    brand: str | None
    analysis: Analysis | None


@dataclass(frozen=True, slots=True)
class Saved:
    """What is stored now about every event of the batch, its conversations, and the alerts that its
    events raised.
    """

    analyses: list[AnalysisRecord]
    tickets: list[TicketRecord | WithdrawnTicket]
    alerts: list[AlertRecord]


@dataclass(frozen=True, slots=True)
class Refolded:
    """What is stored about some conversations, and how many tickets had to be changed for it."""

    tickets: list[TicketRecord | WithdrawnTicket]
    changed: int


class Store(DeadLetters, Signals, Alerts, Deliveries, Queries, Cursors):
    """Events in, tickets out. Several may save at once, in one process or in many, on the same
    conversations too.
    """

    def __init__(self, engine: AsyncEngine, fold: Fold = triage.fold) -> None:
        super().__init__(engine)
        self._fold = fold

    async def save(self, batch: Sequence[Scored]) -> Saved:
        """Store the batch and say what is stored.

        All or nothing. Raises DatabaseAway when it may succeed later; any other error lies in the
        batch.
        """
        rows = _latest(
            event_row(scored.event, scored.text, scored.brand, scored.analysis) for scored in batch
        )
        if not rows:
            return Saved([], [], [])
        while True:
            try:
                async with reachable(), self._engine.begin() as connection:
                    return await self._save(connection, rows)
            except event_store.Raced:
                continue

    async def _save(self, connection: AsyncConnection, rows: Mapping[str, Row]) -> Saved:
        locked = await event_store.lock(connection, rows)
        known = await event_store.known(connection, rows, locked)
        changed = [
            row
            for id, row in rows.items()
            if id not in known or row["revision"] > known[id].revision
        ]
        touched = await event_store.replace(connection, changed, known)
        histories = await ticket_store.histories(connection, locked)
        tickets = await ticket_store.stored_tickets(connection, locked)
        last = await ticket_store.last_changes(connection, locked - tickets.keys())
        new = {row["id"] for row in changed} - known.keys()
        # In a thread: folding long conversations would keep heartbeats and health waiting.
        changes = await asyncio.to_thread(
            self._refold_all, sorted(touched), histories, tickets, last, new
        )
        tickets |= await ticket_store.write(connection, changes, touched)
        withdrawn = {made.ticket_id: made.version for made in changes if made.values is None}
        withdrawn |= {id: row["version"] for id, row in last.items() if id not in tickets}
        alerts = []
        if known or any(made.becomes_p1 for made in changes):
            alerts = await ticket_store.p1_alerts(
                connection, tickets.keys() | withdrawn.keys(), rows.keys()
            )
        return Saved(
            [
                ticket_store.analysis_record(row)
                for conversation in sorted(histories)
                for row in histories[conversation]
                if row["id"] in rows
            ],
            [
                *(TicketRecord(**row) for id, row in tickets.items() if id not in withdrawn),
                *(WithdrawnTicket(id=id, version=version) for id, version in withdrawn.items()),
            ],
            [ticket_store.alert_record(row, tickets.get(row["ticket_id"])) for row in alerts],
        )

    async def refold(self, conversations: Collection[str]) -> Refolded:
        """Fold these conversations anew from their stored events; says what is stored then. Raises
        no alert.

        A ticket that is not there although it was never withdrawn is made again with what people
        had set last. One whose conversation has no event stays as it is: its months were dropped.
        """
        async with reachable(), self._engine.begin() as connection:
            await event_store.lock_alone(connection, conversations)
            histories = await ticket_store.histories(connection, conversations)
            tickets = await ticket_store.stored_tickets(connection, histories.keys())
            last = await ticket_store.last_changes(connection, histories.keys() - tickets.keys())
            lost = [id for id, row in last.items() if row["kind"] != "withdrawn"]
            people = await ticket_store.set_by_people(connection, lost)
            changes = [
                replace(made, becomes_p1=False, people=people.get(id, made.people))
                for id in sorted(histories)
                if (made := self._refold(histories[id], tickets.get(id), last.get(id), ()))
            ]
            tickets |= await ticket_store.write(connection, changes, {})
            withdrawn = {made.ticket_id: made.version for made in changes if made.values is None}
            withdrawn |= {id: row["version"] for id, row in last.items() if id not in tickets}
        return Refolded(
            [
                *(TicketRecord(**row) for id, row in tickets.items() if id not in withdrawn),
                *(WithdrawnTicket(id=id, version=version) for id, version in withdrawn.items()),
            ],
            len(changes),
        )

    async def upkeep(self) -> None:
        """What must be done now and then: the coming months' partitions, and the end of old dead
        letters.
        """
        await self.ensure_partitions()
        await self.prune()

    def _refold_all(
        self,
        conversations: Sequence[str],
        histories: Mapping[str, Sequence[Row]],
        tickets: Mapping[str, Row],
        last: Mapping[str, Row],
        new: Collection[str],
    ) -> list[Change]:
        return [
            made
            for id in conversations
            if (made := self._refold(histories[id], tickets.get(id), last.get(id), new))
        ]

    def _refold(
        self, history: Sequence[Row], stored: Row | None, last: Row | None, new: Collection[str]
    ) -> Change | None:
        live = [row for row in history if row["kind"] != "deleted"]
        ticket = self._fold([message(row) for row in live]) if live else None
        new_inbound = any(row["id"] in new and row["direction"] == "inbound" for row in live)
        return change(stored, last, ticket, live, new_inbound)


def _latest(rows: Iterable[dict[str, Any]]) -> dict[str, Row]:
    """One row an id, the highest revision, the first of equals: Postgres refuses to touch a row
    twice.
    """
    latest: dict[str, Row] = {}
    for row in rows:
        if row["id"] not in latest or row["revision"] > latest[row["id"]]["revision"]:
            latest[row["id"]] = row
    return dict(sorted(latest.items()))
