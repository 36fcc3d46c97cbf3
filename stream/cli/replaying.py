"""From a file or the demo day to tickets, watched by a person: the body of `replay`, `ingest` and
`demo`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from connectors.base import Source
from connectors.catalog import source
from connectors.events import SourcedEvent
from stream.bootstrap.alerts import judge_bursts
from stream.bootstrap.parts import Parts, Stores, ensure_migrated, parts
from stream.bootstrap.worker_process import OwnWorker, worker_process
from stream.bursts.evaluator import BurstJudge
from stream.cli.progress import Progress, State
from stream.errors import BrokerAway, DatabaseAway
from stream.ingest.publish import PATIENCE, IngestResult, ingest
from stream.kafka import Kafka
from stream.settings import Settings
from stream.store.queries import Totals

MOST_BAD_ROWS_SHOWN = 20


class Listed:
    """Events that are already in memory, as a source."""

    def __init__(self, name: str, events: Sequence[SourcedEvent]) -> None:
        self.name = name
        self.total = len(events)
        self.done = 0
        self._events = events

    def __iter__(self) -> Iterator[SourcedEvent]:
        for sourced in self._events:
            self.done += 1
            yield sourced


@dataclass(slots=True)
class Summary:
    """What a replay did, and what the store holds after it."""

    source: str
    before: Totals
    after: Totals
    sent: int = 0
    too_large: int = 0
    bad_rows: int = 0
    seconds: float = 0.0
    waited: bool = False
    first_ticket_seconds: float | None = None
    tickets: list[Any] = field(default_factory=list)
    alerts: list[Any] = field(default_factory=list)


async def bring_in(
    settings: Settings,
    named: str,
    console: Console,
    *,
    format: str | None,
    brand: str | None,
    rate: float | None,
    wait: bool,
    resume: bool,
) -> Summary:
    """Replay what is named: the demo day or a file. Raises the connectors' errors before anything
    is started.
    """
    bad_rows = BadRows(console)
    opened = _opener(named, format, brand, bad_rows)
    events = opened(None)  # a wrong file is told at once, before any part is started
    summary = await replay(
        settings, events, console, wait=wait, rate=rate, reopen=opened if resume else None
    )
    summary.bad_rows = bad_rows.count
    return summary


class BadRows:
    """Rows that could not be read: told as they come, the first few in full, all of them counted."""

    def __init__(self, console: Console) -> None:
        self.count = 0
        self._console = console

    def __call__(self, row: Any) -> None:
        self.count += 1
        if self.count <= MOST_BAD_ROWS_SHOWN:
            self._console.print(
                f"line {row.line}: {row.reason}", style="yellow", markup=False, highlight=False
            )
        elif self.count == MOST_BAD_ROWS_SHOWN + 1:
            self._console.print(
                "more lines cannot be read; they are only counted from here", style="yellow"
            )


def _opener(named: str, format: str | None, brand: str | None, bad_rows: BadRows) -> Any:
    if named == "demo" and not Path("demo").exists():
        demo_day = source("demo")

        def day(after: Any) -> Source:
            return Listed(
                "demo", [each for each in demo_day() if after is None or each.cursor > after]
            )

        return day

    open_file = source("file")

    def file(after: Any) -> Source:
        found: Source = open_file(
            Path(named), format, brand=brand, after=after, on_bad_row=bad_rows
        )
        return found

    return file


async def replay(
    settings: Settings,
    events: Source,
    console: Console,
    *,
    wait: bool,
    rate: float | None = None,
    started: float | None = None,
    reopen: Any = None,
) -> Summary:
    """Bring every event to Kafka, with a progress bar; `wait` stays until all of it is processed.

    On an embedded broker without a worker, one is started. reopen: opens the source after a cursor
    that was stored, for an ingest that goes on where it stopped.
    """
    clock = time.monotonic()
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(parts(settings, "replay"))
        workers = Workers(found, stack)
        workers.ensure()  # first of all: it takes seconds to join its group
        await ensure_migrated(found)
        store = await stack.enter_async_context(found.store())
        kafka = found.kafka
        await kafka.declare_topics()
        if reopen is not None:
            events = reopen(await store.cursors.cursor(events.name))
        totals = await store.queries.totals()
        summary = Summary(events.name, before=totals, after=totals, waited=wait)
        publisher = await stack.enter_async_context(kafka.publisher())
        with Progress(console, events) as progress:
            watching = asyncio.create_task(
                _watch(kafka, store, progress, summary, started or clock)
            )
            try:

                async def confirmed(done: IngestResult, cursor: Any) -> None:
                    workers.ensure()
                    progress.state.sent = done.events
                    if reopen is not None:
                        await store.cursors.set_cursor(events.name, cursor)

                done = await ingest(
                    events,
                    publisher,
                    name=events.name,
                    bury=store.dead_letters.bury,
                    rate=rate,
                    on_confirmed=confirmed,
                )
                progress.state.read = True
                summary.sent, summary.too_large = done.events, done.too_large
                if wait or workers.own:
                    await _until_processed(kafka, done, workers)
                    await judge_bursts(
                        BurstJudge(store.counts, store.alerts, exact=True), publisher
                    )
            finally:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
            with suppress(BrokerAway):
                progress.show(await _state(progress.state, kafka, store))
        summary.seconds = time.monotonic() - clock
        summary.after = await store.queries.totals()
        summary.tickets = await store.queries.top_tickets(5)
        alerts = await store.alerts.list_alerts()
        summary.alerts = sorted(
            alerts, key=lambda each: (each.kind != "burst", -each.severity, each.started_at)
        )[:6]
    return summary


class Workers:
    """Somebody does the work: of the embedded broker's workers, one is ours where there is no
    other.
    """

    def __init__(self, found: Parts, stack: AsyncExitStack) -> None:
        self.own: OwnWorker | None = None
        self._found = found
        self._stack = stack

    def ensure(self) -> None:
        """Start a worker if nobody else's runs (it may leave at any time). Raises UserError when
        ours has ended.
        """
        if self.own:
            self.own.check()
        elif self._found.broker_is_embedded and not self._found.has_worker():
            self.own = self._stack.enter_context(worker_process(self._found.settings.home))


async def _until_processed(kafka: Kafka, done: IngestResult, workers: Workers) -> None:
    """Until the workers have acknowledged everything up to where this replay ended.

    Raises BrokerAway after a minute without a broker: one of several may die, and the first start
    takes its time.
    """
    heard = time.monotonic()
    while True:
        workers.ensure()
        try:
            if await kafka.lag(done.ends) == 0:
                return
            heard = time.monotonic()
        except BrokerAway:
            if time.monotonic() - heard > PATIENCE:
                raise
        await asyncio.sleep(0.3)


async def _watch(
    kafka: Kafka, store: Stores, progress: Progress, summary: Summary, started: float
) -> None:
    while True:
        asked = time.monotonic()
        with suppress(BrokerAway, DatabaseAway):
            state = await _state(progress.state, kafka, store)
            progress.show(state)
            if summary.first_ticket_seconds is None and state.tickets > sum(
                summary.before.tickets.values()
            ):
                summary.first_ticket_seconds = time.monotonic() - started
        await asyncio.sleep(
            max(0.5, 4 * (time.monotonic() - asked))
        )  # counting a large store takes its time


async def _state(state: State, kafka: Kafka, store: Stores) -> State:
    totals = await store.queries.totals()
    state.scored = totals.scored
    state.tickets, state.alerts = sum(totals.tickets.values()), sum(totals.alerts.values())
    state.lag = await kafka.lag()
    return state
