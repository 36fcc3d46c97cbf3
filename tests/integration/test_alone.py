"""One process at a time, on a connection that may break under it."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from stream.postgres.advisory_lock import advisory_lock


async def holding(engine, name: str, held: asyncio.Event) -> None:
    async with advisory_lock(engine, name) as lock:
        assert lock.acquired
        held.set()
        while True:
            await lock.still()
            await asyncio.sleep(0.01)


async def broken_off(engine) -> None:
    """As when the server goes away: every other connection of this database ends."""
    async with engine.connect() as other:
        ended = await other.execute(
            text(
                # And are waited for: what they locked is free only then.
                "select pg_terminate_backend(pid, 60000) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        )
        assert ended.scalars().all()


async def test_whoever_is_asked_to_stop_after_the_connection_broke_stops(engine):
    held = asyncio.Event()
    holder = asyncio.create_task(holding(engine, "a duty", held))
    await held.wait()
    await broken_off(engine)
    await asyncio.sleep(0.1)  # in which it is noticed

    holder.cancel()

    with pytest.raises(asyncio.CancelledError):
        await holder


async def test_the_lock_is_anothers_once_the_connection_broke(engine):
    async with advisory_lock(engine, "a duty") as first:
        assert first.acquired
        async with advisory_lock(engine, "a duty") as second:
            assert not second.acquired
        await broken_off(engine)
        assert not await first.still()
        async with advisory_lock(engine, "a duty") as third:
            assert third.acquired
