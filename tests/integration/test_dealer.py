"""New tickets find somebody who is present; what people gave or took stays as they left it."""

from __future__ import annotations

import pytest
from history import tweet
from people import quick_people
from rows import ask, do

from stream.controls.records import Assignment
from stream.desk.actions import Assign
from stream.desk.attendance import Attendance
from stream.desk.dealer import Dealer
from stream.desk.tickets import Desk

PASSWORD = "violet ladder seventeen"


@pytest.fixture
async def dealer(engine):
    people = quick_people(engine)
    for name in ("ben", "cleo", "dora"):
        await people.add(name, PASSWORD, "agent")
    attendance = Attendance(engine)
    for name in ("ben", "cleo"):
        await attendance.seen(name)
    made = Dealer(engine)
    made.become(Assignment(on=True))
    return made


async def owners(url):
    return {row["id"]: row["owner"] for row in await ask(url, "select id, owner from tickets")}


async def test_who_is_present_gets_new_tickets_in_turn(dealer, simple, postgres_url):
    await simple.save([tweet(n, 90) for n in range(1, 5)])

    assert await dealer.round() == 4
    assert sorted((await owners(postgres_url)).values()) == ["ben", "ben", "cleo", "cleo"]
    assert await dealer.round() == 0
    [row] = await ask(
        postgres_url, "select who, changes from ticket_changes where who <> 'earshot' limit 1"
    )
    assert row["who"] == "assignment"


async def test_who_is_away_or_gone_gets_none(dealer, simple, engine, postgres_url):
    await Attendance(engine).set_away("ben", True)
    await do(
        postgres_url,
        "update attendance set seen_at = now() - interval '5 minutes' where name = 'cleo'",
    )
    await simple.save([tweet(1, 90)])
    assert await dealer.round() == 0

    await Attendance(engine).set_away("ben", False)
    assert await dealer.round() == 1
    assert await owners(postgres_url) == {"x:1": "ben"}


async def test_a_ticket_that_a_person_gave_back_stays_with_nobody(
    dealer, simple, engine, postgres_url
):
    await simple.save([tweet(1, 90)])
    await dealer.round()
    await Desk(engine).act("x:1", Assign(owner=None), "ben")

    assert await dealer.round() == 0
    assert await owners(postgres_url) == {"x:1": None}


async def test_without_rules_nobody_gets_anything(dealer, simple, postgres_url):
    dealer.become(None)
    await simple.save([tweet(1, 90)])

    assert await dealer.round() == 0
