"""Parts of a command: its Kafka and its Postgres, started where they are embedded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from stream.bootstrap.stopping import is_stopping, say, stopping_at_once
from stream.bootstrap.traces import open_traces
from stream.bootstrap.worker_process import worker_process
from stream.disk import refuse_full_disk, watch_disk
from stream.embedded import Embedded
from stream.errors import BrokerAway, DatabaseAway, UserError
from stream.observe.traces import OFF, Traces
from stream.postgres.database import open_engine, reader_url
from stream.postgres.schema import migrate
from stream.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from stream.alerts.deliveries import Deliveries
    from stream.alerts.store import Alerts
    from stream.bursts.counts import Signals
    from stream.incidents.store import Incidents
    from stream.kafka import Kafka
    from stream.store.cursors import Cursors
    from stream.store.dead_letters import DeadLetters
    from stream.store.queries import Queries
    from stream.store.store import Store

T = TypeVar("T")

DRAIN_SECONDS = 600.0
SAY_EVERY = 2.0  # seconds between two lines about a drain


class Stores:
    """The tables of one database, each by itself on the same connections.

    Each is imported when it is first used: most commands need one of them.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @cached_property
    def events(self) -> Store:
        from stream.store.store import Store

        return Store(self._engine)

    @cached_property
    def dead_letters(self) -> DeadLetters:
        from stream.store.dead_letters import DeadLetters

        return DeadLetters(self._engine)

    @cached_property
    def counts(self) -> Signals:
        from stream.bursts.counts import Signals

        return Signals(self._engine)

    @cached_property
    def alerts(self) -> Alerts:
        from stream.alerts.store import Alerts

        return Alerts(self._engine)

    @cached_property
    def deliveries(self) -> Deliveries:
        from stream.alerts.deliveries import Deliveries

        return Deliveries(self._engine)

    @cached_property
    def incidents(self) -> Incidents:
        from stream.incidents.store import Incidents

        return Incidents(self._engine)

    @cached_property
    def queries(self) -> Queries:
        from stream.store.queries import Queries

        return Queries(self._engine)

    @cached_property
    def cursors(self) -> Cursors:
        from stream.store.cursors import Cursors

        return Cursors(self._engine)

    async def upkeep(self) -> None:
        """The coming months' partitions, and the end of old dead letters."""
        await self.queries.ensure_partitions()
        await self.dead_letters.prune()


@dataclass(frozen=True, slots=True)
class Parts:
    """Addresses of Kafka and Postgres for this command, embedded or yours."""

    settings: Settings
    broker: str
    database_url: str
    embedded: Embedded | None
    broker_is_embedded: bool
    traces: Traces = OFF

    @property
    def kafka(self) -> Kafka:
        from stream.kafka import Kafka

        return Kafka(self.settings, self.broker, self.traces)

    @property
    def reader_url(self) -> str:
        """The read-only login."""
        own = self.settings.database_reader_url
        return own.get_secret_value() if own else reader_url(self.database_url)

    def at(self, broker: str) -> Parts:
        """The same with the embedded broker that runs at this address."""
        return replace(
            self, broker=broker, settings=self.settings.model_copy(update={"broker": None})
        )

    def has_worker(self) -> bool:
        """Is a worker running on this home? Workers on a Kafka of your own are not known."""
        return bool(self.embedded and self.embedded.other_processes("worker"))

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[AsyncEngine]:
        engine = open_engine(self.database_url)
        try:
            yield engine
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Stores]:
        async with self.engine() as engine:
            yield Stores(engine)


@asynccontextmanager
async def parts(settings: Settings, role: str, *, broker: bool = True) -> AsyncIterator[Parts]:
    """The parts of a command, started where they are embedded, and released at its end.

    The last command drains the embedded broker before it stops it: it holds its messages in memory
    alone.
    """
    traces = open_traces(role) if broker else OFF
    try:
        async with _started(settings, role, broker=broker) as running:
            yield replace(running, traces=traces)
    finally:
        await asyncio.to_thread(traces.close)


@asynccontextmanager
async def _started(settings: Settings, role: str, *, broker: bool) -> AsyncIterator[Parts]:
    own_url = settings.database_url.get_secret_value() if settings.database_url else ""
    own_broker = settings.broker or ""
    embed_broker = broker and not own_broker
    if own_url and not embed_broker:
        yield Parts(settings, own_broker, own_url, None, broker_is_embedded=False)
        return
    embedded = Embedded(settings.home)
    refuse_full_disk(settings.home)
    addresses, is_cancelled = await _finished(
        asyncio.to_thread(embedded.acquire, role, broker=embed_broker, postgres=not own_url)
    )
    running = Parts(
        settings,
        addresses.broker or own_broker,
        addresses.database_url or own_url,
        embedded,
        broker_is_embedded=embed_broker,
    )
    has_failed = False
    watching = asyncio.create_task(watch_disk(settings.home, say))
    try:
        if is_cancelled:
            raise asyncio.CancelledError
        yield running
    except (UserError, BrokerAway, DatabaseAway):
        has_failed = True
        raise
    finally:
        watching.cancel()
        # A person gets one line, the first reason.
        with suppress(UserError) if has_failed else nullcontext():
            await _release(running, embedded)


async def _finished(work: Coroutine[Any, Any, T]) -> tuple[T, bool]:
    """The result of work that must not be cancelled, and whether it should have been."""
    working = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(working), False
    except asyncio.CancelledError:
        return await working, True


async def _release(running: Parts, embedded: Embedded) -> None:
    """Release the parts. The last command drains the broker first, also if it never used it.

    Raises UserError when it cannot be drained; it is stopped all the same.
    """

    def is_drained(address: str) -> bool:
        return asyncio.run(_lag(running.at(address))) == 0

    while not await asyncio.to_thread(embedded.release, is_drained):
        address = await asyncio.to_thread(embedded.broker)
        if stopping_at_once():
            lag = await _lag(running.at(address)) if address else 0
            await asyncio.to_thread(embedded.release, lambda at: True)
            say(f"stopped at once: {lag:,} messages that were not processed went with the broker")
            return
        try:
            if address:
                await drain(running.at(address))
        except (BrokerAway, UserError, TimeoutError) as error:
            await asyncio.to_thread(embedded.release, lambda at: True)
            reason = str(error) or "it took too long"
            raise UserError(
                f"messages that were not processed went with the embedded broker: {reason}"
            ) from None


async def _lag(running: Parts) -> int:
    try:
        return await running.kafka.lag()
    except BrokerAway:
        return 0  # it died: there is nothing left to drain


async def drain(running: Parts) -> None:
    """Let a worker process the rest of the embedded broker. Raises UserError when it has ended."""
    with worker_process(running.settings.home, "drain") as worker:
        async with asyncio.timeout(DRAIN_SECONDS):
            await _until_drained(running, worker.check)


async def _until_drained(running: Parts, check: Callable[[], object]) -> None:
    """Until a worker has processed everything, or a second signal asks to stop at once."""
    printed_at = time.monotonic()
    while not stopping_at_once() and (lag := await running.kafka.lag()) > 0:
        check()
        refuse_full_disk(running.settings.home)
        if is_stopping() and time.monotonic() - printed_at > SAY_EVERY:
            printed_at = time.monotonic()
            say(f"draining: {lag:,} messages left")
        await asyncio.sleep(0.2)


@asynccontextmanager
async def draining(running: Parts, check: Callable[[], object]) -> AsyncIterator[None]:
    """Around the work beside a worker: when a signal ends it, the worker first does the rest.

    An embedded broker holds messages in memory alone, and this worker has the model loaded. check:
    raises UserError when the worker has ended.
    """
    try:
        yield
    except asyncio.CancelledError:
        if is_stopping() and running.broker_is_embedded:
            with suppress(BrokerAway, UserError):
                lag = await _lag(running)
                rest = f": draining {lag:,} messages" if lag else ""
                say(f"stopping{rest} (again to stop at once)")
                await _until_drained(running, check)
        raise


async def ensure_migrated(running: Parts) -> None:
    """Bring the schema up to date. Raises DatabaseAway."""
    await migrate(running.database_url)
