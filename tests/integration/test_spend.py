"""What X was paid, in a real database: restarts, several processes, a database that is away; and
the daily look.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from fakes import NOON
from history import tweet as scored
from servers.x_api import KEYS, XApi

from connectors.events import decode
from connectors.network import Context, ListenQuery
from connectors.x import XNetwork
from connectors.x.costs import PRICES, Meter
from stream.bootstrap.live import look_up
from stream.bootstrap.parts import Stores
from stream.ingest.spend import Spend, spend_alert
from stream.postgres.database import open_engine

DAY = NOON.date()


async def test_what_several_processes_spend_adds_up_and_a_restart_knows_it(engine):
    one, other = Spend(engine, "x"), Spend(engine, "x")

    await one.add("Delta", DAY, {"read": 3}, PRICES)
    await other.add("Delta", DAY, {"read": 1, "post": 1}, PRICES)
    await other.add("United", DAY, {"read": 100}, PRICES)
    await other.add("Delta", DAY - timedelta(days=1), {"read": 100}, PRICES)

    assert (
        await Spend(engine, "x").add("Delta", DAY, {}, PRICES)
        == 4 * PRICES["read"] + PRICES["post"]
    )
    assert await Spend(engine, "another").add("Delta", DAY, {}, PRICES) == 0


async def test_spending_while_the_database_is_away_is_kept_and_counts_at_once(own_postgres):
    from stream.postgres.schema import migrate

    await migrate(own_postgres.url)
    engine = open_engine(own_postgres.url)
    ledger = Spend(engine, "x")
    paid = Meter("Delta", ledger, budget=0.01, on_budget="stop", now=lambda: NOON)
    paid.read(["1"])
    await paid.settle()
    own_postgres.stop()

    paid.read(["2"])
    await paid.settle()
    assert paid.exhausted

    own_postgres.start()
    await paid.settle()
    assert await Spend(engine, "x").add("Delta", DAY, {}, PRICES) == 2 * PRICES["read"]
    await engine.dispose()


async def test_a_budget_that_is_reached_is_one_alert_a_day(store):
    for spent in (5_000_000, 5_005_000):
        alert = await store.put_alert(spend_alert("x", "Delta", DAY, spent, 5_000_000, "stop"))

    (stored,) = await store.list_alerts()
    assert (stored.id, stored.kind, stored.severity) == ("spend:x:Delta:2026-03-12", "spend", 6)
    assert alert.evidence == {
        "network": "x",
        "spent_dollars": 5.005,
        "budget_dollars": 5.0,
        "then": "stop",
    }


async def test_what_was_paid_today_is_told_by_brand(engine):
    ledger, today = Spend(engine, "x"), datetime.now(UTC).date()
    await ledger.add("Delta", today, {"read": 10}, PRICES)
    await ledger.add("Delta", today - timedelta(days=1), {"read": 10}, PRICES)

    assert await ledger.today() == {("x", "Delta"): 0.05}
    assert ledger.spent_today == 10 * PRICES["read"]


class Published(list):
    async def publish(self, messages):
        self += messages


async def test_once_a_day_posts_of_open_tickets_are_looked_up_and_what_is_gone_is_deleted(
    store, engine
):
    async with XApi().open() as x:
        there, gone = x.post(0, "my line is down"), x.post(1, "my line is down too")
        await store.save([scored(int(there), 95), scored(int(gone), 95)])
        del x.posts[gone]
        account = XNetwork(**asdict(KEYS), api=x.address)
        context = Context(Spend(engine, "x"), allow_private=True)
        kafka = Published()

        for _ in range(2):
            await look_up(account, "x", ListenQuery(("delta",)), Stores(engine), kafka, context)

        (deletion,) = [decode(each.value) for each in kafka]
        assert (deletion.kind, deletion.id, deletion.conversation) == (
            "deleted",
            f"x:{gone}",
            f"x:{gone}",
        )
        assert x.asked.count("GET /2/tweets") == 1, "the second time was the same day"
