"""REST benchmark: latency of `POST /v1/analyze` at a steady rate, and where it saturates."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psutil
from rich.console import Console

from stream.accounts.api_keys import ApiKeys
from stream.bootstrap.parts import ensure_migrated, parts
from stream.embedded import free_port
from stream.errors import UserError
from stream.postgres.database import open_engine
from stream.settings import Settings

SHORT = 90  # characters of a text at most
MOST_TEXTS = 4_000
STEPS = (
    300.0,
    400.0,
    500.0,
    600.0,
    800.0,
    1000.0,
    1300.0,
    1600.0,
)  # requests a second, on the way to saturation
STEP_SECONDS = 5.0
EMPTY_BODY = len('{"text": ""}')
KEPT_UP = 0.95  # of what was sent, answered within the time: beyond that rate it is saturated


async def bench_api(
    settings: Settings, texts: Sequence[str], *, rate: float, seconds: float, console: Console
) -> dict[str, Any]:
    """Figures of one server process under an open-loop client in another process.

    settings: a home of its own, embedded parts. `latency` is of `rate` requests a second, one text
    each; `saturates_at` the most requests a second that it answered.
    """
    short = [text for text in texts if len(text) <= SHORT][:MOST_TEXTS]
    bodies = [json.dumps({"text": text}) for text in short]
    async with parts(settings, "bench") as running:
        await ensure_migrated(running)
        key = await _key(running.database_url)
        with web_server(settings) as (process, port):

            def client(rate: float, seconds: float) -> dict[str, Any]:
                return _client(port, key, rate, seconds, bodies, process)

            console.print("REST: warming up ...")
            await asyncio.to_thread(client, 50.0, 3.0)
            console.print(f"REST: latency at {rate:g} requests a second for {seconds:g} s ...")
            latency = await asyncio.to_thread(client, rate, seconds)
            steps = []
            for step in STEPS:
                console.print(f"REST: {step:g} requests a second ...")
                steps.append(await asyncio.to_thread(client, step, STEP_SECONDS))
                if steps[-1]["answered_per_s"] < KEPT_UP * step:
                    break
            rates = [figures["answered_per_s"] for figures in (latency, *steps)]
            half = round(max(rates) / 2)
            console.print(f"REST: latency at half of what it bears, {half} a second ...")
            at_half = await asyncio.to_thread(client, float(half), seconds)
            return {
                "characters_median": sorted(map(len, bodies))[len(bodies) // 2] - EMPTY_BODY,
                "latency": latency,
                "latency_at_half": at_half,
                "saturates_at": max(rates),
                "steps": steps,
            }


async def _key(database_url: str) -> str:
    engine = open_engine(database_url, pool_size=1)
    try:
        return await ApiKeys(engine).create(f"bench {time.time_ns()}", ["analyze"])
    finally:
        await engine.dispose()


@contextmanager
def web_server(settings: Settings) -> Iterator[tuple[psutil.Process, int]]:
    """A ready `earshot web` in a process of its own, and its port."""
    port = free_port()
    environment = os.environ | {
        "EARSHOT_HOME": str(settings.home),
        "EARSHOT_BROKER": "",
        "EARSHOT_DATABASE_URL": "",
        "EARSHOT_API_RATE": "1000000",
    }
    process = subprocess.Popen(  # noqa: S603  our own arguments
        [sys.executable, "-m", "stream.cli", "web", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        env=environment,
    )
    try:
        for _ in range(600):
            if process.poll() is not None:
                raise UserError("`earshot web` has ended; what it said stands above")
            with (
                suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5),
            ):
                break
            time.sleep(0.1)
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        process.wait(30)


def _client(
    port: int, key: str, rate: float, seconds: float, bodies: Sequence[str], server: psutil.Process
) -> dict[str, Any]:
    order = {
        "host": "127.0.0.1",
        "port": port,
        "path": "/v1/analyze",
        "key": key,
        "bodies": list(bodies),
    }
    before, started = processor(server), time.perf_counter()
    output = subprocess.run(
        [sys.executable, "-m", "stream.benchmark.client"],
        input=json.dumps(order | {"rate": rate, "seconds": seconds}),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    cores = (processor(server) - before) / (time.perf_counter() - started)
    return {**json.loads(output), "server_cores": round(cores, 3)}


def processor(process: psutil.Process) -> float:
    """Seconds of processor time of a process and of its children that have ended."""
    used = process.cpu_times()
    return float(used.user + used.system + used.children_user + used.children_system)
