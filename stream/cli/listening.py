"""A live network, watched by a person: the body of `earshot ingest x`, `bluesky`, `mastodon` and
`imap`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.status import Status

from connectors.base import ConnectorError, LiveSource, NotSent
from connectors.catalog import network as network_class
from connectors.deletions import StoredPost, deleted
from connectors.network import BudgetSpent, Context, ListenQuery, Network
from stream.bootstrap.duties import answering, every, until_one_ends
from stream.bootstrap.loading import load_brands
from stream.bootstrap.parts import Stores, ensure_migrated, parts
from stream.cli.replaying import Summary, Workers
from stream.errors import BrokerAway, DatabaseAway, UserError
from stream.ingest.live import Listener
from stream.ingest.networks import listen_query, open_sources
from stream.ingest.publish import sorted_by_size
from stream.ingest.spend import Spend, spend_alert
from stream.kafka import Kafka, Publisher
from stream.observe.health import Health
from stream.observe.metrics import IngestMetrics
from stream.pipeline import alert_messages
from stream.postgres.database import open_engine
from stream.settings import Settings

log = logging.getLogger(__name__)

LOOKED_UP_EVERY = timedelta(days=1)
LAST_WORDS = 20.0  # seconds that our own worker is given at the end
_WATCH = 1.0  # seconds between two looks at how it goes
_LINE_EVERY = 15.0  # seconds between two lines where there is no terminal


async def listen(
    settings: Settings,
    network: str,
    console: Console,
    *,
    brand: str | None,
    keywords: Sequence[str],
    handles: Sequence[str],
    port: int | None,
    done: Callable[[Summary], None],
) -> None:
    """Until cancelled. port: of health and metrics, None for none. done: is told what was heard,
    also at the end.
    """
    query = listen_query(load_brands(settings), network, brand, keywords, handles)
    account = network_class(network).from_environment()
    private = settings.allow_private_addresses
    screen = Screen(console)
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        # Wrong settings are told before anything is started.
        async with open_sources(account, query, Context(_Unpaid(), private)):
            pass
        health, metrics = Health(), IngestMetrics()
        if port is not None:
            await stack.enter_async_context(answering(health, metrics, settings.host, port))
        found = await stack.enter_async_context(parts(settings, "ingest"))
        workers = Workers(found, stack)
        workers.ensure()
        await ensure_migrated(found)
        store = await stack.enter_async_context(found.store())
        engine = open_engine(found.database_url, pool_size=2)
        stack.push_async_callback(engine.dispose)
        await found.kafka.declare_topics()
        publisher = await stack.enter_async_context(found.kafka.publisher())
        ledger = Spend(engine, network)
        alarms: asyncio.Queue[BudgetSpent] = asyncio.Queue()
        context = Context(ledger, private, screen.say, alarms.put_nowait)
        sources = await stack.enter_async_context(open_sources(account, query, context))
        listeners = [
            Listener(source, publisher, store.cursors, store.dead_letters.bury, on_line=screen.say)
            for source in sources
        ]
        totals = await store.queries.totals()
        summary = Summary(network, before=totals, after=totals)
        screen.say(
            f"listening on {network}{_words(query)}; Ctrl-C ends it, and it goes on from there next time"
        )
        health.started = True
        duties = [
            *(listener.run() for listener in listeners),
            _watch(
                screen,
                listeners,
                sources,
                store,
                found.kafka,
                workers,
                health,
                metrics,
                account.dollars_a_day,
                ledger,
            ),
            _raise_alarms(alarms, network, store, publisher),
        ]
        if account.hides_deletions and account.has_account:
            context = Context(ledger, private)
            duties.append(
                every(3600.0, lambda: look_up(account, network, query, store, publisher, context))
            )
        try:
            with screen:
                await until_one_ends(*duties)
        finally:
            await _processed(found.kafka, workers)
            summary.sent = sum(each.stats.events + each.stats.deletions for each in listeners)
            summary.too_large = sum(each.stats.too_large for each in listeners)
            summary.seconds = time.monotonic() - started
            with suppress(DatabaseAway):
                summary.after = await store.queries.totals()
                summary.tickets = await store.queries.top_tickets(5)
            done(summary)


async def look_up(
    account: Network,
    network: str,
    query: ListenQuery,
    store: Stores,
    publisher: Publisher,
    context: Context,
) -> None:
    """Once a day: which posts of open tickets are gone? Their deletions are published like any
    other event.
    """
    place = f"deletions:{network}"
    last = await store.cursors.cursor(place)
    if last is not None and datetime.now(UTC) - datetime.fromisoformat(last) < LOOKED_UP_EVERY:
        return
    posts = [StoredPost(*row) for row in await store.queries.open_posts(network)]
    answers = account.open_replier(query.brand or "", context)
    try:
        gone = [event async for event in deleted(answers, posts)]
    except NotSent as away:
        log.warning("posts could not be looked up: %s", away)
        return
    finally:
        await answers.close()
    messages, _ = sorted_by_size(gone, network)
    if messages:
        await publisher.publish(messages)
    await store.cursors.set_cursor(place, datetime.now(UTC).isoformat())
    log.info("looked up %d posts of open tickets: %d are gone", len(posts), len(gone))


class Screen:
    """Lines above, and below on a terminal one line that changes. Quiet when nothing changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Status("connecting", console=console) if console.is_terminal else None
        self._printed_at = 0.0
        self._line = ""

    def __enter__(self) -> Screen:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._status:
            self._status.stop()

    def say(self, line: str) -> None:
        self._console.print(
            f"{datetime.now():%H:%M:%S} {line}", markup=False, highlight=False, soft_wrap=True
        )

    def show(self, line: str) -> None:
        if self._status:
            self._status.update(line)
        elif line != self._line and time.monotonic() > self._printed_at + _LINE_EVERY:
            self._printed_at, self._line = time.monotonic(), line
            self.say(line)


async def _watch(
    screen: Screen,
    listeners: Sequence[Listener],
    sources: Sequence[LiveSource],
    store: Stores,
    kafka: Kafka,
    workers: Workers,
    health: Health,
    metrics: IngestMetrics,
    budget: float | None,
    ledger: Spend,
) -> None:
    told = [(0, 0)] * len(listeners)
    while True:
        workers.ensure()
        trouble = next((each.stats.trouble for each in listeners if each.stats.trouble), None)
        health.progress()
        if trouble:
            health.wait("its network")
        for at, (listener, source) in enumerate(zip(listeners, sources, strict=True)):
            stats = listener.stats
            metrics.saw(
                source.name,
                stats.events - told[at][0],
                stats.breaks - told[at][1],
                stats.trouble is None,
            )
            told[at] = (stats.events, stats.breaks)
        metrics.paid(await ledger.today())
        read = sum(getattr(source, "read", 0) for source in sources)
        kept = sum(each.stats.events for each in listeners)
        with suppress(BrokerAway, DatabaseAway):
            totals = await store.queries.totals()
            lines = [f"{kept:,} heard{f' of {read:,} read' if read else ''}"]
            lines.append(
                f"{sum(totals.tickets.values()):,} tickets · {sum(totals.alerts.values()):,} alerts"
            )
            if budget is not None and (dollars := ledger.spent_today):
                lines.append(f"{dollars / 1e6:.2f} of {budget:.2f} dollars today")
            lines.append(
                "waiting: " + trouble if trouble else f"connected · lag {await kafka.lag():,}"
            )
            screen.show(" · ".join(lines))
        await asyncio.sleep(_WATCH)


async def _raise_alarms(
    alarms: asyncio.Queue[BudgetSpent], network: str, store: Stores, publisher: Publisher
) -> None:
    """A budget that is reached is an alert: somebody is not heard any more."""
    while True:
        reached = await alarms.get()
        log.warning("%s", reached)
        alert = spend_alert(
            network, reached.brand, reached.day, reached.spent, reached.budget, reached.then
        )
        while True:
            with suppress(DatabaseAway, BrokerAway):
                await publisher.publish(alert_messages([await store.alerts.put_alert(alert)]))
                break
            await asyncio.sleep(5.0)


async def _processed(kafka: Kafka, workers: Workers) -> None:
    """A newcomer sees what became of it: our own worker is given a moment to finish."""
    with suppress(BrokerAway, UserError, TimeoutError):
        async with asyncio.timeout(LAST_WORDS if workers.own else 0.0):
            while await kafka.lag() > 0:
                workers.ensure()
                await asyncio.sleep(0.3)


class _Unpaid:
    """A ledger for a source that is opened only to see whether it can be."""

    async def add(self, *_: object) -> int:
        raise ConnectorError("nothing is read yet")


def _words(query: ListenQuery) -> str:
    named = [
        *(f"“{word}”" for word in query.keywords),
        *(f"@{handle}" for handle in query.handles),
    ]
    shown = ", ".join(named[:8]) + (f" and {len(named) - 8} more" if len(named) > 8 else "")
    parts = [each for each in (query.brand, shown) if each]
    return f" for {': '.join(parts)}" if parts else ""
