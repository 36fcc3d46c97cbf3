"""A save costs few round trips, and none for what its batch does not hold."""

from __future__ import annotations

import pytest
from history import deletion, tweet
from rows import ask
from sqlalchemy import event


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
