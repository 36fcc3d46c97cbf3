"""The progress of a replay ends with it, also where its last look at the database fails."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from stream.bootstrap.replay import _end, _watch
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


@pytest.mark.parametrize("lasts", [0.1, 3600])
async def test_a_look_that_is_under_way_may_finish_and_one_that_hangs_is_cut_off(lasts):
    over, looking, seen = asyncio.Event(), asyncio.Event(), []

    async def measure() -> None:
        looking.set()
        try:
            await asyncio.sleep(lasts)
        except asyncio.CancelledError:
            seen.append("cut off")
            raise
        seen.append("finished")

    summary = SimpleNamespace(before=SimpleNamespace(tickets={}), first_ticket_seconds=None)
    watching = asyncio.create_task(_watch(measure, SimpleNamespace(tickets=0), summary, 0.0, over))
    await looking.wait()

    await _end(watching, over, within=0.2 if lasts == 3600 else 60)

    assert watching.done()
    assert seen == ["cut off" if lasts == 3600 else "finished"]
