"""Queue benchmark: REST, facets, search and the console's first paint on a long backlog, as JSON.

`make bench-queue`, or `PYTHONPATH=tests python -m benchmarks.full_queue`. Seconds are
medians; beside each stands the processor time of PostgreSQL, which other load does not stretch.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
from browsing import PASSWORD, browser, expect, person
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.backlog import fill
from stream.accounts.sessions import Sessions
from stream.accounts.users import People
from stream.benchmark.rest import web_server
from stream.bootstrap.parts import ensure_migrated, parts
from stream.desk.filters import Filter
from stream.desk.queue import QueueReader
from stream.errors import UserError
from stream.postgres.database import open_engine
from stream.settings import read_settings
from stream.web.http.origins import COOKIE

TIMES = 5
TICKS = os.sysconf("SC_CLK_TCK")
SEARCHES = {
    "rare word": "pendant",
    "common words": "cancelled flight",
    "slip of a letter": "suitcse neighbor",
    "phrase without a word": '"never arrived in Lisbon" -unbelievable',
    "operators": "is:late brand:volt since:3d",
}
Figures = dict[str, dict[str, float]]


async def bench_queue(home: Path, tickets: int) -> dict[str, Any]:
    own = {"home": home, "broker": None, "database_url": None}
    settings = read_settings().model_copy(update=own)
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(parts(settings, "bench"))
        await ensure_migrated(running)
        engine = open_engine(running.database_url, pool_size=1, command_seconds=None)
        stack.push_async_callback(engine.dispose)
        await fill(engine, tickets)
        await People(engine).add("ada", PASSWORD, "admin")
        token = await Sessions(engine).log_in("ada", PASSWORD, "127.0.0.1")
        figures = await _reads(engine)
        _, port = stack.enter_context(web_server(settings))
        site = f"http://127.0.0.1:{port}"
        figures |= await _rest(site, token)
        figures |= await _console(site)
    return {"open_tickets": tickets, "load": os.getloadavg()[0], **figures}


async def _reads(engine: AsyncEngine) -> Figures:
    async with engine.connect() as connection:
        pid = (await connection.execute(text("select pg_backend_pid()"))).scalar_one()
    queue = QueueReader(engine)
    work: dict[str, Callable[[], Awaitable[Any]]] = {
        "queue, 200 lines": lambda: queue.queue(Filter(), 200),
        "queue, 5,000 lines": lambda: queue.queue(Filter(), 5000),
        "queue of a brand": lambda: queue.queue(Filter(brand="Volt Energy"), 200),
        "queue of P4": lambda: queue.queue(Filter(level="P4"), 200),
        "counts of the filters": lambda: queue.facets(Filter()),
        "counts beside a brand": lambda: queue.facets(Filter(brand="Volt Energy")),
    }
    for name, line in SEARCHES.items():
        work[f"search, {name}"] = lambda line=line: queue.queue(Filter(text=line), 200)  # type: ignore[misc]
    return {name: await _timed(read, pid) for name, read in work.items()}


async def _timed(read: Callable[[], Awaitable[Any]], pid: int | None = None) -> dict[str, float]:
    await read()
    before, took = _processor(pid), []
    for _ in range(TIMES):
        started = time.perf_counter()
        await read()
        took.append(time.perf_counter() - started)
    figures = {"s": round(statistics.median(took), 3)}
    if pid is not None:
        figures["postgres_cpu_s"] = round((_processor(pid) - before) / TIMES, 3)
    return figures


def _processor(pid: int | None) -> float:
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def _rest(site: str, token: str) -> Figures:
    async with aiohttp.ClientSession(site, cookies={COOKIE: token}) as session:

        async def get(path: str) -> None:
            async with session.get(path) as answer:
                await answer.read()
                if answer.status != 200:
                    raise UserError(f"{path} was answered with {answer.status}")

        return {
            f"GET {path}": await _timed(lambda path=path: get(path))  # type: ignore[misc]
            for path in (
                "/v1/tickets",
                "/v1/tickets?level=P4&sort=newest",
                "/v1/tickets?q=pendant",
                "/v1/tickets?q=cancelled+flight",
            )
        }


async def _console(site: str) -> Figures:
    """From the address to the first line, and from a click to the lines of that filter."""
    opened, filtered, searched = [], [], []
    async with browser() as chromium, person(chromium, site) as ada:
        await ada.log_in("ada")
        for _ in range(TIMES):
            started = time.perf_counter()
            await ada.go("/")
            await expect(ada.page.locator("a.line").first).to_be_visible()
            opened.append(time.perf_counter() - started)
            await ada.page.wait_for_timeout(1500)
            started = time.perf_counter()
            await ada.page.locator(".tile.P4").click()
            await expect(ada.page.locator("a.line .level").first).to_have_text("P4")
            filtered.append(time.perf_counter() - started)
            await ada.page.locator(".tile.P4").click()
            await expect(ada.page.locator("a.line .level").first).to_have_text("P1")
            started = time.perf_counter()
            await ada.page.get_by_label("Search all tickets").fill("pendant")
            await expect(ada.page.locator("a.line .excerpt").first).to_contain_text("pendant")
            searched.append(time.perf_counter() - started)
    return {
        name: {"s": round(statistics.median(times), 3)}
        for name, times in (
            ("console, address to first line", opened),
            ("console, filter to its lines", filtered),
            ("console, search to its lines (0.25 s are waited for typing)", searched),
        )
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="A long queue, measured, as JSON.")
    parser.add_argument("--tickets", type=int, default=100_000, help="open ones")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earshot-bench-") as home:
        print(json.dumps(asyncio.run(bench_queue(Path(home), options.tickets)), indent=2))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(f"earshot: {error}") from None
