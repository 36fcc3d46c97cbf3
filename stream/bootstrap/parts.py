"""Where Kafka and Postgres are for a command: started where they are embedded, and given back at
its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from stream.alerts.deliveries import Deliveries
from stream.alerts.store import Alerts
from stream.bootstrap.traces import open_traces
from stream.bootstrap.worker_process import worker_process
from stream.bursts.counts import Signals
from stream.embedded import Embedded
from stream.errors import BrokerAway, DatabaseAway, UserError
from stream.kafka import Kafka
from stream.observe.traces import OFF, Traces
from stream.postgres.database import open_engine, reader_url
from stream.postgres.schema import migrate
from stream.settings import Settings
from stream.store.cursors import Cursors
from stream.store.dead_letters import DeadLetters
from stream.store.queries import Queries
from stream.store.store import Store

T = TypeVar("T")

DRAIN_SECONDS = 600.0


class Stores:
    """The tables of one database, each by itself on the same connections."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.events = Store(engine)
        self.dead_letters = DeadLetters(engine)
        self.counts = Signals(engine)
        self.alerts = Alerts(engine)
        self.deliveries = Deliveries(engine)
        self.queries = Queries(engine)
        self.cursors = Cursors(engine)

    async def upkeep(self) -> None:
        """The coming months' partitions, and the end of old dead letters."""
        await self.queries.ensure_partitions()
        await self.dead_letters.prune()


@dataclass(frozen=True, slots=True)
class Parts:
    """Where Kafka and Postgres are for this command, embedded or yours."""

    settings: Settings
    broker: str
    database_url: str
    embedded: Embedded | None
    broker_is_embedded: bool
    traces: Traces = OFF

    @property
    def kafka(self) -> Kafka:
        return Kafka(self.settings, self.broker, self.traces)

    @property
    def reader_url(self) -> str:
        """The read-only login."""
        given = self.settings.database_reader_url
        return given.get_secret_value() if given else reader_url(self.database_url)

    def at(self, broker: str) -> Parts:
        """The same with the embedded broker that runs at this address."""
        return replace(
            self, broker=broker, settings=self.settings.model_copy(update={"broker": None})
        )

    def has_worker(self) -> bool:
        """Is a worker running on this home? Of workers on a Kafka of your own nothing is known."""
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
    """The parts that a command needs, started where they are embedded, and given back at its end.

    The last command drains the embedded broker before it stops it: it holds its messages in memory
    alone.
    """
    traces = open_traces(role) if broker else OFF
    try:
        async with _found(settings, role, broker=broker) as found:
            yield replace(found, traces=traces)
    finally:
        await asyncio.to_thread(traces.close)


@asynccontextmanager
async def _found(settings: Settings, role: str, *, broker: bool) -> AsyncIterator[Parts]:
    given_url = settings.database_url.get_secret_value() if settings.database_url else None
    embed_broker, embed_postgres = broker and settings.broker is None, given_url is None
    if not (embed_broker or embed_postgres):
        yield Parts(
            settings, settings.broker or "", given_url or "", None, broker_is_embedded=False
        )
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
    """The result of work that cannot be broken off in the middle, and whether somebody asked for
    that meanwhile.
    """
    working = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(working), False
    except asyncio.CancelledError:
        return await working, True


async def _leave(found: Parts, embedded: Embedded) -> None:
    """Give the parts back. Whoever is the last drains the broker first, also one who never used it
    itself.

    Raises UserError when it cannot be drained; it is stopped all the same.
    """
    while not await asyncio.to_thread(
        embedded.release, lambda at: asyncio.run(_lag(found.at(at))) == 0
    ):
        address = await asyncio.to_thread(embedded.broker)
        try:
            if address:
                await drain(found.at(address))
        except (BrokerAway, UserError, TimeoutError) as error:
            await asyncio.to_thread(embedded.release, lambda at: True)
            reason = str(error) or "it took too long"
            raise UserError(
                f"messages that were not processed went with the embedded broker: {reason}"
            ) from None


async def _lag(found: Parts) -> int:
    try:
        return await found.kafka.lag()
    except BrokerAway:
        return 0  # it died: there is nothing left to drain


async def drain(found: Parts) -> None:
    """Let a worker finish what the embedded broker still holds. Raises UserError when the worker
    cannot work.
    """
    with worker_process(found.settings.home, "drain") as worker:
        async with asyncio.timeout(DRAIN_SECONDS):
            while await found.kafka.lag() > 0:
                worker.check()
                await asyncio.sleep(0.5)


async def ensure_migrated(found: Parts) -> None:
    """The schema, brought up to date. Raises DatabaseAway."""
    await migrate(found.database_url)
