"""Where everything real is constructed, once: the only module that knows how the parts fit together."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.base import Replier as ReplyConnector
from connectors.events import Event, encode
from models.artifact import ArtifactError
from models.draft import Draft, ReplyRequest
from models.redact import redact
from stream import brands as brands_file
from stream.app import create_app
from stream.bursts import BurstJudge
from stream.database import DatabaseAway, open_engine, reader_url
from stream.desk.clocks import set_clocks
from stream.drafting import Drafting
from stream.embedded import Embedded
from stream.errors import BrokerAway, UserError
from stream.health import Health
from stream.incident_store import Incidents
from stream.incidents import Gatherer
from stream.ingest import topic_of
from stream.kafka import MESSAGE_LIMIT, Kafka, Outgoing, Publisher
from stream.metrics import Metrics
from stream.networks import open_replier
from stream.notify import Notifier
from stream.outbox import Outbox
from stream.pipeline import REPLAY_HEADER, Pipeline, alert_messages
from stream.rebuild import Rebuilt, rebuild
from stream.records import TicketRecord, WithdrawnTicket
from stream.replies import Replies
from stream.routing import read_routes
from stream.schema import migrate
from stream.settings import Settings
from stream.spend import Spend
from stream.store import Store
from stream.worker import answering, eventually, every, running

if TYPE_CHECKING:
    from stream.web.api.reading import Model

log = logging.getLogger(__name__)
T = TypeVar("T")

BURSTS_EVERY = 2.0  # seconds between looks at the counts
TELL_EVERY = 2.0
GATHER_EVERY = 5.0
SEND_EVERY = 1.0  # the outbox runs by itself; so soon it begins again after a fault
SWEEP_EVERY = 10.0
BUSY = 200  # messages that wait to be understood, above which nobody drafts
LAG_EVERY = 5.0
UPKEEP_EVERY = timedelta(hours=6).total_seconds()  # partitions ahead, retention
DRAIN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Parts:
    """Where Kafka and Postgres are for this command, embedded or yours."""

    settings: Settings
    broker: str
    database_url: str
    embedded: Embedded | None
    broker_is_embedded: bool

    @property
    def kafka(self) -> Kafka:
        return Kafka(self.settings, self.broker)

    @property
    def reader_url(self) -> str:
        """The read-only login."""
        given = self.settings.database_reader_url
        return given.get_secret_value() if given else reader_url(self.database_url)

    def at(self, broker: str) -> Parts:
        """The same with the embedded broker that runs at this address."""
        return replace(self, broker=broker, settings=self.settings.model_copy(update={"broker": None}))

    def has_worker(self) -> bool:
        """Is a worker running on this home? Of workers on a Kafka of your own nothing is known."""
        return bool(self.embedded and self.embedded.others("worker"))

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[AsyncEngine]:
        engine = open_engine(self.database_url)
        try:
            yield engine
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        async with self.engine() as engine:
            yield Store(engine)


@asynccontextmanager
async def parts(settings: Settings, role: str, *, broker: bool = True) -> AsyncIterator[Parts]:
    """The parts that a command needs, started where they are embedded, and given back at its end.

    The last command drains the embedded broker before it stops it: it holds its messages in memory alone.
    """
    given_url = settings.database_url.get_secret_value() if settings.database_url else None
    embed_broker, embed_postgres = broker and settings.broker is None, given_url is None
    if not (embed_broker or embed_postgres):
        yield Parts(settings, settings.broker or "", given_url or "", None, broker_is_embedded=False)
        return
    embedded = Embedded(settings.home)
    addresses, asked_to_leave = await _finished(
        asyncio.to_thread(embedded.acquire, role, broker=embed_broker, postgres=embed_postgres)
    )
    found = Parts(
        settings,
        addresses.broker or settings.broker or "",
        addresses.database_url or given_url or "",
        embedded,
        broker_is_embedded=embed_broker,
    )
    told = False
    try:
        if asked_to_leave:
            raise asyncio.CancelledError
        yield found
    except (UserError, BrokerAway, DatabaseAway):
        told = True  # a person gets one line, the first reason
        raise
    finally:
        with suppress(UserError) if told else nullcontext():
            await _leave(found, embedded)


async def _finished(work: Coroutine[Any, Any, T]) -> tuple[T, bool]:
    """The result of work that cannot be broken off in the middle, and whether somebody asked for that meanwhile."""
    working = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(working), False
    except asyncio.CancelledError:
        return await working, True


async def _leave(found: Parts, embedded: Embedded) -> None:
    """Give the parts back. Whoever is the last drains the broker first, also one who never used it itself.

    Raises UserError when it cannot be drained; it is stopped all the same.
    """
    while not await asyncio.to_thread(embedded.release, lambda at: asyncio.run(_lag(found.at(at))) == 0):
        address = await asyncio.to_thread(embedded.broker)
        try:
            if address:
                await drain(found.at(address))
        except (BrokerAway, UserError, TimeoutError) as error:
            await asyncio.to_thread(embedded.release, lambda at: True)
            reason = str(error) or "it took too long"
            raise UserError(f"messages that were not processed went with the embedded broker: {reason}") from None


async def _lag(found: Parts) -> int:
    try:
        return await found.kafka.lag()
    except BrokerAway:
        return 0  # it died: there is nothing left to drain


async def drain(found: Parts) -> None:
    """Let a worker finish what the embedded broker still holds. Raises UserError when the worker cannot work."""
    with worker_process(found, "drain") as worker:
        async with asyncio.timeout(DRAIN_SECONDS):
            while await found.kafka.lag() > 0:
                worker.check()
                await asyncio.sleep(0.5)


async def ensure_migrated(found: Parts) -> None:
    """The schema, brought up to date. Raises DatabaseAway."""
    await migrate(found.database_url)


@dataclass(frozen=True, slots=True)
class OwnWorker:
    """A worker that this process has started beside itself."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        """Raises UserError with the last thing that it said when it has ended: nobody would do its work."""
        if self.process.poll() is not None:
            said = self.log.read_text(errors="replace").strip().rpartition("\n")[2].removeprefix("earshot: ")
            raise UserError(f"the worker has ended: {said or 'without a word'} (see {self.log})")


@contextmanager
def worker_process(found: Parts, name: str = "worker", *, port: int | None = None) -> Iterator[OwnWorker]:
    """A worker of our own beside this process; it leaves with us, also when we are killed."""
    home = found.settings.home.expanduser()
    home.mkdir(parents=True, exist_ok=True)
    health = ["--without-web"] if port is None else ["--port", str(port)]
    said = home / f"{name}.log"
    with said.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  our own arguments
            [sys.executable, "-m", "stream.cli", "worker", *health, "--follow", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | {"EARSHOT_HOME": str(home.resolve())},
            start_new_session=True,  # Ctrl-C in the terminal reaches us; we stop it in order
        )
    try:
        yield OwnWorker(process, said)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def load_analyzer(settings: Settings) -> Any:
    """The model. Raises ArtifactError when its directory is broken, TaxonomyError for a taxonomy that is wrong."""
    from models.analyzer import Analyzer
    from models.taxonomy_file import load_taxonomy

    own = None if settings.taxonomy is None else load_taxonomy(settings.taxonomy)
    return Analyzer(model_folder(settings), taxonomy=own, threads=settings.threads)


def model_folder(settings: Settings) -> Path:
    """The directory of the model in use."""
    from models.registry import Registry

    return settings.model or Registry(settings.home / "models").current()


def load_calls(settings: Settings, analyzer: Any = None, *, whole: bool = False) -> Any:
    """What reads calls: the local model, `analyzer` where it is loaded, and the head beside it.

    Raises models.artifact.ArtifactError, with what to do, for a head that was made for another model.
    """
    from models.calls import call_reader

    local = load_analyzer(settings) if analyzer is None else getattr(analyzer, "local", analyzer)
    return call_reader(local, model_folder(settings), whole=whole)


def load_backend(settings: Settings) -> Any:
    """Who judges messages: the local model, or with EARSHOT_BACKEND=llm a language model with the local one beside it.

    Raises ArtifactError, and UserError that names the setting that is missing.
    """
    from stream.backends import with_llm

    analyzer = load_analyzer(settings)
    return with_llm(settings, analyzer) if settings.backend == "llm" else analyzer


def load_brands(settings: Settings) -> brands_file.Brands:
    return brands_file.load(settings.brands)


async def serve_worker(settings: Settings, *, port: int | None, follow: int | None = None) -> None:
    """A worker until it is cancelled. port: None for no health server; follow: the process that it leaves with."""
    from stream.backends import watch_llm

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
            analyze=analyzer,
            calls=load_calls(settings, analyzer, whole=True),
            redact=redact,
            brands=brands,
            store=store,
            publish=publisher.publish,
            cluster=await eventually("Kafka", found.kafka.cluster_id, health),
            metrics=metrics,
            health=health,
        )
        judge = BurstJudge(store)
        telling = await stack.enter_async_context(notifier(found))
        answers = await stack.enter_async_context(found.engine())
        await eventually("Postgres", lambda: set_clocks(answers, brands), health)
        gatherer = Gatherer(Incidents(answers))
        outbox = _outbox(settings, answers, publisher, metrics)
        drafting = await _drafting(settings, answers, brands, metrics, busy=lambda: health.lag > BUSY)
        app = create_app(settings, found.broker, pipeline, drafting, embedded=found.broker_is_embedded)
        await stack.enter_async_context(running(app))
        health.progress()
        health.started = True
        log.info("worker listens on %s with model %s", found.broker, analyzer.version)
        await _until_one_ends(
            app.wait(),
            every(LAG_EVERY, lambda: _watch_lag(found.kafka, health, metrics)),
            every(BURSTS_EVERY, lambda: _judge(judge, publisher, metrics)),
            every(TELL_EVERY, telling.round),
            every(GATHER_EVERY, gatherer.look),
            every(SEND_EVERY, outbox.run),
            *([every(SWEEP_EVERY, drafting.sweep)] if drafting is not None else []),
            every(UPKEEP_EVERY, store.upkeep),
            _while_alive(follow),
            _while_broker_lives(found),
        )
        if app.crashed or app.should_stop:  # nobody has asked it to
            raise UserError("the Kafka consumer stopped; see the log above, then start the worker again")


async def serve_console(found: Parts, host: str, port: int) -> None:
    """The pages and the REST interface until cancelled. Raises UserError when the port is taken."""
    from stream.web import serve_web
    from stream.web.api.reading import Model, reader

    def load() -> Model:
        analyzer = load_backend(found.settings)
        return Model(reader(analyzer, redact, load_calls(found.settings, analyzer, whole=True)), analyzer.taxonomy)

    await serve_web(found, host, port, load=load)


def load_replier(settings: Settings) -> Any:
    """The model that drafts. Raises models.artifact.ArtifactError when its directory is broken."""
    from models.replier import Replier, default_replier

    return Replier(settings.replier or default_replier(), threads=1)


async def _drafting(
    settings: Settings, engine: AsyncEngine, brands: brands_file.Brands, metrics: Metrics, busy: Callable[[], bool]
) -> Drafting | None:
    """None where EARSHOT_DRAFTS switches drafts off."""
    if not settings.drafts:
        return None
    try:
        replier = await asyncio.to_thread(load_replier, settings)
    except ArtifactError as error:
        if settings.replier is not None:
            raise
        log.warning("no replies are drafted: %s", error)  # tickets are worth more than their drafts
        return None

    def write(requests: Sequence[ReplyRequest], lately: Collection[str]) -> Sequence[Draft]:
        drafts: Sequence[Draft] = replier(requests, recent=lately)
        return drafts

    return Drafting(Replies(engine), write, brands, metrics, busy)


def _outbox(settings: Settings, engine: AsyncEngine, publisher: Publisher, metrics: Metrics) -> Outbox:
    """Sends to the file of EARSHOT_OUTBOX, or as the accounts of the settings on their networks."""
    ledger = Spend(engine, "x")

    async def open_way(network: str, brand: str | None) -> ReplyConnector:
        return open_replier(settings, network, ledger, brand=brand or "")

    async def tell(event: Event) -> None:
        await publisher.publish([Outgoing(topic_of(event), event.conversation, encode(event))])

    return Outbox(engine, open_way, tell, metrics)


@asynccontextmanager
async def notifier(found: Parts) -> AsyncIterator[Notifier]:
    """What tells your sinks about alerts, with connections of its own: a slow receiver must not keep a save waiting.

    Raises UserError and SinkError when EARSHOT_ALERTS names a file that will not do.
    """
    settings = found.settings
    routes = read_routes(settings.alerts, os.environ) if settings.alerts else []
    sinks = [(route, route.open(allow_private=settings.allow_private_addresses)) for route in routes]
    async with found.store() as told:
        telling = Notifier(told, sinks, base_url=settings.base_url)
        try:
            yield telling
        finally:
            await telling.close()


async def judge_bursts(judge: BurstJudge, publisher: Publisher) -> None:
    """Raise the alerts that the counts call for, and publish them as they are stored."""
    if alerts := await judge.look():
        await publisher.publish(alert_messages(alerts))


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
    """The embedded broker takes its messages along; one that is started later is another one, at another address."""
    while not found.broker_is_embedded or found.embedded is None or found.embedded.holds_broker():
        await asyncio.sleep(1.0)
    raise UserError("the embedded broker has died; what it still held is lost: start again, and replay what is missing")


async def _while_alive(pid: int | None) -> None:
    while pid is None or psutil.pid_exists(pid):
        await asyncio.sleep(1.0)


async def _until_one_ends(*works: Any) -> None:
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def rebuild_tickets(found: Parts, *, publish: bool, batch: int, told: Callable[[Rebuilt], None]) -> Rebuilt:
    """Fold every ticket anew from the stored events. publish: tell the topic `tickets` each of them as it is stored."""
    async with AsyncExitStack() as stack:
        tell = None
        if publish:
            await found.kafka.declare_topics()
            publisher = await stack.enter_async_context(found.kafka.publisher())

            async def tell(tickets: Sequence[TicketRecord | WithdrawnTicket]) -> None:
                await publisher.publish([Outgoing("tickets", each.id, each.encode()) for each in tickets])

        engine = open_engine(found.database_url, command_seconds=None)
        stack.push_async_callback(engine.dispose)
        return await rebuild(engine, Store(engine), tell, batch=batch, told=told)


async def replay_dead(found: Parts, ids: Iterable[int] | None) -> int:
    """Send dead letters once more, marked as what they are; None: all that are not resolved. Returns how many went.

    One that was sent already may be sent again: the store counts an event once, and a failure updates its letter.
    """
    async with found.store() as store, AsyncExitStack() as stack:
        chosen = [letter.id for letter in await store.list_dead()] if ids is None else list(ids)
        await found.kafka.declare_topics()
        publisher = await stack.enter_async_context(found.kafka.publisher())
        sent = 0
        for number in chosen:
            letter = await store.show_dead(number)
            if letter is None:
                raise UserError(f"there is no dead letter {number}; see `earshot dead list`")
            if letter.state == "resolved" or (letter.size > MESSAGE_LIMIT and ids is None):
                continue
            if letter.size > MESSAGE_LIMIT:
                raise UserError(f"dead letter {number} is larger than a message may be; it cannot be sent again")
            # Marked before it goes: the worker may have answered before we could mark it afterwards.
            await store.mark_replayed([number])
            header = (REPLAY_HEADER, str(number).encode())
            await publisher.publish([Outgoing(letter.topic, letter.key, letter.value, (header,))])
            sent += 1
        return sent
