"""Exchanged ids: those that told of a forgotten person go from the tables and from the topics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable
from stream.records import TicketRecord
from stream.store import forgotten_ids
from stream.store.store import Saved


async def exchange_ids(engine: AsyncEngine, publish: Callable[[Saved], Awaitable[object]]) -> None:
    """Exchange the ids that wait for it. The topic `tickets`, which is compacted, gets tombstones
    for tickets that had them, and those tickets under their new ids.
    """
    while True:
        async with reachable(), engine.connect() as connection:
            ids = await forgotten_ids.waiting(connection)
            before = await forgotten_ids.tickets_of(connection, ids)
        if not ids:
            return
        await publish(Saved([], [], [], forgotten=before))
        async with reachable(), engine.begin() as connection:
            rows = await forgotten_ids.exchange(connection, ids)
        # Once more: a worker may have told of one of them since.
        tickets = [TicketRecord(**row) for row in rows]
        await publish(Saved([], [*tickets], [], forgotten=before))
