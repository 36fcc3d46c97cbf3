"""Old months go, and what is gone does not come back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
from history import NOON, deletion, tweet
from sqlalchemy import text

from stream.postgres.database import dsn
from stream.postgres.retention import drop_old
from stream.store import memory

NOW = datetime.now(UTC)
# `history` speaks of March 2026: kept and dropped are counted from the month in which this test
# runs.
MONTHS = (NOW.year - NOON.year) * 12 + NOW.month - NOON.month
MINUTES_TO_NOW = (NOW - NOON) / timedelta(minutes=1)


async def ask(store, statement):
    async with store._engine.begin() as connection:
        return (await connection.execute(text(statement))).all()


async def with_partition(store, *parents):
    """The month of `history` as it is when earshot ran then; what is a month older lies in the
    default partition.
    """
    for parent in parents or ("events", "signal_counts"):
        async with store._engine.begin() as connection:
            made = f"create table {parent}_2026_03 partition of {parent}"
            await connection.execute(
                text(f"{made} for values from ('2026-03-01+00') to ('2026-04-01+00')")
            )


async def test_what_is_older_than_it_is_kept_is_dropped_and_the_rest_stays(simple):
    await with_partition(simple)
    await simple.save([tweet(1), tweet(2, minute=-60 * 24 * 30), tweet(3, minute=MINUTES_TO_NOW)])

    dropped = await drop_old(simple._engine, MONTHS - 1)

    assert dropped.partitions == ["events_2026_03", "signal_counts_2026_03"]
    assert dropped.rows == 2
    assert [id for (id,) in await ask(simple, "select id from events")] == ["x:3"]
    assert len(await ask(simple, "select 1 from signal_counts")) == 1
    assert {id for (id,) in await ask(simple, "select id from tickets")} == {"x:1", "x:2", "x:3"}, (
        "tickets stay"
    )
    assert len(await ask(simple, "select 1 from ticket_changes")) == 3, "and what was done"
    assert (await drop_old(simple._engine, MONTHS - 1)).partitions == []


async def test_the_month_that_is_just_kept_is_kept(simple):
    await with_partition(simple)
    await simple.save([tweet(1), tweet(2, minute=-60 * 24 * 30)])

    dropped = await drop_old(simple._engine, MONTHS)

    assert (dropped.partitions, dropped.rows) == ([], 2)
    assert [id for (id,) in await ask(simple, "select id from events")] == ["x:1"]


async def test_what_was_dropped_does_not_come_back_and_a_deletion_outlives_it(simple):
    await with_partition(simple)
    await simple.save([tweet(1), tweet(2), deletion(2)])
    await drop_old(simple._engine, MONTHS - 1)

    await simple.save([tweet(1), tweet(2), tweet(2, revision=3)])

    assert await ask(simple, "select 1 from events") == []
    assert await ask(simple, "select 1 from signal_counts where events > 0") == []
    assert [id for (id,) in await ask(simple, "select id from tickets")] == ["x:1"]


async def test_a_rebuild_leaves_tickets_whose_months_are_gone_as_they_are(simple):
    await with_partition(simple)
    await simple.save([tweet(1)])
    before = await ask(simple, "select * from tickets")
    await drop_old(simple._engine, MONTHS - 1)

    await simple.refold(["x:1"])

    assert await ask(simple, "select * from tickets") == before


async def test_a_save_and_the_end_of_a_month_that_meet_halfway_both_end(
    simple, postgres_url, monkeypatch
):
    """A save locks the stamp of a conversation that it remembers, and then counts; who holds the
    counts of a month that goes may not want the stamps as well.
    """
    monkeypatch.setattr(memory, "LONG", 3)  # messages of a conversation that is remembered
    await with_partition(simple, "signal_counts")
    await simple.save([tweet(number, of=1, minute=number) for number in range(1, 4)])
    gate = await asyncpg.connect(dsn(postgres_url))
    await gate.execute("begin; lock table event_ids in share row exclusive mode")

    saving = asyncio.create_task(simple.save([tweet(4, of=1, minute=4)]))
    await waited_for(gate, "event_ids")  # the stamp is the save's now
    dropping = asyncio.create_task(drop_old(simple._engine, MONTHS - 1))
    await waited_for(gate, "conversation_stamps")
    await gate.execute("rollback")
    saved, dropped = await asyncio.gather(saving, dropping)

    assert [ticket.messages for ticket in saved.tickets] == [4]
    assert dropped.partitions == ["signal_counts_2026_03"]
    await gate.close()


async def waited_for(connection, table):
    """Until somebody waits for this table."""
    waiting = "select from pg_locks where not granted and relation = $1::text::regclass"
    async with asyncio.timeout(60):
        while not await connection.fetch(waiting, table):
            await asyncio.sleep(0.01)
