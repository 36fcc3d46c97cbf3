"""Two workers on two pinned cores against one worker on one: how the stream grows with workers.

`make bench-workers EVENTS=6000`. The broker and PostgreSQL share the cores, so use a machine with
more of them where there is one: `--cores 2,3` names those of the workers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil

from benchmarks.tables import print_table
from stream.benchmark.stream import WARM_UP, bench_events, bench_texts, events_done
from stream.bootstrap.parts import ensure_migrated, parts
from stream.bootstrap.worker_process import worker_process
from stream.embedded import free_port
from stream.errors import UserError
from stream.ingest.publish import ingest
from stream.settings import Settings

PATIENCE = 900.0  # seconds


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=4_000)
    parser.add_argument("--cores", default="0,1")
    parser.add_argument("--data", type=Path)
    args = parser.parse_args()
    cores = [int(core) for core in args.cores.split(",")]
    os.environ |= {"EARSHOT_THREADS": "1", "EARSHOT_DRAFTS": "false"}  # the workers' settings
    texts = bench_texts(args.data, WARM_UP + args.events)
    rates = {count: await _rate(texts, cores[:count]) for count in (1, len(cores))}
    rows = [(count, f"{rate:.0f}", f"{rate / rates[1]:.2f}") for count, rate in rates.items()]
    header = ("workers, each on a core of its own", "events a second", "of one")
    print_table(f"{args.events:,} events", header, rows)


async def _rate(texts: Sequence[str], cores: Sequence[int]) -> float:
    with tempfile.TemporaryDirectory(prefix="earshot-workers-") as home, ExitStack() as stack:
        settings = Settings(home=Path(home), broker=None, database_url=None)
        async with parts(settings, "bench") as running:
            await ensure_migrated(running)
            await running.kafka.declare_topics()
            ports = [free_port() for _ in cores]
            for core, port in zip(cores, ports, strict=True):
                worker = stack.enter_context(
                    worker_process(settings.home, f"worker-{core}", port=port)
                )
                psutil.Process(worker.pid).cpu_affinity([core])
            async with running.kafka.publisher() as publisher:
                events = list(bench_events(texts))

                async def no_letters(_: object) -> None:
                    return None

                await ingest(events[:WARM_UP], publisher, name="bench", bury=no_letters)
                await _done(ports, WARM_UP)
                await asyncio.sleep(10)  # the group has come to rest
                started = time.perf_counter()
                await ingest(events[WARM_UP:], publisher, name="bench", bury=no_letters)
                await _done(ports, len(events))
                return (len(events) - WARM_UP) / (time.perf_counter() - started)
    raise AssertionError


async def _done(ports: Sequence[int], count: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done = [await asyncio.to_thread(events_done, port) for port in ports]
        if sum(done) >= count:
            return
        await asyncio.sleep(0.3)
    raise UserError(f"the workers have not handled {count} events within {PATIENCE:.0f} s")


if __name__ == "__main__":
    asyncio.run(main())
