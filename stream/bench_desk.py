"""How soon an urgent ticket stands in every open console while the stream is busy."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import Any

import psutil
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.events import Event, SourcedEvent, Tweet, encode
from models.redact import redact
from stream.accounts.sessions import Sessions
from stream.accounts.users import People
from stream.benchmark.rest import processor, web_server
from stream.bootstrap.loading import load_analyzer
from stream.bootstrap.parts import Parts, ensure_migrated, parts
from stream.bootstrap.worker_process import worker_process
from stream.embedded import free_port
from stream.errors import UserError
from stream.ingest.publish import topic_of
from stream.kafka import Outgoing, Publisher
from stream.postgres.database import open_engine
from stream.settings import Settings
from stream.store.store import Store
from stream.triage.judgement import Judgement
from stream.web.http.origins import COOKIE

CONSOLES = 50
PEOPLE = 10  # who have them open, five browsers each
EVERY = 2.0  # seconds between two new P1 tickets
PATIENCE = 15.0  # seconds after which a P1 that did not arrive counts as missed
WARM_UP, WARM_UP_SECONDS = 100, 180
WITHIN = 1.0  # seconds: the promise

_URGENT = (
    "URGENT, nobody answers me: my mother (wheelchair, 81, diabetic) is stranded alone and cannot breathe, she needs "
    "her medicine, we called an ambulance! Third message without an answer, this is an emergency. {mark}"
)


async def bench_desk(
    settings: Settings,
    events: Sequence[SourcedEvent],
    *,
    rate: float,
    seconds: float,
    console: Console,
) -> dict[str, Any]:
    """settings: a home of its own, embedded parts. events: offered at `rate` a second, through
    Kafka and one worker.

    A new P1 is saved every two seconds, and each console tells when it has it. Times count from the
    moment before the save begins, so they are upper bounds of those from the commit; `from_commit`
    counts from the moment after it.
    """
    mark = f"probe-{secrets.token_hex(3)}-"
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(parts(settings, "bench"))
        await ensure_migrated(found)
        await found.kafka.declare_topics()
        console.print(f"desk: {CONSOLES} logins ...")
        tokens = await _log_in(found.database_url)
        worker = stack.enter_context(worker_process(settings.home, port=free_port()))
        process, port = stack.enter_context(web_server(settings))
        engine = open_engine(found.database_url, pool_size=2)
        stack.push_async_callback(engine.dispose)
        await _warm(found, engine, events[:WARM_UP])
        console.print(f"desk: opening {CONSOLES} consoles ...")
        consoles = await _Consoles.open(f"http://127.0.0.1:{port}", tokens, mark)
        stack.push_async_callback(consoles.end)
        console.print(
            f"desk: {rate:g} events a second are offered for {seconds:g} s, a new P1 every {EVERY:g} s ..."
        )
        before = await _stored(engine)
        cores = [processor(each) for each in (process, psutil.Process(worker.pid))]
        started = time.perf_counter()
        offering = asyncio.create_task(_offer(found, events[WARM_UP:], rate, seconds))
        saved = await _probe(Store(engine), settings, mark, seconds)
        offered = await offering
        took = time.perf_counter() - started
        after = await _stored(engine)
        used = [(processor(each) - was) / took for each, was in zip(
            (process, psutil.Process(worker.pid)), cores, strict=True)]  # fmt: skip
        await consoles.wait_for(len(saved))
        told = await consoles.end()
    return {
        "consoles": CONSOLES,
        "clients": "websocket, the queue's page as NiceGUI serves it; nothing is painted",
        "offered_per_s": round(offered / took, 1),
        "committed_per_s": round((after - before) / took, 1),
        **_figures(saved, consoles.arrived),
        "web_cores": round(used[0], 3),
        "worker_cores": round(used[1], 3),
        **told,
    }


def _figures(
    saved: dict[int, tuple[float, float]], arrived: dict[tuple[int, int], float]
) -> dict[str, Any]:
    """saved: by probe, the moments before and after its save. arrived: by probe and console, when
    it was there.
    """
    begun = sorted(at - saved[probe][0] for (probe, _), at in arrived.items())
    committed = sorted(max(0.0, at - saved[probe][1]) for (probe, _), at in arrived.items())
    expected = len(saved) * CONSOLES
    return {
        "p1_tickets": len(saved),
        "arrivals": len(arrived),
        "missed": expected - len(arrived),
        "within_1_s": round(sum(each <= WITHIN for each in begun) / max(1, expected), 4),
        "from_before_the_save": _percentiles(begun),
        "from_commit": _percentiles(committed),
    }


def _percentiles(ranked: Sequence[float]) -> dict[str, float | None]:
    def at(part: int) -> float | None:
        return (
            round(1000 * ranked[min(len(ranked) - 1, len(ranked) * part // 100)], 1)
            if ranked
            else None
        )

    return {"p50_ms": at(50), "p95_ms": at(95), "p99_ms": at(99), "max_ms": at(100)}


async def _log_in(database_url: str) -> list[str]:
    engine = open_engine(database_url, pool_size=2)
    try:
        people, sessions = People(engine), Sessions(engine)
        tokens = []
        for number in range(PEOPLE):
            password = secrets.token_urlsafe(16)
            await people.add(f"agent {number}", password, "agent")
            for _ in range(CONSOLES // PEOPLE):
                tokens.append(await sessions.log_in(f"agent {number}", password, "127.0.0.1"))
        return tokens
    finally:
        await engine.dispose()


async def send_one(publisher: Publisher, event: Event) -> None:
    """One event to its topic, confirmed."""
    await publisher.publish([Outgoing(topic_of(event), event.conversation, encode(event))])


async def _warm(found: Parts, engine: AsyncEngine, events: Sequence[SourcedEvent]) -> None:
    """The worker has joined its group, and its model is warm."""
    async with found.kafka.publisher() as publisher, asyncio.timeout(WARM_UP_SECONDS):
        for event, _ in events:
            await send_one(publisher, event)
        while await _stored(engine) < len(events):
            await asyncio.sleep(0.2)


async def _offer(found: Parts, events: Sequence[SourcedEvent], rate: float, seconds: float) -> int:
    """Send on time for so long, whatever the worker does; returns how many were sent."""
    started, sending = time.perf_counter(), []
    async with found.kafka.publisher() as publisher:
        for number, (event, _) in enumerate(events[: int(rate * seconds)]):
            if time.perf_counter() - started > seconds:
                break  # a machine that cannot even send so many is not waited for
            if (early := started + number / rate - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            sending.append(asyncio.create_task(send_one(publisher, event)))
        done, late = await asyncio.wait(sending, timeout=PATIENCE) if sending else (set(), set())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    return sum(task.exception() is None for task in done)


async def _probe(
    store: Store, settings: Settings, mark: str, seconds: float
) -> dict[int, tuple[float, float]]:
    """Save a new P1 now and then, past Kafka, so that the moment of its commit is known."""
    analyzer = await asyncio.to_thread(load_analyzer, settings)
    saved = {}
    until = time.perf_counter() + seconds
    number = 0
    while time.perf_counter() < until:
        text = redact(_URGENT.format(mark=f"{mark}{number}"))
        [analysis] = await asyncio.to_thread(analyzer, [text])
        name = f"bench:{mark}{number}"
        event = Tweet(
            id=name, conversation=name, occurred_at=datetime.now(UTC), author=name, text=text
        )
        begun = time.time()
        told = await store.save([Judgement(event, text, None, analysis)])
        saved[number] = (begun, time.time())
        level = getattr(told.tickets[0], "level", None)
        if level != "P1":
            raise UserError(f"the bench's own message became {level}, no P1")
        number += 1
        await asyncio.sleep(EVERY)
    return saved


async def _stored(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int(
            (await connection.exec_driver_sql("select count(*) from event_ids")).scalar_one()
        )


class _Consoles:
    """The process with the consoles. arrived: by probe and console, when it was there."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.arrived: dict[tuple[int, int], float] = {}
        self._told: dict[str, Any] = {}
        self._open: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, site: str, tokens: Sequence[str], mark: str) -> _Consoles:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stream.bench_consoles",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**20,
        )  # fmt: skip
        made = cls(process)
        assert process.stdin is not None  # noqa: S101  it was asked for
        order = {"site": site, "cookie": COOKIE, "tokens": list(tokens), "mark": mark}
        process.stdin.write(json.dumps(order).encode() + b"\n")
        try:
            await asyncio.wait_for(made._open, 180)
        except TimeoutError:
            raise UserError(
                f"{len(tokens)} consoles could not be opened within three minutes"
            ) from None
        return made

    async def wait_for(self, probes: int) -> None:
        """Until every console has all of them, or nobody waits any longer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while len(self.arrived) < probes * CONSOLES:
                    await asyncio.sleep(0.1)

    async def end(self) -> dict[str, Any]:
        """What they tell of themselves. May be called twice."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 20)
        except TimeoutError:
            self._process.kill()
        await self._reading
        return self._told

    async def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  it was asked for
        async for line in self._process.stdout:
            told = json.loads(line)
            if "open" in told:
                self._open.set_result(told["open"])
            elif "probe" in told:
                self.arrived[told["probe"], told["console"]] = told["at"]
            else:
                self._told = told
        if not self._open.done():  # also where nobody waits for it any more
            self._open.set_exception(UserError("the consoles could not be opened"))
