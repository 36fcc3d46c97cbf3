"""The life of one worker: wait for what it needs, run the agents, answer for its health, judge
bursts, stop cleanly.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web
from aiokafka.errors import KafkaConnectionError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from stream.errors import BrokerAway, DatabaseAway, UserError
from stream.observe.health import Health
from stream.observe.metrics import IngestMetrics, Metrics

log = logging.getLogger(__name__)


async def until_signal(work: Awaitable[None]) -> None:
    """Run `work` until it ends or somebody asks us to stop (SIGTERM, Ctrl-C); then cancel it and
    let it clean up.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    working, asked = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not working.done():
        working.cancel()
    with suppress(asyncio.CancelledError):
        await working


async def until_one_ends(*works: Awaitable[object]) -> None:
    """Run them side by side until the first ends; the others are cancelled. Raises what it raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def eventually(what: str, start: Callable[[], Awaitable[Any]], health: Health) -> Any:
    """The result of `start`, tried until the dependency is there. Not ready meanwhile, but alive."""
    pause = 0.2
    while True:
        try:
            return await start()
        except (DatabaseAway, BrokerAway) as away:
            if health.waiting_for != what:
                log.warning("waiting for %s: %s", what, away)
            health.wait(what)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)


async def every(seconds: float, duty: Callable[[], Awaitable[object]]) -> None:
    """Do a duty again and again; what is away is tried again next time."""
    while True:
        try:
            await duty()
        except Exception as error:
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError from error  # it was told to stop, and failed at that
            if not isinstance(error, DatabaseAway | BrokerAway):
                # Events are worth more than what is done beside them: a worker that ended here
                # would fail again after its restart, and nobody would listen.
                log.exception("a duty of the worker failed; it is tried again in %.0f s", seconds)
        await asyncio.sleep(seconds)


@asynccontextmanager
async def answering(
    health: Health, metrics: Metrics | IngestMetrics, host: str, port: int
) -> AsyncIterator[int]:
    """`/healthz`, `/readyz` and `/metrics` on this port (0: any free one). Raises UserError when it
    is taken.
    """

    def answer(why_not: str | None) -> web.Response:
        return web.Response(text=f"{why_not or 'ok'}\n", status=503 if why_not else 200)

    async def alive(_: web.Request) -> web.Response:
        return answer(health.not_alive())

    async def ready(_: web.Request) -> web.Response:
        return answer(health.not_ready())

    async def counted(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    server = web.Application()
    server.add_routes(
        [web.get("/healthz", alive), web.get("/readyz", ready), web.get("/metrics", counted)]
    )
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise UserError(
                f"cannot listen on {host}:{port}: {error.strerror}; choose another --port"
            ) from None
        bound: int = runner.addresses[0][1]
        log.info("health and metrics on http://%s:%d", host, bound)
        yield bound
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[None]:
    """A Faust app that runs; leaves at most ten seconds to an orderly goodbye.

    Raises BrokerAway when the broker went away since it was asked last; another app may be started
    then.
    """
    app.finalize()
    try:
        await app.start()
    except KafkaConnectionError as error:
        with suppress(TimeoutError):
            await asyncio.wait_for(app.stop(), 10)
        raise BrokerAway(str(error)) from error
    try:
        yield
    finally:
        with suppress(TimeoutError):
            await asyncio.wait_for(app.stop(), 10)
