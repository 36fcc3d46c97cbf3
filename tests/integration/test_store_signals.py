"""What the burst evaluator reads and writes, and the totals that the command line shows."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
from history import NOON, answer, deletion, tweet

from stream.postgres.database import dsn
from stream.records import AlertRecord

BURST = AlertRecord(
    id="burst:Northwind Air:delay:2026-03-12T12:00",
    kind="burst",
    severity=4,
    brand="Northwind Air",
    topic="delay",
    started_at=NOON,
    peak_at=NOON,
    evidence={"negative": 12},
)


async def test_negative_messages_are_counted_by_brand_and_time(simple):
    await simple.save(
        [tweet(1, 70), tweet(2, 10, minute=3), tweet(3, 90, brand="Other", minute=1), tweet(4, 70)]
    )
    await simple.save([deletion(4)])

    [cell] = await simple.negatives("Northwind Air", NOON, NOON + timedelta(minutes=4), "minute")
    assert (cell.at, cell.negative) == (NOON, 1)
    [cell] = await simple.negatives("Other", NOON, NOON + timedelta(minutes=3), "hour")
    assert (cell.at, cell.negative) == (NOON, 1)
    assert await simple.first_minute("Other") == NOON + timedelta(minutes=1)
    assert await simple.first_minute("Nobody") is None


async def test_changed_brands_are_told_once_they_changed(simple):
    await simple.save([tweet(1, 70)])
    brands, moment = await simple.changed_brands(None)
    assert brands == {"Northwind Air": [(NOON, NOON)]}

    await simple.save([tweet(2, 70, brand="Other")])
    brands, later = await simple.changed_brands(moment)
    assert set(brands) == {"Other"}
    await simple.save([tweet(2, 70, brand="Other")])
    assert (await simple.changed_brands(later))[0] == {}


async def test_years_between_two_changes_are_not_read(simple):
    later = timedelta(days=700) / timedelta(minutes=1)
    await simple.save([tweet(1, 70), tweet(2, 70, minute=24 * 60), tweet(3, 70, minute=later)])

    brands, _ = await simple.changed_brands(None)

    day, lone = timedelta(days=1), NOON + timedelta(days=700)
    assert brands == {"Northwind Air": [(NOON, NOON + day), (lone, lone)]}


async def test_a_save_that_commits_late_is_not_missed(simple, postgres_url):
    await simple.save([tweet(1, 70)])
    _, before = await simple.changed_brands(None)
    blocker = await asyncpg.connect(dsn(postgres_url))
    await blocker.execute("begin; lock table tickets")
    saving = asyncio.create_task(
        simple.save([tweet(2, 70, brand="Late")])
    )  # its counts are written, not committed
    async with asyncio.timeout(60):
        while not await blocker.fetchval("select count(*) from pg_locks where not granted"):
            await asyncio.sleep(0.01)

    meanwhile, moment = await simple.changed_brands(before)
    await blocker.execute("rollback")
    await saving

    assert "Late" not in meanwhile
    assert (await simple.changed_brands(moment))[0].keys() == {"Late"}
    await blocker.close()


async def test_an_alert_is_stored_once_and_its_version_rises_only_with_news(simple):
    first = await simple.put_alert(BURST)
    same = await simple.put_alert(BURST)
    grown = await simple.put_alert(
        BURST.model_copy(update={"severity": 6, "evidence": {"negative": 30}})
    )
    over = await simple.recover(BURST.id, NOON + timedelta(hours=1))

    assert (first.version, same.version, grown.version, over.version) == (1, 1, 2, 3)
    assert (grown.severity, grown.evidence) == (6, {"negative": 30})
    assert over.recovered_at == NOON + timedelta(hours=1)
    assert [alert.id for alert in await simple.list_alerts(kind="burst")] == [BURST.id]
    assert await simple.recover("burst:none", NOON) is None


async def test_only_one_does_what_one_alone_may_do(simple):
    one, two, other = simple.sole("bursts"), simple.sole("bursts"), simple.sole("something else")
    async with one as mine, two as also_mine, other as another:
        assert (mine, also_mine, another) == (True, False, True)
    async with simple.sole("bursts") as again:
        assert again


async def test_who_loses_the_connection_loses_the_role_without_a_fuss(simple, postgres_url):
    killer = await asyncpg.connect(dsn(postgres_url))
    async with simple.sole("bursts") as mine:
        assert mine
        await killer.execute(
            "select pg_terminate_backend(pid, 60000) from pg_locks"
            " where locktype = 'advisory' and pid <> pg_backend_pid()"
        )
    async with asyncio.timeout(60), simple.sole("bursts") as again:
        assert again
    await killer.close()


async def test_totals_and_the_queue(simple):
    await simple.save(
        [tweet(1, 90), tweet(2, 70), tweet(3, 65, brand="Other"), tweet(4, None), answer(5, of=1)]
    )
    await simple.save([deletion(6)])

    totals = await simple.totals()

    assert (totals.events, totals.deleted, totals.scored, totals.abstained) == (5, 1, 4, 1)
    assert totals.tickets == {"P1": 1, "P2": 2}
    assert totals.alerts == {"p1": 1}
    assert totals.dead_letters == 0
    assert [ticket["id"] for ticket in await simple.top_tickets(2)] == ["x:1", "x:2"]
    assert [
        ticket["id"] for ticket in await simple.list_tickets(brand="Other", level="P2", state="new")
    ] == ["x:3"]
    assert (await simple.top_tickets(1))[0]["factors"][0]["words"] == "says: still waiting"
