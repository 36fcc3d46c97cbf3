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
from stream.store import forgotten_ids, places
from stream.store import tickets as ticket_store
from stream.store.brand_parts import conversation_of
from stream.store.changes import WEIGHED_BY_PEOPLE, Change, change
from stream.store.histories import History, Part, histories, histories_of_first
from stream.store.long_conversation import LongConversation
from stream.store.memory import Memory, are_short, histories_of
from stream.store.rows import event_row, message
from stream.triage.fold import Failure, Fold, fold
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
    forgotten: ids of tickets that nothing is to hold any more.
    """

    analyses: list[AnalysisRecord]
    tickets: TicketRecords
    alerts: list[AlertRecord]
    failures: list[Failure] = field(default_factory=list)
    forgotten: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Refolded:
    """What is stored about some conversations, and how many tickets had to be changed for it."""

    tickets: TicketRecords
    changed: int


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is stored of a batch and of its conversations, before their tickets are folded.

    known: what was stored of its events before. changed: the rows that are new or of a higher
    revision. touched: ids of changed events, by conversation. past: by conversation. long: the
    conversations to be remembered once it is committed. last: the latest changes of tickets that
    are not there.
    """

    known: Mapping[str, event_store.StoredId]
    changed: Sequence[Row]
    touched: Mapping[str, Collection[str]]
    past: Mapping[str, History]
    long: list[LongConversation]
    tickets: dict[str, Row]
    last: Mapping[str, Row]


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
        self._memory = Memory()

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
                    saved, long = await self._save(connection, rows, further)
            except event_store.Raced as raced:
                further.update(raced.conversations)
                continue
            self._memory.put(long)
            return saved

    async def _save(
        self, connection: AsyncConnection, rows: Mapping[str, Row], further: Collection[str]
    ) -> tuple[Saved, list[LongConversation]]:
        """What is saved, and the long conversations to be remembered once it is."""
        rows, locked, probe = await _locked(connection, rows, further)
        if probe.begins and are_short(rows.values()):
            stored = await _begun(connection, rows)
        else:
            stored = await self._replaced(connection, rows, locked, probe)
        known, touched, past = stored.known, stored.touched, stored.past
        tickets, last = stored.tickets, stored.last
        new = {row["id"] for row in stored.changed} - known.keys()
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
            alerts = await _alerts(connection, tickets, withdrawn, rows)
        saved = Saved(_analyses(past, rows), _records(tickets, withdrawn), alerts, failures)
        return saved, stored.long

    async def _replaced(
        self,
        connection: AsyncConnection,
        rows: Mapping[str, Row],
        locked: Collection[str],
        probe: event_store.Probe,
    ) -> _Stored:
        """Store the batch, and read what is stored of its conversations. Raises Raced."""
        remembered = await self._memory.take(connection, locked)
        known = await event_store.known(connection, rows, locked) if probe.is_known else {}
        changed = _news(rows, known)
        touched = await event_store.replace(connection, changed, known)
        past, long = await histories_of(connection, locked, rows.keys(), remembered)
        tickets = await ticket_store.stored_tickets(connection, locked)
        tickets |= await _touched(connection, tickets, changed, known)
        last = await ticket_store.last_changes(connection, locked, tickets.keys())
        return _Stored(known, changed, touched, past, long, tickets, last)

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
            ticket, failed = part.folded(self._fold)
            folded[id] = None if ticket is None else replace(ticket, id=id)
            failures += failed
        return folded, failures


async def _locked(
    connection: AsyncConnection, rows: Mapping[str, Row], further: Collection[str]
) -> tuple[Mapping[str, Row], set[str], event_store.Probe]:
    """The rows where people put them, under the ids that they have now; the conversations that are
    locked; and what is stored of the rows already. Raises Raced.
    """
    digests = forgotten_ids.digests_of(rows)
    locked, forgotten = await event_store.lock(connection, rows, further, set(digests.values()))
    if forgotten:
        now = {name: digest for name, digest in digests.items() if digest in forgotten}
        rows = forgotten_ids.as_stored(rows, now)
        _check_locked({row["conversation"] for row in rows.values()}, locked)
    probe = await event_store.probe(connection, rows)
    if probe.is_moved:
        rows, moved = await places.placed(connection, rows)
        _check_locked({rows[id]["conversation"] for id in moved}, locked)
    return rows, locked, probe


def _check_locked(conversations: set[str], locked: set[str]) -> None:
    if unlocked := conversations - locked:
        raise event_store.Raced(unlocked)


async def _begun(connection: AsyncConnection, rows: Mapping[str, Row]) -> _Stored:
    """Store a batch with which all its conversations begin: there is nothing else to be read."""
    begun = await event_store.begin(connection, list(rows.values()))
    touched: dict[str, list[str]] = defaultdict(list)
    for row in begun:
        touched[row["conversation"]].append(row["id"])
    return _Stored({}, list(rows.values()), touched, histories_of_first(begun), [], {}, {})


async def _touched(
    connection: AsyncConnection,
    tickets: Mapping[str, Row],
    changed: Sequence[Row],
    known: Collection[str],
) -> dict[str, Row]:
    """The tickets of conversations of which a message was edited, with the moment of now."""
    edited = {row["conversation"] for row in changed if row["id"] in known}
    ids = [id for id in tickets if conversation_of(id) in edited]
    return await ticket_store.touch(connection, ids)


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
            part.arrival if folded.get(id) else None,
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


async def _alerts(
    connection: AsyncConnection,
    tickets: Mapping[str, Row],
    withdrawn: Collection[str],
    rows: Collection[str],
) -> list[AlertRecord]:
    """The alerts of these tickets that an event of the batch raised, joined or took back."""
    raised = await alarm_store.p1_alerts(connection, {*tickets, *withdrawn}, rows)
    return [ticket_store.alert_record(row, tickets.get(row["ticket_id"])) for row in raised]


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
