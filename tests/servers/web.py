"""What the small servers of the tests share: they listen on a free port of this machine, and break
on command.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager

from aiohttp import web

from connectors.base import SourceError
from connectors.events import SourcedEvent


@asynccontextmanager
async def serving(routes):
    """The base address of an aiohttp application with these routes."""
    app = web.Application(client_max_size=2**22)
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def cut(request: web.Request) -> None:
    """The connection is gone, whatever was still to be said."""
    if request.transport is not None:
        request.transport.abort()


async def until(true, seconds: float = 60.0) -> None:
    """Wait until `true()`. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


class Waits(list):
    """A sleep that only notes how long it should have been."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


async def heard(source, count, cursor=None, waits=None):
    """(events, last cursor) of `count` events, opened again after every break as a listener does
    it.
    """
    found, waits = [], Waits() if waits is None else waits
    async with asyncio.timeout(60):
        while len(found) < count:
            try:
                async with aclosing(source.events(cursor)) as events:
                    async for each in events:
                        cursor = each.cursor
                        if isinstance(each, SourcedEvent):
                            found.append(each.event)
                        if len(found) == count:
                            break
            except SourceError as error:
                if error.retry_after is None:
                    raise
                await waits(error.retry_after)
    return found, cursor
