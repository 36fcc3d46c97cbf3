"""Duties of a long-lived process: signals, waits, repeated work, health, the Faust app."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from aiohttp import web
from aiokafka.errors import KafkaConnectionError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from stream.cancellation import is_cancelled
from stream.errors import BrokerAway, DatabaseAway, UserError
from stream.observe.health import Health
from stream.observe.metrics import IngestMetrics, Metrics
from stream.retry import while_away

T = TypeVar("T")

log = logging.getLogger(__name__)

CANCEL_AGAIN = 5.0  # seconds after which a task that still runs is cancelled once more


async def until_one_ends(*works: Awaitable[object]) -> None:
    """Run them until the first ends; the others are cancelled. Raises the first's error."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        pending = set(tasks)
        while pending:  # a cancellation may be lost where a connection breaks at the same moment
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN)


async def eventually(dependency: str, start: Callable[[], Awaitable[T]], health: Health) -> T:
    """The result of `start`, tried until it is there. Meanwhile not ready, but alive."""

    def on_away(error: BaseException) -> None:
        if health.waiting_for != dependency:
            log.warning("waiting for %s: %s", dependency, error)
        health.wait(dependency)

    async def attempt() -> T:
        return await start()  # tenacity would not await the coroutine of a lambda

    return await while_away(on_away)(attempt)


async def every(seconds: float, duty: Callable[[], Awaitable[object]]) -> None:
    """Do a duty again and again; a failure waits for the next time.

    A cancellation that nobody asked for is a failure, too: clients of Kafka let one of their own
    tasks' go.
    """
    while True:
        try:
            await duty()
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled():
                raise asyncio.CancelledError from error  # it was cancelled, and failed at its end
            if not isinstance(error, DatabaseAway | BrokerAway):
                # Events are worth more than the duties beside them: a worker that ended here would
                # fail again after its restart, and nobody would listen.
                log.exception("a duty of the worker failed; it is tried again in %.0f s", seconds)
        await asyncio.sleep(seconds)


@asynccontextmanager
async def answering(
    health: Health, metrics: Metrics | IngestMetrics, host: str, port: int
) -> AsyncIterator[int]:
    """`/healthz`, `/readyz` and `/metrics` on this port, 0 for any free one; yields the port.

    Raises UserError when it is taken.
    """

    def answer(reason: str | None) -> web.Response:
        return web.Response(text=f"{reason or 'ok'}\n", status=503 if reason else 200)

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
async def running_app(app: Any) -> AsyncIterator[None]:
    """A Faust app that runs; it has ten seconds to stop in order.

    Raises BrokerAway when the broker is away by now; another app may be started then.
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
