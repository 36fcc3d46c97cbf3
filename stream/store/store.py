"""Store of events and tickets: one transaction, the same result in any order and repetition."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.alerts.grouping import OLD
from stream.errors import where
from stream.postgres.database import reachable
from stream.postgres.tables import Row
from stream.records import AlertRecord, AnalysisRecord, TicketRecord, WithdrawnTicket
from stream.store import alarms as alarm_store
from stream.store import events as event_store
from stream.store import places
from stream.store import tickets as ticket_store
from stream.store.brand_parts import conversation_of
from stream.store.changes import WEIGHED_BY_PEOPLE, Change, change
from stream.store.histories import History, Part, histories
from stream.store.rows import event_row, message
from stream.triage.fold import Failure, Fold, fold, fold_surely
from stream.triage.judgement import Judgement
from stream.triage.settlement import needs_person
from stream.triage.ticket import Ticket

log = logging.getLogger(__name__)

TicketRecords = list[TicketRecord | WithdrawnTicket]
Parts = Mapping[str, Mapping[str, Part]]  # of each conversation, by its tickets
_NOTHING = History()


@dataclass(frozen=True, slots=True)
class Saved:
    """What is stored now about every event of the batch, its conversations, and the alerts that its
    events raised. failures: of the tickets that need a look because they could not be weighed.
    """

    analyses: list[AnalysisRecord]
    tickets: TicketRecords
    alerts: list[AlertRecord]
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Refolded:
    """What is stored about some conversations, and how many tickets had to be changed for it."""

    tickets: TicketRecords
    changed: int


class Store:
    """Events in, tickets out. Several may save at once, in one process or in many, on the same
    conversations too.
    """

    def __init__(
        self, engine: AsyncEngine, fold: Fold = fold, *, history_after: timedelta = OLD
    ) -> None:
        """history_after: how old a message is, when it arrives, whose P1 ticket alerts in a summary
        alone.
        """
        self._engine = engine
        self._fold = fold
        self._history_after = history_after

    async def save(self, batch: Sequence[Judgement]) -> Saved:
        """Store the batch and say what is stored.

        All or nothing. Raises DatabaseAway when it may succeed later; any other error lies in the
        batch.
        """
        rows = _latest(event_row(judgement) for judgement in batch)
        if not rows:
            return Saved([], [], [])
        further: set[str] = set()  # conversations that people put its messages into
        while True:
            try:
                async with reachable(), self._engine.begin() as connection:
                    return await self._save(connection, rows, further)
            except event_store.Raced as raced:
                further.update(raced.conversations)

    async def _save(
        self, connection: AsyncConnection, rows: Mapping[str, Row], further: Collection[str]
    ) -> Saved:
        rows, locked = await _locked(connection, rows, further)
        known = await event_store.known(connection, rows, locked)
        changed = _news(rows, known)
        touched = await event_store.replace(connection, changed, known)
        past = await histories(connection, locked, rows)
        tickets = await ticket_store.stored_tickets(connection, locked)
        last = await ticket_store.last_changes(connection, locked, tickets.keys())
        new = {row["id"] for row in changed} - known.keys()
        parts = {id: past.get(id, _NOTHING).parts for id in sorted(touched)}
        # In a thread: folding long conversations would keep heartbeats and health waiting.
        changes, failures = await asyncio.to_thread(self._refold, parts, tickets, last, new)
        # A message that failed before was counted with its own batch.
        failures = [failure for failure in failures if failure.id in rows or failure.id in touched]
        _log(failures)
        tickets |= await ticket_store.write(connection, changes)
        causes = _causes(changes, parts, touched)
        await alarm_store.alarm(connection, changes, causes, self._history_after)
        withdrawn = _withdrawn(changes, last, tickets)
        alerts: list[AlertRecord] = []
        if known or any(change.becomes_p1 or change.over for change in changes):
            ids = tickets.keys() | withdrawn.keys()
            raised = await alarm_store.p1_alerts(connection, ids, rows.keys())
            alerts = [
                ticket_store.alert_record(row, tickets.get(row["ticket_id"])) for row in raised
            ]
        return Saved(_analyses(past, rows), _records(tickets, withdrawn), alerts, failures)

    async def refold(self, conversations: Collection[str]) -> Refolded:
        """Fold these conversations anew from their stored events; says what is stored then. Raises
        no alert.

        A ticket that is not there although it was never withdrawn is made again with what people
        had set last. One whose conversation has no event stays as it is: its months were dropped.
        """
        async with reachable(), self._engine.begin() as connection:
            return await self.refold_within(connection, conversations)

    async def refold_within(
        self,
        connection: AsyncConnection,
        conversations: Collection[str],
        *,
        emptied: Collection[str] = (),
    ) -> Refolded:
        """As `refold`, in a transaction. emptied: conversations whose last message was moved away;
        their tickets are withdrawn.
        """
        await event_store.lock_alone(connection, conversations)
        past = await histories(connection, conversations)
        past |= {id: _NOTHING for id in emptied if id not in past}
        tickets = await ticket_store.stored_tickets(connection, past.keys())
        last = await ticket_store.last_changes(connection, past.keys(), tickets.keys())
        lost = [id for id, row in last.items() if row["kind"] != "withdrawn"]
        people = await ticket_store.set_by_people(connection, lost)
        last |= {
            id: {**last[id], **{name: people[id].get(name) for name in WEIGHED_BY_PEOPLE}}
            for id in lost
        }
        parts = {id: past[id].parts for id in sorted(past)}
        changes, failures = self._refold(parts, tickets, last, ())
        _log(failures)
        changes = [
            replace(
                change,
                becomes_p1=False,
                people=people.get(change.ticket_id, change.people),
            )
            for change in changes
        ]
        tickets |= await ticket_store.write(connection, changes)
        await alarm_store.alarm(connection, changes, {})
        return Refolded(_records(tickets, _withdrawn(changes, last, tickets)), len(changes))

    def _refold(
        self,
        parts: Parts,
        tickets: Mapping[str, Row],
        last: Mapping[str, Row],
        new: Collection[str],
    ) -> tuple[list[Change], list[Failure]]:
        """What the conversations ask of their tickets, and what of them could not be weighed."""
        changes: list[Change] = []
        failures: list[Failure] = []
        stored: dict[str, dict[str, Row]] = defaultdict(dict)
        for id, row in tickets.items():
            stored[conversation_of(id)][id] = row
        for conversation, of_tickets in parts.items():
            folded, failed = self._fold_parts(of_tickets)
            failures += failed
            changes += _changes(folded, of_tickets, stored[conversation], last, new)
        return changes, failures

    def _fold_parts(
        self, parts: Mapping[str, Part]
    ) -> tuple[dict[str, Ticket | None], list[Failure]]:
        folded: dict[str, Ticket | None] = {}
        failures: list[Failure] = []
        for id, part in parts.items():
            ticket, failed = fold_surely([message(row) for row in part.weighed], self._fold)
            if ticket is not None and part.messages > len(part.weighed):
                ticket = replace(ticket, messages=part.messages)
            folded[id] = None if ticket is None else replace(ticket, id=id)
            failures += failed
        return folded, failures


async def _locked(
    connection: AsyncConnection, rows: Mapping[str, Row], further: Collection[str]
) -> tuple[Mapping[str, Row], set[str]]:
    """The rows where people put them, and the conversations that are locked. Raises Raced."""
    locked = await event_store.lock(connection, rows, further)
    rows, moved = await places.placed(connection, rows)
    if unlocked := {rows[id]["conversation"] for id in moved} - locked:
        raise event_store.Raced(unlocked)
    return rows, locked


def _changes(
    folded: Mapping[str, Ticket | None],
    parts: Mapping[str, Part],
    stored: Mapping[str, Row],
    last: Mapping[str, Row],
    new: Collection[str],
) -> list[Change]:
    """The changes of one conversation's tickets. folded: what they should be, by id."""
    changes: list[Change] = []
    for id in sorted(folded.keys() | stored.keys()):
        part = parts.get(id, Part())
        before = _before(folded.get(id), stored, folded)
        # A ticket that nobody has seen has nothing to be opened again.
        is_known = id in stored or id in last or before is not None
        messages = (*part.weighed, *part.late)
        next_version = change(
            stored.get(id),
            last.get(id),
            folded.get(id),
            part.weighed,
            is_known and any(_opens(row) for row in messages if row["id"] in new),
            before=before,
        )
        if next_version is not None:
            changes.append(next_version)
    return changes


def _before(
    ticket: Ticket | None, stored: Mapping[str, Row], folded: Mapping[str, Ticket | None]
) -> Row | None:
    """The stored ticket of the same brand under another id, which is no longer this brand's."""
    if ticket is None or ticket.brand is None:
        return None
    if ticket.id in stored and stored[ticket.id]["brand"] == ticket.brand:
        return None
    for id, row in stored.items():
        now = folded.get(id)
        if row["brand"] == ticket.brand and (now is None or now.brand != ticket.brand):
            return row
    return None


def _causes(
    changes: Sequence[Change], parts: Parts, touched: Mapping[str, Collection[str]]
) -> dict[str, Collection[str]]:
    """The changed events behind each ticket's change, without those of other brands.

    Whatever took an alert back is kept, whose it may be: its redelivery must tell that again.
    """
    causes: dict[str, Collection[str]] = {}
    for version in changes:
        conversation = conversation_of(version.ticket_id)
        events, own = touched[conversation], parts[conversation]
        if version.over is None and len(own) > 1:
            foreign = {
                row["id"]
                for id, part in own.items()
                if id != version.ticket_id
                for row in (*part.weighed, *part.late)
            }
            events = [event for event in events if event not in foreign] or events
        causes[version.ticket_id] = events
    return causes


def _opens(row: Row) -> bool:
    """Whether it is a customer's message that needs somebody."""
    return row["direction"] == "inbound" and needs_person(message(row))


def _log(failures: Sequence[Failure]) -> None:
    for failure in failures:
        error = where(failure.error)
        log.warning("cannot judge %s: %s failed, %s", failure.id, failure.step, error)


def _latest(rows: Iterable[dict[str, Any]]) -> dict[str, Row]:
    """One row an id, the highest revision, the first of equals: Postgres refuses to touch a row
    twice.
    """
    latest: dict[str, Row] = {}
    for row in rows:
        if row["id"] not in latest or row["revision"] > latest[row["id"]]["revision"]:
            latest[row["id"]] = row
    return dict(sorted(latest.items()))


def _news(rows: Mapping[str, Row], known: Mapping[str, event_store.StoredId]) -> list[Row]:
    """The rows that are new, or of a higher revision than what is stored."""
    return [
        row for id, row in rows.items() if id not in known or row["revision"] > known[id].revision
    ]


def _analyses(past: Mapping[str, History], rows: Mapping[str, Row]) -> list[AnalysisRecord]:
    """What is stored of the batch's events, by conversation."""
    stored = [row for id in sorted(past) for row in past[id].rows if row["id"] in rows]
    return [ticket_store.analysis_record(row) for row in stored]


def _withdrawn(
    changes: Sequence[Change], last: Mapping[str, Row], tickets: Mapping[str, Row]
) -> dict[str, int]:
    """The versions of the tickets that are not there: withdrawn now, or before."""
    withdrawn = {change.ticket_id: change.version for change in changes if change.values is None}
    return withdrawn | {id: row["version"] for id, row in last.items() if id not in tickets}


def _records(tickets: Mapping[str, Row], withdrawn: Mapping[str, int]) -> TicketRecords:
    stored = [TicketRecord(**row) for id, row in tickets.items() if id not in withdrawn]
    withdrawals = [WithdrawnTicket(id=id, version=version) for id, version in withdrawn.items()]
    return [*stored, *withdrawals]
