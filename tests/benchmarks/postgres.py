"""What one PostgreSQL bears: savers of several workers' streams, the model replaced by analyses
that were made once.

`make bench-postgres SAVERS=4 EVENTS=20000`. Each saver is a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import pickle
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.stored import batches, judgements, repeated
from benchmarks.tables import print_table
from stream.bootstrap.parts import ensure_migrated, parts
from stream.postgres.database import open_engine
from stream.settings import Settings
from stream.store.store import Store

BATCH = 64
PATIENCE = 600.0  # seconds until every saver is ready


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--savers", type=int, default=4)
    parser.add_argument("--events", type=int, default=8_000, help="of all savers together")
    parser.add_argument("--data", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earshot-postgres-") as home:
        settings = Settings(home=Path(home), broker=None, database_url=None)
        stored = Path(home) / "stored"
        stored.write_bytes(pickle.dumps(judgements(settings, args.data)))
        async with parts(settings, "bench", broker=False) as running:
            await ensure_migrated(running)
            rows = [
                await asyncio.to_thread(
                    _together, running.database_url, stored, savers, args.events
                )
                for savers in sorted({1, args.savers})
            ]
    header = (
        "savers",
        "events a second",
        "ms of PostgreSQL's processor an event",
        "of the savers'",
        "a save of 64: median, 95 %",
    )
    print_table(f"One PostgreSQL, {args.events:,} events", header, rows)


def _together(url: str, stored: Path, savers: int, events: int) -> tuple[object, ...]:
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(savers + 1), context.Queue()
    processes = [
        context.Process(
            target=_saver,
            args=(url, stored, events // savers, f"{savers}-{number}", ready, results),
        )
        for number in range(savers)
    ]
    for process in processes:
        process.start()
    ready.wait(PATIENCE)
    started, server = time.perf_counter(), _server_seconds(stored.parent)
    outcomes = [results.get(timeout=PATIENCE) for _ in processes]
    took, used = time.perf_counter() - started, _server_seconds(stored.parent) - server
    for process in processes:
        process.join(PATIENCE)
    seconds = sorted(second for times, _ in outcomes for second in times)
    own = sum(cost for _, cost in outcomes)
    return (
        savers,
        f"{events / took:.0f}",
        f"{1000 * used / events:.3f}",
        f"{1000 * own / events:.3f}",
        f"{_at(seconds, 50):.0f}, {_at(seconds, 95):.0f} ms",
    )


def _saver(url: str, stored: Path, events: int, name: str, ready: Any, results: Any) -> None:
    known = pickle.loads(stored.read_bytes())
    results.put(asyncio.run(_save(url, known, events, name, ready)))


async def _save(
    url: str, known: Sequence[Any], events: int, name: str, ready: Any
) -> tuple[list[float], float]:
    engine = open_engine(url, pool_size=1)
    try:
        store = Store(engine)
        await store.save(list(repeated(known[:BATCH], BATCH, f"warm-{name}")))
        await asyncio.to_thread(ready.wait, PATIENCE)
        seconds: list[float] = []
        used = time.process_time()
        for batch in batches(repeated(known, events, name), BATCH):
            started = time.perf_counter()
            await store.save(batch)
            seconds.append(time.perf_counter() - started)
        return seconds, time.process_time() - used
    finally:
        await engine.dispose()


def _at(seconds: Sequence[float], part: int) -> float:
    """Milliseconds below which so many of a hundred are. seconds: sorted."""
    return 1000 * seconds[len(seconds) * part // 100]


def _server_seconds(home: Path) -> float:
    """Processor time of the PostgreSQL of this home, with that of its connections that ended."""
    used = 0.0
    for process in psutil.process_iter(["name", "cwd"]):
        if process.info["name"] == "postgres" and home in Path(process.info["cwd"] or "/").parents:
            with suppress(psutil.Error):
                times = process.cpu_times()
                used += times.user + times.system + times.children_user + times.children_system
    return float(used)


if __name__ == "__main__":
    asyncio.run(main())
