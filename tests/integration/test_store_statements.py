"""A save costs few round trips, and none for what its batch does not hold."""

from __future__ import annotations

import pytest
from history import deletion, tweet
from rows import ask
from sqlalchemy import event, text

from stream.postgres.database import open_engine
from stream.store.events import lock


@pytest.fixture
def statements(simple) -> list[str]:
    """What is sent to the database, transactions aside."""
    sent: list[str] = []

    def note(connection, cursor, statement, *_):
        sent.append(" ".join(statement.split()))

    event.listen(simple._engine.sync_engine, "before_cursor_execute", note)
    return sent


@pytest.mark.parametrize("size", [1, 40])
async def test_new_conversations_are_saved_in_four_statements(simple, statements, size):
    await simple.save([tweet(number, 70) for number in range(size)])

    assert len(statements) == 4


async def test_a_conversation_goes_on_in_seven_statements(simple, statements):
    await simple.save([tweet(1, 70)])
    statements.clear()

    saved = await simple.save([tweet(2, 70, of=1, minute=5), tweet(3, 70)])

    assert [ticket.messages for ticket in saved.tickets] == [2, 1]
    assert len(statements) == 7


async def test_a_redelivery_writes_nothing(simple, statements):
    await simple.save([tweet(1, 70)])
    statements.clear()

    await simple.save([tweet(1, 70)])

    assert [sent for sent in statements if sent.split()[0].lower() in ("insert", "update")] == []
    assert not any("INSERT INTO" in sent for sent in statements)


async def test_new_events_beside_known_ones_are_stored_and_counted_once(simple, postgres_url):
    await simple.save([tweet(1, 70), tweet(2, 70)])

    await simple.save([tweet(1, 70), tweet(2, 99, revision=1), deletion(3), tweet(4, 70)])

    rows = await ask(postgres_url, "select id, revision, kind from events order by id")
    assert [(row["id"], row["revision"] > 0, row["kind"]) for row in rows] == [
        ("x:1", False, "tweet"),
        ("x:2", True, "tweet"),
        ("x:3", True, "deleted"),
        ("x:4", False, "tweet"),
    ]
    [counted] = await ask(postgres_url, "select sum(events) as events from signal_counts")
    assert counted["events"] == 3


async def test_received_and_registered_at_the_same_moment(simple, postgres_url):
    await simple.save([tweet(1, 70), tweet(2, 70)])

    rows = await ask(
        postgres_url,
        "select e.received_at = i.received_at as same from events e join event_ids i using (id)",
    )
    assert [row["same"] for row in rows] == [True, True]


async def test_a_save_begins_no_processes_and_compiles_nothing_whatever_the_planner_expects(
    postgres_url,
):
    """Of 64 new conversations it expects a tenth of all tickets, as long as none has two brands."""
    engine = open_engine(postgres_url, pool_size=1)

    async def settings(connection):
        query = "select current_setting('max_parallel_workers_per_gather'), current_setting('jit')"
        return tuple((await connection.execute(text(query))).one())

    async with engine.connect() as connection:
        usual = await settings(connection)
    async with engine.begin() as connection:
        locked, forgotten = await lock(connection, {}, ["x:1"], ["x:forgotten-1"])
        within = await settings(connection)
    async with engine.connect() as connection:
        assert await settings(connection) == usual != within
    await engine.dispose()

    assert (locked, forgotten) == ({"x:1"}, set())
    assert within == ("0", "off")
