"""What a worker does beside the stream, again and again."""

from __future__ import annotations

import asyncio

import pytest

from stream.bootstrap import duties
from stream.bootstrap.duties import eventually, every
from stream.errors import DatabaseAway
from stream.observe.health import Health
from stream.retry import while_away


@pytest.mark.parametrize(
    "error",
    [DatabaseAway("the server is stopping"), RuntimeError("a bug"), asyncio.CancelledError()],
    ids=["away", "bug", "cancelled by nobody"],
)
async def test_a_duty_that_fails_is_tried_again(error):
    tries = 0

    async def duty() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise error

    doing = asyncio.create_task(every(0.001, duty))
    while tries < 4 and not doing.done():
        await asyncio.sleep(0.001)
    assert tries >= 4
    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing


async def test_what_is_away_is_waited_for_alive_and_not_ready():
    health, tries = Health(started=True), 0

    async def connect() -> str:
        nonlocal tries
        tries += 1
        if tries < 2:
            raise DatabaseAway("the server is starting")
        assert health.not_ready() == "waiting for Postgres"
        return "connected"

    assert await eventually("Postgres", lambda: connect(), health) == "connected"


@pytest.mark.parametrize(
    "error", [DatabaseAway("the server is stopping"), RuntimeError("a bug")], ids=["away", "bug"]
)
async def test_a_duty_that_answers_the_wish_to_stop_with_an_error_stops_all_the_same(error):
    began = asyncio.Event()

    async def duty() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            raise error

    doing = asyncio.create_task(every(60, duty))
    await began.wait()
    doing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(doing, 60)


async def test_who_waits_for_what_is_away_stops_though_the_cancellation_came_out_as_an_error():
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise DatabaseAway("the connection is closed") from None

    async def outbox() -> None:
        await while_away()(work)

    waiting = asyncio.create_task(outbox())
    await begun.wait()
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=60)

    assert waiting.cancelled()


async def test_a_work_that_loses_its_cancellation_is_cancelled_once_more(monkeypatch):
    monkeypatch.setattr(duties, "CANCEL_AGAIN", 0.01)
    asked = 0

    async def stubborn() -> None:
        nonlocal asked
        while asked < 2:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                asked += 1

    async def brief() -> None:
        await asyncio.sleep(0)

    await asyncio.wait_for(duties.until_one_ends(stubborn(), brief()), 60)

    assert asked == 2
