"""A worker: the stream, and everything that runs beside it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
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
from stream.app import create_app
from stream.bootstrap.alerts import TELL_EVERY, judge_bursts, notifier
from stream.bootstrap.duties import answering, eventually, every, running, until_one_ends
from stream.bootstrap.loading import load_backend, load_brands, load_calls, replier_folder
from stream.bootstrap.parts import Parts, ensure_migrated, parts
from stream.bursts.evaluator import BurstJudge
from stream.desk.working_hours import set_clocks
from stream.errors import BrokerAway, UserError
from stream.incidents.clustering import IncidentClusterer
from stream.incidents.store import Incidents
from stream.ingest.networks import open_replier
from stream.ingest.publish import topic_of
from stream.ingest.spend import Spend
from stream.kafka import Kafka, Outgoing, Publisher
from stream.observe.health import Health
from stream.observe.metrics import Metrics
from stream.pipeline import Pipeline
from stream.postgres.retention import drop_old
from stream.replies.drafting import Drafter
from stream.replies.outbox import Outbox
from stream.replies.replier_process import ReplierProcess
from stream.replies.store import Replies
from stream.settings import Settings
from stream.triage.judgement import Judge

log = logging.getLogger(__name__)

BURSTS_EVERY = 2.0  # seconds between looks at the counts
CLUSTER_EVERY = 5.0
SEND_EVERY = 1.0  # the outbox runs by itself; so soon it begins again after a fault
DRAFT_EVERY = 1.0
BUSY = 50  # messages that wait to be understood, above which only urgent tickets are drafted for
LAG_EVERY = 5.0
UPKEEP_EVERY = timedelta(hours=6).total_seconds()  # partitions ahead, retention


async def serve_worker(settings: Settings, *, port: int | None, follow: int | None = None) -> None:
    """A worker until it is cancelled. port: None for no health server; follow: the process that it
    leaves with.
    """
    from stream.bootstrap.llm import watch_llm

    metrics, health = Metrics(), Health()
    analyzer, brands = await asyncio.gather(
        asyncio.to_thread(load_backend, settings), asyncio.to_thread(load_brands, settings)
    )
    metrics.model.labels(analyzer.version).set(1)
    watch_llm(metrics.registry, analyzer)
    async with AsyncExitStack() as stack:
        if port is not None:
            await stack.enter_async_context(answering(health, metrics, settings.host, port))
        found = await stack.enter_async_context(parts(settings, "worker"))
        await eventually("Postgres", lambda: ensure_migrated(found), health)
        await eventually("Kafka", found.kafka.declare_topics, health)
        publisher: Publisher = await eventually(
            "Kafka", lambda: stack.enter_async_context(found.kafka.publisher()), health
        )
        store = await stack.enter_async_context(found.store())
        pipeline = Pipeline(
            judge=Judge(analyzer, brands, load_calls(settings, analyzer, whole=True)),
            store=store.events,
            dead_letters=store.dead_letters,
            publish=publisher.publish,
            cluster=await eventually("Kafka", found.kafka.cluster_id, health),
            metrics=metrics,
            health=health,
            traces=found.traces,
        )
        judge = BurstJudge(store.counts, store.alerts)
        telling = await stack.enter_async_context(notifier(found))
        answers = await stack.enter_async_context(found.engine())
        await eventually("Postgres", lambda: set_clocks(answers, brands), health)
        clusterer = IncidentClusterer(Incidents(answers))
        outbox = _outbox(settings, answers, publisher, metrics)
        drafter = await stack.enter_async_context(
            _drafter(settings, answers, brands, metrics, busy=lambda: health.lag > BUSY)
        )

        async def listen() -> Any:
            made = create_app(
                settings, found.broker, pipeline, drafter, embedded=found.broker_is_embedded
            )
            await stack.enter_async_context(running(made))
            return made

        app = await eventually("Kafka", listen, health)
        health.progress()
        health.started = True
        log.info("worker listens on %s with model %s", found.broker, analyzer.version)
        await until_one_ends(
            app.wait(),
            every(LAG_EVERY, lambda: _watch_lag(found.kafka, health, metrics)),
            every(BURSTS_EVERY, lambda: _judge(judge, publisher, metrics)),
            every(TELL_EVERY, telling.round),
            every(CLUSTER_EVERY, clusterer.look),
            every(SEND_EVERY, outbox.run),
            *([every(DRAFT_EVERY, drafter.round)] if drafter is not None else []),
            every(UPKEEP_EVERY, store.upkeep),
            every(UPKEEP_EVERY, lambda: drop_old(answers, settings.keep_events)),
            _while_alive(follow),
            _while_broker_lives(found),
        )
        if app.crashed or app.should_stop:  # nobody has asked it to
            raise UserError(
                "the Kafka consumer stopped; see the log above, then start the worker again"
            )


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
    replier = ReplierProcess(folder)
    try:
        yield Drafter(Replies(engine), replier, brands, metrics, busy)
    finally:
        await replier.close()


def _usable_replier(settings: Settings) -> Path | None:
    """The replier's directory; None, with a warning, where the shipped one is broken: tickets are
    worth more.
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

    async def open_way(network: str, brand: str | None) -> ReplyConnector:
        context = Context(Spend(engine, network), settings.allow_private_addresses)
        return open_replier(network, context, brand=brand or "", outbox=settings.outbox)

    async def tell(event: Event) -> None:
        await publisher.publish([Outgoing(topic_of(event), event.conversation, encode(event))])

    return Outbox(engine, open_way, tell, metrics)


async def _judge(judge: BurstJudge, publisher: Publisher, metrics: Metrics) -> None:
    with metrics.timed("judge"):
        await judge_bursts(judge, publisher)


async def _watch_lag(kafka: Kafka, health: Health, metrics: Metrics) -> None:
    try:
        lag = await kafka.lag()
    except BrokerAway:
        health.lost_broker()
        metrics.ready.set(0)
        raise
    health.saw_lag(lag)
    metrics.saw_lag(lag)
    metrics.ready.set(health.not_ready() is None)


async def _while_broker_lives(found: Parts) -> None:
    """The embedded broker takes its messages along; one that is started later is another one, at
    another address.
    """
    while not found.broker_is_embedded or found.embedded is None or found.embedded.holds_broker():
        await asyncio.sleep(1.0)
    raise UserError(
        "the embedded broker has died; what it still held is lost: start again, and replay what is missing"
    )


async def _while_alive(pid: int | None) -> None:
    while pid is None or psutil.pid_exists(pid):
        await asyncio.sleep(1.0)
