"""P1 alerts that people can bear: one a person, one a surge, one for what is old; and what sinks
hear of those that are taken back. In a real PostgreSQL.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from history import ANY_AGE, NOON, answer, deletion, tweet, worst
from rows import ask, do

from connectors.email_out import mail
from connectors.notices import Notice
from connectors.pagerduty import event as pagerduty
from connectors.slack import payload as slack
from connectors.teams import payload as teams
from connectors.webhook_out import cloud_event
from stream.alerts.grouping import FEWEST
from stream.alerts.notifier import Notifier, title
from stream.alerts.routing import Route
from stream.bursts.evaluator import BurstJudge
from stream.desk.alert_book import AlertBook
from stream.postgres.database import open_engine
from stream.store.store import Store

NOW = datetime.now(UTC)
FRESH = (NOW - NOON) / timedelta(minutes=1)  # minutes after noon of that day


class Sink:
    """Keeps what it is told."""

    name = "sink"

    def __init__(self):
        self.notices: list[Notice] = []

    async def send(self, notice):
        self.notices.append(notice)
        return "ok"

    async def close(self): ...


def notifier(store, sink, **given):
    wanted = {
        "kinds": ("p1", "surge", "backlog"),
        "brands": (),
        "min_severity": 1,
        "recovered": True,
        "per_minute": 60,
    }
    route = Route(
        name="sink", type="slack", options={}, max_age=timedelta(days=36_500), **(wanted | given)
    )
    return Notifier(store, store, [(route, sink)])


def many(count: int, first: int = 1, brand: str = "Northwind Air", minute: float = FRESH):
    return [
        tweet(n, 90, author=f"author {n}", brand=brand, minute=minute)
        for n in range(first, first + count)
    ]


async def p1s(store, kind=None):
    return [alert for alert in await store.list_alerts() if kind in (None, alert.kind)]


async def test_a_person_who_writes_five_posts_alerts_once(simple, engine):
    saved = [await simple.save([tweet(n, 80 + n, minute=n)]) for n in range(1, 6)]

    [alert] = await p1s(simple)
    assert alert.id == "p1:x:1:1"
    assert alert.evidence["tickets"] == 5
    assert alert.severity == 9  # of the gravest
    assert [each.id for made in saved for each in made.alerts] == ["p1:x:1:1"] * 5
    assert [made.alerts[0].version for made in saved] == [1, 2, 3, 4, 5]


async def test_after_an_hour_they_alert_again(simple, postgres_url):
    await simple.save([tweet(1, 90)])
    await do(postgres_url, "update alerts set created_at = created_at - interval '61 minutes'")

    await simple.save([tweet(2, 90)])

    assert [alert.id for alert in await p1s(simple)] == ["p1:x:1:1", "p1:x:2:1"]


async def test_a_conversation_that_rises_and_falls_alerts_once(simple):
    await simple.save([tweet(1, 90), tweet(2, 90, of=1, author="grace", minute=1)])
    await simple.save([tweet(3, 95, of=1, author="eve", minute=2)])

    assert len(await p1s(simple)) == 1


async def test_one_alert_of_two_tickets_stands_while_one_of_them_is_p1(simple, engine):
    await simple.save([tweet(1, 90)])
    await simple.save([tweet(2, 90, minute=1)])

    await simple.save([deletion(1)])
    assert [alert.recovered_at for alert in await p1s(simple)] == [None]
    [listed] = await AlertBook(engine).list()
    assert listed.status == "open"

    saved = await simple.save([deletion(2, minute=1)])
    assert [alert.recovered_at is not None for alert in saved.alerts] == [True]


async def test_a_brand_whose_p1s_stray_says_so_once(simple):
    for part in range(6):
        await simple.save(many(10, 1 + 10 * part))

    alerts = await p1s(simple)
    assert [alert.kind for alert in alerts].count("surge") == 1
    assert len(alerts) < 15
    [surge] = await p1s(simple, "surge")
    assert surge.evidence["tickets"] + len(await p1s(simple, "p1")) == 60
    assert surge.ticket_id is None
    assert "60 P1 tickets within the hour" in title(surge)


async def test_a_brand_is_measured_by_its_own_past(simple, postgres_url):
    """Five an hour are much for one, and nothing for another."""
    await do(
        postgres_url,
        """
        insert into alert_tickets (alert_id, ticket_id, kind, brand, events, joined_at)
        select 'old', brand || n, 'p1', brand, '{}',
               now() - interval '2 hours' - make_interval(hours => n / a_hour)
        from (values ('Busy', 8), ('Calm', 1)) as brands (brand, a_hour),
             generate_series(1, 600) as n
        where brand = 'Busy' or n % 300 = 1
        """,
    )
    await simple.save(many(12, 1, "Busy") + many(12, 101, "Calm"))

    alerts = await p1s(simple)
    assert {alert.brand for alert in alerts if alert.kind == "surge"} == {"Calm"}
    assert sum(alert.brand == "Calm" for alert in alerts) == FEWEST
    assert sum(alert.brand == "Busy" for alert in alerts) == 12


async def test_a_surge_is_over_after_a_quiet_hour(simple, postgres_url):
    await simple.save(many(20))
    judge = BurstJudge(simple, simple)
    assert [alert for alert in await judge.look() if alert.kind == "surge"] == []

    await do(postgres_url, "update alert_tickets set joined_at = joined_at - interval '61 minutes'")
    [over] = [alert for alert in await judge.look() if alert.kind == "surge"]

    assert over.recovered_at is not None
    # A judge that starts anew tells it again: the one before may have died before it was told.
    again = await BurstJudge(simple, simple).look()
    assert [alert.version for alert in again if alert.kind == "surge"] == [over.version]


async def test_old_messages_are_one_summary(engine, postgres_url):
    store = Store(engine, fold=worst)
    await store.save(many(30, minute=0))
    await store.save([*many(30, 31, minute=600), *many(1, 101)])
    rows = await ask(postgres_url, "select kind, evidence, severity from alerts order by kind")

    assert [row["kind"] for row in rows] == ["backlog", "p1"]
    saved = await store.save(many(1, minute=0))  # delivered again
    [summary] = saved.alerts
    assert summary.evidence["tickets"] == 60
    assert summary.evidence["first"].startswith("2026-03-12T12:00")
    assert summary.evidence["last"].startswith("2026-03-12T22:00")
    assert title(summary) == (
        "Northwind Air: 60 P1 tickets among messages that were older than a day when they came"
    )


@pytest.mark.parametrize("gone", [1, 3])
async def test_a_summary_says_how_many_of_its_tickets_are_p1_no_longer(engine, gone):
    store = Store(engine, fold=worst)
    await store.save(many(9, minute=0))
    await store.save([deletion(n) for n in range(1, gone + 1)])
    [summary] = (await store.save([deletion(gone)])).alerts

    assert summary.evidence["fallen"] == gone
    assert f"9 P1 tickets ({gone} no longer) among" in title(summary)

    [grown] = (await store.save(many(2, 101, minute=600))).alerts
    assert f"11 P1 tickets ({gone} no longer) among" in title(grown)


async def test_each_brand_has_its_own_summary(engine):
    store = Store(engine, fold=worst)
    saved = await store.save(many(5, minute=0) + many(5, 11, "Other", minute=0))

    assert sorted(str(alert.brand) for alert in saved.alerts) == ["Northwind Air", "Other"]


async def test_workers_that_save_at_once_raise_one_alert_each_for_what_is_one(postgres_url, engine):
    engines = [open_engine(postgres_url) for _ in range(4)]
    stores = [Store(each, fold=worst, history_after=ANY_AGE) for each in engines]
    batches = [[tweet(n, 90, minute=n)] for n in range(1, 21)]  # one person, twenty posts

    await asyncio.gather(
        *(stores[at % 4].save(batch) for at, batch in enumerate([*batches, *batches]))
    )

    rows = await ask(postgres_url, "select id, evidence from alerts")
    joined = await ask(postgres_url, "select count(distinct ticket_id) as n from alert_tickets")
    assert len(rows) == 1
    assert joined[0]["n"] == 20
    for each in engines:
        await each.dispose()


async def test_sinks_hear_that_an_alert_is_taken_back(store):
    sink = Sink()
    telling = notifier(store, sink)
    await store.save([tweet(1, 90, text="smoke is coming out of your router, it burnt my hand")])
    await telling.round()
    await store.save(
        [
            answer(2, of=1, minute=1, text="Please unplug it."),
            tweet(3, 5, of=1, minute=2, text="All good now, the smoke is gone. Thank you so much!"),
        ]
    )
    for _ in range(3):
        await telling.round()

    raised, over = sink.notices
    assert (raised.kind, over.kind) == ("raised", "recovered")
    assert over.alert == raised.alert
    assert over.headline.endswith("is taken back: settled by the customer")
    assert ("Taken back", "settled by the customer") in over.facts
    assert pagerduty(over, "key")["event_action"] == "resolve"
    assert pagerduty(over, "key")["dedup_key"] == pagerduty(raised, "key")["dedup_key"]
    assert cloud_event(over)["type"] == "earshot.alert.recovered"
    assert cloud_event(over)["data"]["facts"]["Taken back"] == "settled by the customer"
    assert "settled by the customer" in slack(over)["text"]
    assert "settled by the customer" in str(teams(over))
    written = mail(over, "a@example.org", ["b@example.org"])
    assert "settled by the customer" in written["Subject"]
    assert written["In-Reply-To"] == mail(raised, "a@example.org", ["b@example.org"])["Message-ID"]


async def test_what_is_taken_back_before_anybody_heard_of_it_is_told_to_nobody(simple):
    sink = Sink()
    telling = notifier(simple, sink)
    await simple.save([tweet(1, 90)])
    await simple.enqueue(telling._sinks[0][0])
    await simple.save([deletion(1)])

    for _ in range(3):
        await telling.round()

    assert sink.notices == []


@pytest.mark.parametrize("kinds", [("p1", "surge", "backlog"), ("burst",)])
async def test_a_summary_is_told_once_it_has_come_to_rest(engine, simple, postgres_url, kinds):
    sink = Sink()
    telling = notifier(simple, sink, kinds=kinds)
    store = Store(engine, fold=worst)
    await store.save(many(30, minute=0))
    await telling.round()
    assert sink.notices == []

    await do(postgres_url, "update alerts set updated_at = updated_at - interval '6 minutes'")
    await telling.round()
    await store.save(many(30, 31, minute=0))
    await do(postgres_url, "update alerts set updated_at = updated_at - interval '6 minutes'")
    await telling.round()

    assert len(sink.notices) == int("p1" in kinds)
    assert all("30 P1 tickets among" in notice.headline for notice in sink.notices)
