"""Several savers at once, made to meet where it hurts."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from history import tweet, worst
from sqlalchemy import text

from stream.postgres.database import dsn, open_engine
from stream.store.store import Store


async def rows(store: Store, query: str) -> list[dict[str, Any]]:
    async with store._engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(text(query))).mappings()]


async def run(store: Store, statement: str) -> None:
    async with store._engine.begin() as connection:
        await connection.execute(text(statement))


class Gate:
    """Holds every save just before it writes what changed, when it has read and decided all."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def close(self) -> None:
        await self._connection.execute(
            "begin; lock table ticket_changes in share row exclusive mode"
        )

    async def holds(self, savers: int) -> None:
        """Until so many savers wait, here or for each other."""
        async with asyncio.timeout(60):
            while (
                await self._connection.fetchval("select count(*) from pg_locks where not granted")
                < savers
            ):
                await asyncio.sleep(0.01)

    async def open(self) -> None:
        await self._connection.execute("rollback")


@pytest.fixture
async def gate(postgres_url):
    connection = await asyncpg.connect(dsn(postgres_url))
    yield Gate(connection)
    await connection.close()


async def test_two_new_messages_of_one_conversation_at_once_are_one_ticket_of_two_messages(
    simple, gate
):
    await gate.close()
    one = asyncio.create_task(simple.save([tweet(1, 70, of=1)]))
    await gate.holds(1)
    other = asyncio.create_task(simple.save([tweet(2, 90, of=1, minute=5, topic="crew")]))
    await gate.holds(2)

    await gate.open()
    await asyncio.gather(one, other)

    assert await rows(simple, "select id, messages, priority, version from tickets") == [
        {"id": "x:1", "messages": 2, "priority": 90, "version": 2}
    ]


async def test_an_event_that_moves_away_while_another_saver_waits_for_it_leaves_no_ticket_behind(
    simple, gate
):
    await simple.save([tweet(1, 70, of=1)])
    await gate.close()
    one = asyncio.create_task(simple.save([tweet(1, 70, of=2, revision=1)]))
    await gate.holds(1)
    other = asyncio.create_task(simple.save([tweet(1, 70, of=3, revision=2)]))
    await gate.holds(2)

    await gate.open()
    await asyncio.gather(one, other)

    assert await rows(simple, "select id from tickets") == [{"id": "x:3"}]


async def test_a_new_event_that_two_savers_know_from_different_conversations_ends_in_one(
    simple, gate
):
    await gate.close()
    one = asyncio.create_task(simple.save([tweet(1, 70, of=2, revision=1)]))
    await gate.holds(1)
    other = asyncio.create_task(simple.save([tweet(1, 70, of=3, revision=2)]))
    await gate.holds(2)

    await gate.open()
    await asyncio.gather(one, other)

    assert await rows(simple, "select id from tickets") == [{"id": "x:3"}]
    assert await rows(simple, "select sum(events) as n from signal_counts") == [{"n": 1}]


async def test_savers_of_the_same_conversations_never_deadlock_and_agree(postgres_url, simple):
    batches = [
        [
            tweet(number, 20 + number * 7 % 80, of=number % 6, minute=number, revision=turn)
            for number in order
        ]
        for turn in range(4)
        for order in (range(24), range(23, -1, -1), range(0, 24, 2), range(1, 24, 2))
    ]
    engines = [open_engine(postgres_url) for _ in range(4)]
    stores = [Store(engine, fold=worst) for engine in engines]

    await asyncio.gather(*(stores[at % 4].save(batch) for at, batch in enumerate(batches)))

    found = await rows(simple, "select id, priority, messages from tickets order by id")
    versions = await rows(
        simple,
        "select ticket_id, max(version) v, count(*) n from ticket_changes group by 1 order by 1",
    )
    stored = await rows(simple, "select id, version from tickets order by id")
    assert [(v["ticket_id"], v["v"]) for v in versions] == [(s["id"], s["version"]) for s in stored]
    assert all(v["v"] == v["n"] for v in versions)
    await run(simple, "truncate events, event_ids, tickets, ticket_changes, alerts, signal_counts")
    for batch in batches:
        await simple.save(batch)
    assert await rows(simple, "select id, priority, messages from tickets order by id") == found
    for engine in engines:
        await engine.dispose()
