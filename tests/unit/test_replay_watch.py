"""The progress of a replay ends with it, also where its last look at the database fails."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from stream.bootstrap.replay import _watch
from stream.errors import DatabaseAway


async def test_a_look_that_takes_the_place_of_the_cancellation_does_not_go_on_for_ever():
    over, looking, looks = asyncio.Event(), asyncio.Event(), 0

    async def measure() -> None:
        nonlocal looks
        looks += 1
        looking.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise DatabaseAway("gone") from None

    summary = SimpleNamespace(before=SimpleNamespace(tickets={}), first_ticket_seconds=None)
    watching = asyncio.create_task(_watch(measure, SimpleNamespace(tickets=0), summary, 0.0, over))
    await looking.wait()
    over.set()
    watching.cancel()

    await asyncio.wait({watching}, timeout=60)
    assert watching.done()
    assert looks == 1
