"""Live ingest: a network's posts into Kafka until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from connectors.base import ConnectorError, LiveSource, NotSent
from connectors.catalog import network as network_class
from connectors.deletions import StoredPost, deleted
from connectors.network import BudgetSpent, Context, ListenQuery, Network
from connectors.skipped import TALLY
from stream.alerts.store import Alerts
from stream.bootstrap.duties import answering, every, until_one_ends
from stream.bootstrap.loading import load_brands
from stream.bootstrap.local_worker import LocalWorker
from stream.bootstrap.parts import Stores, ensure_migrated, parts
from stream.bootstrap.replay import TICKETS_IN_SUMMARY, Summary
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
from stream.retry import while_away
from stream.settings import Settings
from stream.store.queries import Queries

log = logging.getLogger(__name__)

LOOKUP_EVERY = timedelta(days=1)
LOOKUP_CHECK_EVERY = 3600.0  # seconds
FINISH_SECONDS = 20.0  # that the own worker gets at the end
WORDS_NAMED = 8  # keywords and handles in the line that listening begins with
_WATCH_EVERY = 1.0  # seconds


@dataclass(slots=True)
class LiveProgress:
    """How listening goes. tickets, alerts: the store's totals. trouble: None when connected."""

    events: int
    read: int  # posts that were read to find them; 0 where the network filters itself
    tickets: int
    alerts: int
    dollars: float  # spent today
    budget: float | None  # dollars a day; None where the network charges nothing
    trouble: str | None
    lag: int | None  # None while there is trouble


class LiveWatch:
    """Looks after the listeners every second: worker, health, metrics, progress."""

    def __init__(
        self,
        listeners: Sequence[Listener],
        sources: Sequence[LiveSource],
        *,
        queries: Queries,
        kafka: Kafka,
        worker: LocalWorker,
        health: Health,
        metrics: IngestMetrics,
        ledger: Spend,
        budget: float | None,
        on_progress: Callable[[LiveProgress], None],
    ) -> None:
        self._listeners = listeners
        self._sources = sources
        self._queries = queries
        self._kafka = kafka
        self._worker = worker
        self._health = health
        self._metrics = metrics
        self._ledger = ledger
        self._budget = budget
        self._on_progress = on_progress
        self._counted = [(0, 0)] * len(listeners)  # events and breaks that the metrics have
        self._skipped: list[Counter[str]] = [Counter() for _ in listeners]

    async def run(self) -> None:
        while True:
            self._worker.ensure()
            self._health.progress()
            if self._trouble():
                self._health.wait("its network")
            self._count()
            self._metrics.paid(await self._ledger.today())
            with suppress(BrokerAway, DatabaseAway):
                self._on_progress(await self._progress())
            await asyncio.sleep(_WATCH_EVERY)

    def _trouble(self) -> str | None:
        troubles = (listener.stats.trouble for listener in self._listeners)
        return next((trouble for trouble in troubles if trouble), None)

    def _count(self) -> None:
        for index, (listener, source) in enumerate(
            zip(self._listeners, self._sources, strict=True)
        ):
            stats = listener.stats
            events, breaks = self._counted[index]
            self._metrics.saw(
                source.name, stats.events - events, stats.breaks - breaks, stats.trouble is None
            )
            self._counted[index] = stats.events, stats.breaks
            self._metrics.skipped(source.name, stats.skipped - self._skipped[index])
            self._skipped[index] = Counter(stats.skipped)

    async def _progress(self) -> LiveProgress:
        totals = await self._queries.totals()
        trouble = self._trouble()
        return LiveProgress(
            events=sum(listener.stats.events for listener in self._listeners),
            read=sum(getattr(source, "read", 0) for source in self._sources),
            tickets=sum(totals.tickets.values()),
            alerts=sum(totals.alerts.values()),
            dollars=self._ledger.spent_today / 1e6,
            budget=self._budget,
            trouble=trouble,
            lag=None if trouble else await self._kafka.lag(),
        )


async def listen(
    settings: Settings,
    network: str,
    *,
    brand: str | None,
    keywords: Sequence[str],
    handles: Sequence[str],
    port: int | None,
    on_message: Callable[[str], None],
    on_progress: Callable[[LiveProgress], None],
    on_end: Callable[[Summary], None],
) -> None:
    """Listen until cancelled. port: of health and metrics, None for none.

    on_message: lines for a person. on_end: also called when it ends with an error.
    """
    query = listen_query(load_brands(settings), network, brand, keywords, handles)
    account = network_class(network).from_environment()
    private = settings.allow_private_addresses
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        # Wrong settings are an error before anything is started.
        async with open_sources(account, query, Context(_NoLedger(), private)):
            pass
        health, metrics = Health(), IngestMetrics()
        if port is not None:
            await stack.enter_async_context(answering(health, metrics, settings.host, port))
        running = await stack.enter_async_context(parts(settings, "ingest"))
        worker = LocalWorker(running, stack)
        worker.ensure()
        await ensure_migrated(running)
        stores = await stack.enter_async_context(running.store())
        engine = open_engine(running.database_url, pool_size=2)
        stack.push_async_callback(engine.dispose)
        await running.kafka.declare_topics()
        publisher = await stack.enter_async_context(running.kafka.publisher())
        ledger = Spend(engine, network)
        alarms: asyncio.Queue[BudgetSpent] = asyncio.Queue()
        context = Context(ledger, private, on_message, alarms.put_nowait)
        sources = await stack.enter_async_context(open_sources(account, query, context))
        listeners = [
            Listener(
                source, publisher, stores.cursors, stores.dead_letters.bury, on_line=on_message
            )
            for source in sources
        ]
        totals = await stores.queries.totals()
        summary = Summary(network, before=totals, after=totals)
        on_message(
            f"listening on {network}{_listened_to(query)}; Ctrl-C ends it, and it goes on"
            " from there next time"
        )
        health.started = True
        watch = LiveWatch(
            listeners,
            sources,
            queries=stores.queries,
            kafka=running.kafka,
            worker=worker,
            health=health,
            metrics=metrics,
            ledger=ledger,
            budget=account.dollars_a_day,
            on_progress=on_progress,
        )
        duties = [
            *(listener.run() for listener in listeners),
            watch.run(),
            _raise_alarms(alarms, network, stores.alerts, publisher),
        ]
        if account.hides_deletions and account.has_account:
            lookup_context = Context(ledger, private)
            duties.append(
                every(
                    LOOKUP_CHECK_EVERY,
                    lambda: look_up(account, network, query, stores, publisher, lookup_context),
                )
            )
        try:
            await until_one_ends(*duties)
        finally:
            await _until_processed(running.kafka, worker)
            summary.seconds = time.monotonic() - started
            _count(summary, listeners)
            with suppress(DatabaseAway):
                summary.after = await stores.queries.totals()
                summary.tickets = await stores.queries.top_tickets(TICKETS_IN_SUMMARY)
            on_end(summary)


def _count(summary: Summary, listeners: Sequence[Listener]) -> None:
    stats = [listener.stats for listener in listeners]
    summary.sent = sum(part.events + part.deletions for part in stats)
    summary.too_large = sum(part.too_large for part in stats)
    for part in stats:
        summary.skipped.update(part.skipped)
    summary.left_out = TALLY.counts()


async def look_up(
    account: Network,
    network: str,
    query: ListenQuery,
    stores: Stores,
    publisher: Publisher,
    context: Context,
) -> None:
    """Publish the deletions of posts of open tickets that are gone; once a day, by the store."""
    cursor = f"deletions:{network}"
    last = await stores.cursors.cursor(cursor)
    if last is not None and datetime.now(UTC) - datetime.fromisoformat(last) < LOOKUP_EVERY:
        return
    posts = [StoredPost(*row) for row in await stores.queries.open_posts(network)]
    replier = account.open_replier(query.brand or "", context)
    try:
        deletions = [event async for event in deleted(replier, posts)]
    except NotSent as away:
        log.warning("posts could not be looked up: %s", away)
        return
    finally:
        await replier.close()
    messages, _ = sorted_by_size(deletions, network)
    if messages:
        await publisher.publish(messages)
    await stores.cursors.set_cursor(cursor, datetime.now(UTC).isoformat())
    log.info("looked up %d posts of open tickets: %d are gone", len(posts), len(deletions))


async def _raise_alarms(
    alarms: asyncio.Queue[BudgetSpent], network: str, alerts: Alerts, publisher: Publisher
) -> None:
    """A budget that is reached is an alert: customers go unheard from then on."""
    while True:
        reached = await alarms.get()
        log.warning("%s", reached)
        await while_away()(_raise_alarm, reached, network, alerts, publisher)


async def _raise_alarm(
    reached: BudgetSpent, network: str, alerts: Alerts, publisher: Publisher
) -> None:
    alert = spend_alert(
        network, reached.brand, reached.day, reached.spent, reached.budget, reached.then
    )
    stored = await alerts.put_alert(alert)
    await publisher.publish(alert_messages([stored]))


async def _until_processed(kafka: Kafka, worker: LocalWorker) -> None:
    """A newcomer sees tickets: the own worker gets a moment to finish."""
    with suppress(BrokerAway, UserError, TimeoutError):
        async with asyncio.timeout(FINISH_SECONDS if worker.own else 0.0):
            while await kafka.lag() > 0:
                worker.ensure()
                await asyncio.sleep(0.3)


class _NoLedger:
    """The ledger of a source that is opened only to check its settings."""

    async def add(self, *_: object) -> NoReturn:
        raise ConnectorError("nothing is read yet")


def _listened_to(query: ListenQuery) -> str:
    """` for BRAND: “word”, @handle and 3 more`, as far as there are any."""
    words = [f"“{word}”" for word in query.keywords]
    words += [f"@{handle}" for handle in query.handles]
    listed = ", ".join(words[:WORDS_NAMED])
    if len(words) > WORDS_NAMED:
        listed += f" and {len(words) - WORDS_NAMED} more"
    parts = [part for part in (query.brand, listed) if part]
    return f" for {': '.join(parts)}" if parts else ""
