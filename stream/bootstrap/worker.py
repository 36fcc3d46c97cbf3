"""Worker: the stream, and the duties that run beside it."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.base import Replier as ReplyConnector
from connectors.events import Event, encode
from connectors.network import Context
from models.artifact import ArtifactError
from stream import brands as brands_file
from stream.alerts.daily import DailySummaries
from stream.alerts.notifier import Notifier
from stream.app import create_app
from stream.bootstrap.alerts import (
    SEND_EVERY,
    SUMMARIES_EVERY,
    daily_summaries,
    judge_bursts,
    notifier,
)
from stream.bootstrap.controls import CONTROLS_EVERY, DEAL_EVERY, Following
from stream.bootstrap.duties import answering, eventually, every, running_app, until_one_ends
from stream.bootstrap.llm import watch_llm
from stream.bootstrap.loading import judge_with, load_backend, load_brands, replier_folder
from stream.bootstrap.older_models import Judgements, remark_in_time
from stream.bootstrap.parts import Parts, Stores, ensure_migrated, parts
from stream.bursts.evaluator import BurstJudge
from stream.controls.defaults import read_defaults
from stream.controls.store import ControlStore
from stream.desk.dealer import Dealer
from stream.desk.working_hours import set_clocks
from stream.errors import BrokerAway, UserError
from stream.incidents.clustering import IncidentClusterer
from stream.incidents.store import Incidents
from stream.ingest.networks import open_replier
from stream.ingest.publish import topic_of
from stream.ingest.spend import Spend
from stream.kafka import INPUTS, Kafka, Outgoing, Publish, Publisher
from stream.kafka_login import is_guarded, login
from stream.monitor.drift_alarm import DriftAlarm
from stream.observe.health import Health
from stream.observe.metrics import Metrics
from stream.pipeline import Pipeline, alert_messages
from stream.postgres.retention import drop_old
from stream.postgres.tables import Row
from stream.replies.drafting import Drafter
from stream.replies.outbox import Outbox
from stream.replies.replier_process import ReplierProcess
from stream.replies.store import Replies
from stream.reports.ratings import ALLOWED, Ratings
from stream.settings import Settings

log = logging.getLogger(__name__)

BURSTS_EVERY = 2.0  # seconds between looks at the counts
CLUSTER_EVERY = 5.0
OUTBOX_EVERY = 1.0  # the outbox runs by itself; so soon it begins again after a fault
DRAFT_EVERY = 1.0
BUSY = 50  # messages that wait for analysis, above which only urgent tickets get drafts
LAG_EVERY = 5.0
DRIFT_EVERY = timedelta(hours=1).total_seconds()
UPKEEP_EVERY = timedelta(hours=6).total_seconds()  # partitions ahead, retention


async def serve_worker(settings: Settings, *, port: int | None, follow: int | None = None) -> None:
    """A worker until it is cancelled. port: None for no health server. follow: a process to end
    with.
    """
    metrics, health = Metrics(topics=INPUTS), Health()
    analyzer, brands = await asyncio.gather(
        asyncio.to_thread(load_backend, settings), asyncio.to_thread(load_brands, settings)
    )
    metrics.model.labels(analyzer.version).set(1)
    watch_llm(metrics.registry, analyzer)
    async with AsyncExitStack() as stack:
        if port is not None:
            await stack.enter_async_context(answering(health, metrics, settings.host, port))
        running = await stack.enter_async_context(parts(settings, "worker"))
        await eventually("Postgres", lambda: ensure_migrated(running), health)
        await eventually("Kafka", running.kafka.declare_topics, health)
        publisher = await eventually(
            "Kafka", lambda: stack.enter_async_context(running.kafka.publisher()), health
        )
        stores = await stack.enter_async_context(running.store())
        engine = await stack.enter_async_context(running.engine())
        drafter = await stack.enter_async_context(
            _drafter(settings, engine, brands, metrics, busy=lambda: health.lag > BUSY)
        )
        pipeline = Pipeline(
            judge=judge_with(settings, analyzer, brands),
            store=stores.events,
            dead_letters=stores.dead_letters,
            publish=_ringing(publisher.publish, drafter),
            cluster=await eventually("Kafka", running.kafka.cluster_id, health),
            metrics=metrics,
            health=health,
            traces=running.traces,
        )
        sinks = await stack.enter_async_context(notifier(running))
        summaries = await stack.enter_async_context(daily_summaries(running, sinks))
        judge, dealer = BurstJudge(stores.counts, stores.alerts), Dealer(engine)
        following = Following(
            store=ControlStore(engine),
            defaults=await asyncio.to_thread(read_defaults, settings),
            engine=engine,
            brands=brands,
            judge=judge,
            notifier=sinks,
            dealer=dealer,
        )
        await eventually("Postgres", following.look, health)
        await eventually("Postgres", lambda: set_clocks(engine, brands), health)
        duties = Duties(
            kafka=running.kafka,
            health=health,
            metrics=metrics,
            publisher=publisher,
            stores=stores,
            judge=judge,
            drift=DriftAlarm(engine, stores.alerts),
            sinks=sinks,
            summaries=summaries,
            clusterer=IncidentClusterer(Incidents(engine)),
            outbox=_outbox(settings, engine, publisher, metrics),
            drafter=drafter,
            dealer=dealer,
            following=following,
            engine=engine,
            keep_events=settings.keep_events,
        )
        app = await eventually("Kafka", lambda: _start_stream(stack, running, pipeline), health)
        _freeze()
        health.progress()
        health.started = True
        tell_start(settings, running.broker, analyzer.version)
        look = asyncio.create_task(tell_older(settings, stores.queries))
        stack.callback(look.cancel)
        await until_one_ends(
            app.wait(), *duties.all(), _while_alive(follow), _while_broker_lives(running)
        )
        if app.crashed or app.should_stop:  # nobody has asked it to
            raise UserError(
                "the Kafka consumer stopped; see the log above, then start the worker again"
            )


def tell_start(settings: Settings, broker: str, model: str) -> None:
    """The first lines of a worker: what it does, and what its operator should know."""
    log.info("worker listens on %s with model %s", broker, model)
    if settings.broker is not None and not is_guarded(settings):
        log.warning("Kafka at %s: %s", settings.broker, login(settings))


async def tell_older(settings: Settings, judgements: Judgements) -> None:
    """Say what an older model judged, if that is known soon; nothing waits for it."""
    if words := await remark_in_time(settings, judgements):
        log.warning("%s", words)


async def _start_stream(stack: AsyncExitStack, running: Parts, pipeline: Pipeline) -> Any:
    """A Faust app that runs until the stack is closed. Raises BrokerAway."""
    app = create_app(
        running.settings, running.broker, pipeline, embedded=running.broker_is_embedded
    )
    await stack.enter_async_context(running_app(app))
    return app


def _ringing(publish: Publish, drafter: Drafter | None) -> Publish:
    """Publishes; where tickets were among it, drafts for them come next."""
    if drafter is None:
        return publish

    async def published(messages: Sequence[Outgoing]) -> None:
        await publish(messages)
        if any(message.topic == "tickets" for message in messages):
            drafter.ring()

    return published


def _freeze() -> None:
    """What is loaded by now stays: no search for garbage walks through it again.

    With a model loaded such a search walked through 173,000 objects while everything else waited.
    """
    gc.collect()
    gc.freeze()


@dataclass(frozen=True, slots=True)
class Duties:
    """Work beside the stream, repeated for as long as the worker runs."""

    kafka: Kafka
    health: Health
    metrics: Metrics
    publisher: Publisher
    stores: Stores
    judge: BurstJudge
    drift: DriftAlarm
    sinks: Notifier
    summaries: DailySummaries
    clusterer: IncidentClusterer
    outbox: Outbox
    drafter: Drafter | None
    dealer: Dealer
    following: Following
    engine: AsyncEngine
    keep_events: int | None  # months

    def all(self) -> Iterator[Awaitable[None]]:
        yield every(LAG_EVERY, self.watch_lag)
        yield every(BURSTS_EVERY, self.judge_bursts)
        yield every(SEND_EVERY, self.sinks.round)
        yield every(SUMMARIES_EVERY, self.summaries.round)
        yield every(CLUSTER_EVERY, self.clusterer.look)
        yield every(OUTBOX_EVERY, self.outbox.run)
        if self.drafter is not None:
            yield every(DRAFT_EVERY, self.drafter.round)
        yield every(CONTROLS_EVERY, self.following.look)
        yield every(DEAL_EVERY, self.dealer.round)
        yield every(DRIFT_EVERY, self.judge_drift)
        yield every(UPKEEP_EVERY, self.stores.upkeep)
        yield every(UPKEEP_EVERY, self.drop_old)

    async def judge_bursts(self) -> None:
        with self.metrics.timed("judge"):
            await judge_bursts(self.judge, self.publisher)

    async def judge_drift(self) -> None:
        if alerts := await self.drift.look():
            await self.publisher.publish(alert_messages(alerts))

    async def watch_lag(self) -> None:
        try:
            lag = await self.kafka.lag()
        except BrokerAway:
            self.health.lost_broker()
            self.metrics.ready.set(0)
            raise
        self.health.saw_lag(lag)
        self.metrics.saw_lag(lag)
        self.metrics.ready.set(self.health.not_ready() is None)

    async def drop_old(self) -> None:
        await drop_old(self.engine, self.keep_events)


@asynccontextmanager
async def _drafter(
    settings: Settings,
    engine: AsyncEngine,
    brands: brands_file.Brands,
    metrics: Metrics,
    busy: Callable[[], bool],
) -> AsyncIterator[Drafter | None]:
    """None where EARSHOT_DRAFTS switches drafts off."""
    folder = await asyncio.to_thread(_usable_replier, settings) if settings.drafts else None
    if folder is None:
        yield None
        return
    process = ReplierProcess(folder)
    try:
        yield Drafter(Replies(engine), process, brands, metrics, busy)
    finally:
        await process.close()


def _usable_replier(settings: Settings) -> Path | None:
    """The replier's directory; None, with a warning, where the shipped one is broken.

    Tickets are worth more than drafts.
    """
    try:
        return replier_folder(settings)
    except ArtifactError as error:
        if settings.replier is not None:
            raise
        log.warning("no replies are drafted: %s", error)
        return None


def _outbox(
    settings: Settings, engine: AsyncEngine, publisher: Publisher, metrics: Metrics
) -> Outbox:
    """Sends to the file of EARSHOT_OUTBOX, or as the accounts of the settings on their networks."""

    async def open_connector(network: str, brand: str | None) -> ReplyConnector:
        context = Context(Spend(engine, network), settings.allow_private_addresses)
        return open_replier(network, context, brand=brand or "", outbox=settings.outbox)

    async def publish(event: Event) -> None:
        await publisher.publish([Outgoing(topic_of(event), event.conversation, encode(event))])

    ratings = Ratings(engine)

    async def words(row: Row) -> str:
        """With a link to rate the answer, where that stays between the two."""
        if settings.base_url is None or row["network"] not in ALLOWED:
            return str(row["text"])
        return str(row["text"]) + await ratings.footer(row["id"], settings.base_url)

    return Outbox(engine, open_connector, publish, metrics, words=words)


async def _while_broker_lives(running: Parts) -> None:
    """Until the embedded broker ends; its messages end with it."""
    embedded = running.embedded if running.broker_is_embedded else None
    while embedded is None or embedded.holds_broker():
        await asyncio.sleep(1.0)
    raise UserError(
        "the embedded broker has died; what it still held is lost: start again, and"
        " replay what is missing"
    )


async def _while_alive(pid: int | None) -> None:
    while pid is None or psutil.pid_exists(pid):
        await asyncio.sleep(1.0)
