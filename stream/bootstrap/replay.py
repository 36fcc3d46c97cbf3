"""Replay: the events of a file or of the demo day into Kafka, until they are tickets."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.base import Source
from connectors.catalog import source
from connectors.events import SourcedEvent
from connectors.skipped import TALLY, Kind
from stream.bootstrap.last_looks import cluster_last, judge_last
from stream.bootstrap.local_worker import LocalWorker
from stream.bootstrap.older_models import judged_by_older_models
from stream.bootstrap.parts import Stores, draining, ensure_migrated, parts
from stream.bursts.evaluator import BurstJudge
from stream.errors import BrokerAway, DatabaseAway
from stream.ingest.publish import PATIENCE, IngestResult, ingest
from stream.kafka import Kafka
from stream.records import AlertRecord
from stream.retry import while_away
from stream.settings import Settings
from stream.store.brand_parts import conversation_of
from stream.store.older_judgements import Older
from stream.store.queries import Queries, Totals

ALERTS_IN_SUMMARY, TICKETS_IN_SUMMARY, INCIDENTS_IN_SUMMARY = 6, 5, 3
MOST_CONVERSATIONS = 100_000  # of a source that the summary is about; about 12 MB
_LAG_EVERY = 0.3  # seconds
_TOTALS_EVERY = 0.5  # seconds at least; counting a large store takes its time

Reopen = Callable[[Any], Source]  # opens a source after a cursor, None: from its beginning


@dataclass(slots=True)
class Progress:
    """How far a replay is. tickets, alerts and scored are the store's totals."""

    total: int  # of the source, in the unit of `done`: rows or bytes
    done: int = 0
    sent: int = 0
    scored: int = 0
    tickets: int = 0
    alerts: int = 0
    lag: int = 0
    at_end: bool = False  # the source was read to its end
    since: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class Summary:
    """The result of a replay, and what the store holds after it."""

    source: str
    before: Totals
    after: Totals
    sent: int = 0
    too_large: int = 0
    bad_rows: int = 0  # and whatever else a file's reader named; the exit code is 1 then
    skipped: Counter[str] = field(default_factory=Counter)  # messages of a network, by the reason
    left_out: Mapping[Kind, int] = field(default_factory=dict)  # by the readers of this process
    seconds: float = 0.0
    waited: bool = False
    first_ticket_seconds: float | None = None
    tickets: list[Any] = field(default_factory=list)
    alerts: list[Any] = field(default_factory=list)
    incidents: list[dict[str, Any]] = field(default_factory=list)  # the largest, of its time
    # of the source's own tickets, by level; None where the summary is about the whole store
    levels: dict[str, int] | None = None
    note: str = ""  # how the file was read, where that was open
    older: Older = field(default_factory=Older)  # messages that another model judged


class EventList:
    """A source of events that are in memory."""

    def __init__(self, name: str, events: Sequence[SourcedEvent]) -> None:
        self.name = name
        self.total = len(events)
        self.done = 0
        self._events = events

    def __iter__(self) -> Iterator[SourcedEvent]:
        for sourced in self._events:
            self.done += 1
            yield sourced


class Remembered:
    """A source that remembers what it brought: its conversations, brands, and stretch of time.

    The first MOST_CONVERSATIONS of them: a summary is read by a person.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name = source.name
        self.conversations: set[str] = set()
        self.first: datetime | None = None
        self.last: datetime | None = None

    @property
    def total(self) -> int:
        return self._source.total

    @property
    def done(self) -> int:
        return self._source.done

    def __iter__(self) -> Iterator[SourcedEvent]:
        for sourced in self._source:
            if len(self.conversations) < MOST_CONVERSATIONS:
                self.conversations.add(sourced.event.conversation)
            moment = sourced.event.occurred_at
            self.first = moment if self.first is None else min(self.first, moment)
            self.last = moment if self.last is None else max(self.last, moment)
            yield sourced

    def is_about(self, alert: AlertRecord, brands: Collection[str | None], began: datetime) -> bool:
        """Whether an alert came of it: its ticket, or one of its brands in its time or since."""
        if alert.ticket_id is not None:
            return conversation_of(alert.ticket_id) in self.conversations
        if alert.brand not in brands or self.first is None:
            return False
        return self.is_in_its_time(alert.started_at) or alert.started_at >= began

    def is_in_its_time(self, moment: datetime) -> bool:
        """Whether its messages are from before that moment and from after it."""
        if self.first is None or self.last is None:
            return False
        return self.first <= moment <= self.last


async def bring_in(
    settings: Settings,
    name: str,
    *,
    format: str | None,
    brand: str | None,
    text: str | None = None,
    day_first: bool | None = None,
    rate: float | None,
    wait: bool,
    resume: bool,
    on_bad_row: Callable[[Any], None],
    on_progress: Callable[[Progress], None],
) -> Summary:
    """Replay the demo day or a file. resume: after the cursor of the last ingest.

    Raises the connectors' errors before anything is started.
    """
    reopen = _opener(name, format, brand, text, day_first, on_bad_row)
    before = TALLY.counts()
    events = reopen(None)
    summary = await replay(
        settings,
        events,
        wait=wait,
        rate=rate,
        reopen=reopen if resume else None,
        on_progress=on_progress,
    )
    summary.left_out, summary.note = TALLY.counts(before), getattr(events, "note", "")
    return summary


def _opener(
    name: str,
    format: str | None,
    brand: str | None,
    text: str | None,
    day_first: bool | None,
    on_bad_row: Callable[[Any], None],
) -> Reopen:
    if name == "demo" and not Path("demo").exists():
        return _demo_after

    def file_after(cursor: Any) -> Source:
        opened: Source = source("file")(
            Path(name),
            format,
            brand=brand,
            after=cursor,
            text=text,
            day_first=day_first,
            on_bad_row=on_bad_row,
        )
        return opened

    return file_after


def _demo_after(cursor: Any) -> Source:
    events = source("demo")()
    if cursor is not None:
        events = (event for event in events if event.cursor > cursor)
    return EventList("demo", list(events))


async def replay(
    settings: Settings,
    events: Source,
    *,
    wait: bool,
    rate: float | None = None,
    started: float | None = None,
    reopen: Reopen | None = None,
    on_progress: Callable[[Progress], None],
) -> Summary:
    """Publish every event; with `wait`, stay until all are processed.

    An embedded broker without a worker gets one, and is waited for. started: the monotonic moment
    that the first ticket is timed from; now without it. reopen: for an ingest that goes on after
    the cursor that was stored.
    """
    clock = time.monotonic()
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(parts(settings, "replay"))
        worker = LocalWorker(running, stack)
        worker.ensure()  # first of all: it takes seconds to join its group
        await ensure_migrated(running)
        stores = await stack.enter_async_context(running.store())
        kafka = running.kafka
        await kafka.declare_topics()
        if reopen is not None:
            events = reopen(await stores.cursors.cursor(events.name))
        events = brought = Remembered(events)
        began = datetime.now(UTC)
        totals = await stores.queries.totals()
        summary = Summary(events.name, before=totals, after=totals, waited=wait)
        publisher = await stack.enter_async_context(kafka.publisher())
        await stack.enter_async_context(draining(running, worker.ensure))
        progress = Progress(events.total)

        async def confirmed(done: IngestResult, cursor: Any) -> None:
            worker.ensure()
            progress.sent = done.events
            if reopen is not None:
                await stores.cursors.set_cursor(events.name, cursor)

        async def measure() -> None:
            await _measure(progress, events, kafka, stores.queries)
            on_progress(progress)

        over = asyncio.Event()
        watching = asyncio.create_task(_watch(measure, progress, summary, started or clock, over))
        try:
            done = await ingest(
                events,
                publisher,
                name=events.name,
                bury=stores.dead_letters.bury,
                rate=rate,
                on_confirmed=confirmed,
            )
            progress.at_end = True
            summary.sent, summary.too_large = done.events, done.too_large
            if wait or worker.own:
                await _until_processed(kafka, done, worker)
                await judge_last(BurstJudge(stores.counts, stores.alerts, exact=True), publisher)
                await cluster_last(stores.incidents, began)
        finally:
            await _end(watching, over)
        with suppress(BrokerAway):
            await measure()
        summary.seconds = time.monotonic() - clock
        await _look_at_stores(summary, stores, brought, began)
        summary.older = await judged_by_older_models(settings, stores.queries)
    return summary


async def _look_at_stores(
    summary: Summary, stores: Stores, brought: Remembered, began: datetime
) -> None:
    """What became of this source; the store may hold much more."""
    summary.after = await stores.queries.totals()
    theirs = sorted(brought.conversations)
    summary.levels, brands = await stores.queries.levels_of(theirs)
    summary.tickets = await stores.queries.top_tickets(TICKETS_IN_SUMMARY, theirs)
    alerts = [
        alert
        for alert in await stores.alerts.list_alerts()
        if brought.is_about(alert, brands, began)
    ]
    summary.alerts = sorted(alerts, key=_bursts_then_severe)[:ALERTS_IN_SUMMARY]
    incidents = [
        incident
        for incident in await stores.incidents.list_incidents()
        if incident["brand"] in brands and brought.is_in_its_time(incident["started_at"])
    ]
    incidents.sort(key=lambda incident: -incident["tickets"])
    summary.incidents = incidents[:INCIDENTS_IN_SUMMARY]


def _bursts_then_severe(alert: AlertRecord) -> tuple[Any, ...]:
    return alert.kind != "burst", -alert.severity, alert.started_at


async def _until_processed(kafka: Kafka, done: IngestResult, worker: LocalWorker) -> None:
    """Until the workers have acknowledged everything up to where this replay ended.

    Raises BrokerAway after a minute without a broker: of several one may die, and the first start
    takes its time.
    """
    patient = while_away(lambda _: worker.ensure(), errors=(BrokerAway,), give_up=PATIENCE)
    while True:
        worker.ensure()
        if await patient(kafka.lag, done.ends) == 0:
            return
        await asyncio.sleep(_LAG_EVERY)


async def _watch(
    measure: Callable[[], Any],
    progress: Progress,
    summary: Summary,
    started: float,
    over: asyncio.Event,
) -> None:
    """Measure the progress until it is over; the moment of the first new ticket is noted."""
    tickets_before = sum(summary.before.tickets.values())
    while not over.is_set():
        begun = time.monotonic()
        with suppress(BrokerAway, DatabaseAway):
            await measure()
            if summary.first_ticket_seconds is None and progress.tickets > tickets_before:
                summary.first_ticket_seconds = time.monotonic() - started
        pause = max(_TOTALS_EVERY, 4 * (time.monotonic() - begun))
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), pause)


async def _end(watching: asyncio.Task[None], over: asyncio.Event, within: float = 2.0) -> None:
    """A look that is under way may finish: aiokafka leaves a connection open where its start is
    cancelled, and says so. within: seconds; one that takes longer is cancelled.
    """
    over.set()  # a look that fails at this very moment takes the place of the cancellation
    try:
        await asyncio.wait({watching}, timeout=within)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _measure(progress: Progress, events: Source, kafka: Kafka, queries: Queries) -> None:
    totals = await queries.totals()
    progress.done = events.done
    progress.scored = totals.scored
    progress.tickets = sum(totals.tickets.values())
    progress.alerts = sum(totals.alerts.values())
    progress.lag = await kafka.lag()
