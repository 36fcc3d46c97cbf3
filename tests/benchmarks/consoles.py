"""Console benchmark: seconds until a new P1 is in every open console while the stream is busy.

`make bench-consoles`, or `PYTHONPATH=tests python -m benchmarks.consoles --rate 40 --seconds 40`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.events import SourcedEvent, Tweet
from models.redact import redact
from stream.accounts.sessions import Sessions
from stream.accounts.users import People
from stream.benchmark.rest import processor, web_server
from stream.benchmark.stream import bench_events, bench_texts, send_one
from stream.bootstrap.loading import load_analyzer
from stream.bootstrap.parts import Parts, ensure_migrated, parts
from stream.bootstrap.worker_process import worker_process
from stream.embedded import free_port
from stream.errors import UserError
from stream.postgres.database import open_engine
from stream.settings import Settings, read_settings
from stream.store.store import Store
from stream.triage.judgement import Judgement
from stream.web.http.origins import COOKIE

CLIENTS = Path(__file__).with_name("console_clients.py")
CONSOLES = 50
PEOPLE = 10  # who have them open, five browsers each
EVERY = 2.0  # seconds between two new P1 tickets
PATIENCE = 15.0  # seconds after which a P1 that did not arrive counts as missed
OPENING = 180.0  # seconds until all consoles are open
WARM_UP, WARM_UP_SECONDS = 100, 180
WITHIN = 1.0  # seconds: the promise

_URGENT = (
    "URGENT, nobody answers me: my mother (wheelchair, 81, diabetic) is stranded alone and cannot"
    " breathe, she needs her medicine, we called an ambulance! Third message without an answer,"
    " this is an emergency. {mark}"
)

Probes = Mapping[int, tuple[float, float]]  # by number: the moments before and after its save
Arrivals = Mapping[tuple[int, int], float]  # by probe and console: the moment of its arrival


class ConsoleProcess:
    """The process with the open consoles. arrivals: by probe and console, the moment of arrival."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.arrivals: dict[tuple[int, int], float] = {}
        self._figures: dict[str, Any] = {}
        self._open: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, site: str, tokens: Sequence[str], mark: str) -> ConsoleProcess:
        """One console for each session token. Raises UserError when they cannot be opened."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(CLIENTS),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**20,
        )
        consoles = cls(process)
        assert process.stdin is not None
        order = {"site": site, "cookie": COOKIE, "tokens": list(tokens), "mark": mark}
        process.stdin.write(json.dumps(order).encode() + b"\n")
        try:
            await asyncio.wait_for(consoles._open, OPENING)
        except TimeoutError:
            raise UserError(
                f"{len(tokens)} consoles could not be opened within {OPENING:g} s"
            ) from None
        return consoles

    async def wait_for(self, count: int) -> None:
        """Until so many have arrived, or PATIENCE is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while len(self.arrivals) < count:
                    await asyncio.sleep(0.1)

    async def end(self) -> dict[str, Any]:
        """The clients' own figures. May be called twice."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 20)
        except TimeoutError:
            self._process.kill()
        await self._reading
        return self._figures

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            payload = json.loads(line)
            if "open" in payload:
                self._open.set_result(payload["open"])
            elif "probe" in payload:
                self.arrivals[payload["probe"], payload["console"]] = payload["at"]
            else:
                self._figures = payload
        if not self._open.done():  # also where nobody waits for it any more
            self._open.set_exception(UserError("the consoles could not be opened"))


async def bench_consoles(
    settings: Settings,
    events: Sequence[SourcedEvent],
    *,
    rate: float,
    seconds: float,
    console: Console,
) -> dict[str, Any]:
    """settings: a home of its own, embedded parts. events: offered at `rate` a second, through
    Kafka and one worker.

    A new P1 is saved every two seconds. Times count from the moment before the save begins, so they
    are upper bounds of those from the commit; `from_commit` counts from the moment after it.
    """
    mark = f"probe-{secrets.token_hex(3)}-"
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(parts(settings, "bench"))
        await ensure_migrated(running)
        await running.kafka.declare_topics()
        console.print(f"{CONSOLES} logins ...")
        tokens = await _log_in(running.database_url)
        worker = stack.enter_context(worker_process(settings.home, port=free_port()))
        server, port = stack.enter_context(web_server(settings))
        engine = open_engine(running.database_url, pool_size=2)
        stack.push_async_callback(engine.dispose)
        await _warm(running, engine, events[:WARM_UP])
        console.print(f"opening {CONSOLES} consoles ...")
        consoles = await ConsoleProcess.start(f"http://127.0.0.1:{port}", tokens, mark)
        stack.push_async_callback(consoles.end)
        console.print(
            f"{rate:g} events a second are offered for {seconds:g} s, a new P1 every"
            f" {EVERY:g} s ..."
        )
        meter = Meter({"web": server, "worker": psutil.Process(worker.pid)})
        before = await _stored(engine)
        offering = asyncio.create_task(_offer(running, events[WARM_UP:], rate, seconds))
        probes = await _probe(Store(engine), settings, mark, seconds)
        offered = await offering
        cores, took = meter.stop()
        committed = await _stored(engine) - before
        await consoles.wait_for(len(probes) * CONSOLES)
        clients = await consoles.end()
    return {
        "consoles": CONSOLES,
        "clients": "websocket, the queue's page as NiceGUI serves it; nothing is painted",
        "offered_per_s": round(offered / took, 1),
        "committed_per_s": round(committed / took, 1),
        **arrival_figures(probes, consoles.arrivals),
        **cores,
        **clients,
    }


class Meter:
    """Processor time, in cores, of named processes from now on."""

    def __init__(self, processes: Mapping[str, psutil.Process]) -> None:
        self._processes = processes
        self._started = time.perf_counter()
        self._before = self._seconds()

    def _seconds(self) -> dict[str, float]:
        return {name: processor(process) for name, process in self._processes.items()}

    def stop(self) -> tuple[dict[str, float], float]:
        """Cores by process, and the seconds that passed."""
        took = time.perf_counter() - self._started
        after = self._seconds()
        used = {name: after[name] - before for name, before in self._before.items()}
        return {f"{name}_cores": round(value / took, 3) for name, value in used.items()}, took


def arrival_figures(probes: Probes, arrivals: Arrivals) -> dict[str, Any]:
    """Counts and percentiles of the arrivals; a missing one is missed, and not within a second."""
    begun = sorted(at - probes[probe][0] for (probe, _), at in arrivals.items())
    committed = sorted(max(0.0, at - probes[probe][1]) for (probe, _), at in arrivals.items())
    expected = len(probes) * CONSOLES
    within = sum(seconds <= WITHIN for seconds in begun)
    return {
        "p1_tickets": len(probes),
        "arrivals": len(arrivals),
        "missed": expected - len(arrivals),
        "within_1_s": round(within / max(1, expected), 4),
        "from_before_the_save": _percentiles(begun),
        "from_commit": _percentiles(committed),
    }


def _percentiles(ranked: Sequence[float]) -> dict[str, float | None]:
    parts_of_100 = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "max_ms": 100}
    if not ranked:
        return dict.fromkeys(parts_of_100)
    last = len(ranked) - 1
    return {
        name: round(1000 * ranked[min(last, len(ranked) * part // 100)], 1)
        for name, part in parts_of_100.items()
    }


async def _log_in(database_url: str) -> list[str]:
    """A session token for each console."""
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


async def _warm(running: Parts, engine: AsyncEngine, events: Sequence[SourcedEvent]) -> None:
    """Until the worker has joined its group and its model is warm."""
    async with running.kafka.publisher() as publisher, asyncio.timeout(WARM_UP_SECONDS):
        for event, _ in events:
            await send_one(publisher, event)
        while await _stored(engine) < len(events):
            await asyncio.sleep(0.2)


async def _offer(
    running: Parts, events: Sequence[SourcedEvent], rate: float, seconds: float
) -> int:
    """Send on time for so long, whatever the worker does; returns how many were sent."""
    started = time.perf_counter()
    sending = []
    async with running.kafka.publisher() as publisher:
        for number, (event, _) in enumerate(events[: int(rate * seconds)]):
            if time.perf_counter() - started > seconds:
                break  # a machine that cannot even send so many is not waited for
            await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
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
    probes: dict[int, tuple[float, float]] = {}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        number = len(probes)
        text = redact(_URGENT.format(mark=f"{mark}{number}"))
        [analysis] = await asyncio.to_thread(analyzer, [text])
        name = f"bench:{mark}{number}"
        event = Tweet(
            id=name, conversation=name, occurred_at=datetime.now(UTC), author=name, text=text
        )
        begun = time.time()
        saved = await store.save([Judgement(event, text, None, analysis)])
        probes[number] = (begun, time.time())
        level = getattr(saved.tickets[0], "level", None)
        if level != "P1":
            raise UserError(f"the benchmark's own message became {level}, no P1")
        await asyncio.sleep(EVERY)
    return probes


async def _stored(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        counted = await connection.exec_driver_sql("select count(*) from event_ids")
        return int(counted.scalar_one())


def main() -> None:
    parser = argparse.ArgumentParser(description="P1 tickets in 50 open consoles, as JSON.")
    parser.add_argument("--rate", type=float, default=40.0, help="events a second")
    parser.add_argument("--seconds", type=float, default=40.0, help="of the measurement")
    parser.add_argument("--data", type=Path, help="Tweets.csv to take texts from; the demo day's")
    options = parser.parse_args()
    texts = bench_texts(options.data, WARM_UP + int(options.rate * options.seconds))
    with tempfile.TemporaryDirectory(prefix="earshot-bench-") as home:
        own = {"home": Path(home), "broker": None, "database_url": None}
        figures = asyncio.run(
            bench_consoles(
                read_settings().model_copy(update=own),
                list(bench_events(texts)),
                rate=options.rate,
                seconds=options.seconds,
                console=Console(stderr=True),
            )
        )
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(f"earshot: {error}") from None
