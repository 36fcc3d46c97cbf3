"""Alerts as people work through them, against a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from history import NOON, tweet

from stream.alerts.store import Alerts
from stream.desk.alert_book import AlertBook, NoAlert
from stream.incidents.store import Incidents
from stream.records import AlertRecord

OURS = frozenset({"Northwind Air"})


@pytest.fixture
def book(engine):
    return AlertBook(engine)


@pytest.fixture
async def raised(simple, engine):
    """A P1 of each of two brands, and a burst with two examples, one of which was deleted."""
    await simple.save(
        [tweet(1, 95, text="nobody answers me"), tweet(2, 90, brand="Other"), tweet(3, 30)]
    )
    evidence = {
        "negative": 60,
        "expected": 4.2,
        "words": ["outage"],
        "examples": ["x:1", "x:gone"],
        "topics": {},
    }
    burst = AlertRecord(
        id="burst:1",
        kind="burst",
        severity=8,
        brand="Northwind Air",
        topic="delay",
        started_at=NOON,
        evidence=evidence,
    )
    await Alerts(engine).put_alert(burst)


async def test_those_that_need_somebody_come_first_with_what_they_are_about(book, raised):
    listed = await book.list()

    assert {each.alert.kind for each in listed} == {"p1", "burst"}
    burst = next(each for each in listed if each.alert.kind == "burst")
    assert [(each.id, each.text) for each in burst.examples] == [("x:1", "nobody answers me")]
    p1 = next(each for each in listed if each.alert.ticket_id == "x:1")
    assert (p1.ticket_level, p1.excerpt, p1.status) == ("P1", "nobody answers me", "open")
    assert await book.counts() == {"open": 3, "acknowledged": 0, "snoozed": 0, "over": 0}


async def test_acknowledged_snoozed_and_over_are_told_apart(book, raised, simple, engine):
    await book.acknowledge("burst:1", "ada")
    assert (await book.acknowledge("burst:1", "bob")).acknowledged_by == "ada"
    assert [each.status for each in await book.list(statuses=["acknowledged"])] == ["acknowledged"]

    await book.snooze("burst:1", "bob", datetime.now(UTC) + timedelta(hours=1))
    [asleep] = await book.list(statuses=["snoozed"])
    assert asleep.snoozed_by == "bob"
    await book.snooze("burst:1", "bob", None)
    assert await book.list(statuses=["snoozed"]) == []

    await Alerts(engine).recover("burst:1", NOON + timedelta(hours=2))
    assert [each.alert.id for each in await book.list(statuses=["over"])] == ["burst:1"]
    assert [each.status for each in await book.list()] == ["open", "open", "over"]


async def test_nobody_sees_or_touches_alerts_of_brands_that_are_not_theirs(book, raised):
    other = next(each.alert.id for each in await book.list() if each.alert.brand == "Other")

    assert {each.alert.brand for each in await book.list(OURS)} == {"Northwind Air"}
    assert await book.list(OURS, brand="Other") == []
    with pytest.raises(NoAlert):
        await book.acknowledge(other, "ada", OURS)
    with pytest.raises(NoAlert):
        await book.snooze(other, "ada", None, OURS)
    with pytest.raises(NoAlert):
        await book.acknowledge("no such", "ada")
    assert (await book.counts(OURS))["open"] == 2


async def test_incidents_are_listed_for_the_brands_that_somebody_may_see(engine, simple):
    incidents = Incidents(engine)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(
            "insert into incidents (id, brand, title, severity, started_at, evidence, version)"
            " select id, brand, 'line down', 5, now(), '{}', 1"
            " from (values ('i1', 'Other'), ('i2', 'Northwind Air')) as given (id, brand)"
        )
    assert [row["id"] for row in await incidents.list_incidents(brands=OURS)] == ["i2"]
    assert len(await incidents.list_incidents()) == 2
