"""Old months go, and what is gone does not come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from history import NOON, deletion, tweet
from sqlalchemy import text

from stream.postgres.retention import drop_old

NOW = datetime.now(UTC)
# `history` speaks of March 2026: kept and dropped are counted from the month in which this test
# runs.
MONTHS = (NOW.year - NOON.year) * 12 + NOW.month - NOON.month
MINUTES_TO_NOW = (NOW - NOON) / timedelta(minutes=1)


async def ask(store, statement):
    async with store._engine.begin() as connection:
        return (await connection.execute(text(statement))).all()


async def with_partition(store):
    """The month of `history` as it is when earshot ran then; what is a month older lies in the
    default partition.
    """
    for parent in ("events", "signal_counts"):
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
