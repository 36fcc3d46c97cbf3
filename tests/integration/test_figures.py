"""What the database tells Prometheus of itself."""

from __future__ import annotations

import pytest
from history import tweet
from sqlalchemy import text


@pytest.fixture
async def figures(store):
    async def read(*statements: str):
        async with store._engine.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement))
        return await store.figures()

    return read


async def test_an_empty_database_tells_zeros(figures):
    told = await figures()

    assert (told.events, told.outbox_seconds, told.deliveries_seconds) == (0, 0, 0)
    assert told.database_bytes > 1_000_000
    assert (told.open_tickets, told.dead_letters, told.spend) == ({}, {}, [])


async def test_the_queue_what_is_late_and_what_waits_is_told(store, figures):
    await store.save([tweet(1, 95), tweet(2, 95), tweet(3, 95)])
    told = await figures(
        "update tickets set level = 'P1', state = 'resolved' where id = 'x:1'",
        "update tickets set level = 'P1', received_at = now() - interval '20 minutes'"
        " where id = 'x:2'",
        "update tickets set level = 'P2', received_at = now() where id = 'x:3'",
        'insert into dead_letters (cluster, topic, partition, "offset", reason)'
        " values ('c', 'tweets', 0, 1, 'bad')",
        """insert into replies (ticket_id, event_id, network, text, state, approved_at)
           values ('x:2', 'x:2', 'x', 'hello', 'approved', now() - interval '11 minutes'),
                  ('x:3', 'x:3', 'x', 'hello', 'uncertain', now() - interval '1 day')""",
        "insert into cursors (source, cursor, updated_at)"
        " values ('rebuild', '1', now()), ('x', '1', now())",
        """insert into spend (network, brand, day, what, count, micros)
           values ('x', 'SkyNorth', (now() at time zone 'UTC')::date, 'read', 100, 500000),
                  ('x', 'SkyNorth', (now() at time zone 'UTC')::date, 'post', 10, 150000),
                  ('x', 'SkyNorth', (now() at time zone 'UTC')::date - 1, 'read', 900, 4500000)""",
    )

    assert told.events == 3
    assert told.open_tickets == {"P1": 1, "P2": 1}
    assert told.late_tickets == {"P1": 1, "P2": 0}
    assert told.dead_letters == {"dead": 1}
    assert told.outbox == {"approved": 1, "uncertain": 1}
    assert 600 < told.outbox_seconds < 3600
    assert list(told.sources) == ["x"]
    assert [(network, brand, float(dollars)) for network, brand, dollars in told.spend] == [
        ("x", "SkyNorth", 0.65)
    ]
