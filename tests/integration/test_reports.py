"""Reports: first answers, resolution, promises kept, ratings, by group; and who may see them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from desk_client import Office
from drafted import GOOD, drafted
from history import ANY_AGE, NOON, answer, tweet, worst
from rows import ask, do
from serving import web
from stores import Stores

from stream.desk.actions import Reopen, Resolve
from stream.desk.tickets import Desk
from stream.postgres.database import open_engine
from stream.reports.ratings import Ratings
from stream.reports.reports import BYS, Reports

SINCE, UNTIL = NOON - timedelta(days=1), NOON + timedelta(days=20)


@pytest.fixture
async def week(simple):
    """Three tickets of one brand, answered after 10, 100 and never; one of another brand."""
    await simple.save(
        [
            tweet(1, 90, topic="delay"),
            tweet(2, 90, topic="baggage", minute=1),
            tweet(3, 55, topic="baggage", minute=60 * 24 * 8),
            tweet(4, 90, brand="Other", text="=cmd|calc", topic="=1+1"),
            answer(11, of=1, minute=10),
            answer(12, of=2, minute=101),
        ]
    )


async def test_first_answers_and_promises_are_counted_by_the_messages_own_time(week, engine):
    report = await Reports(engine).report("brand", SINCE, UNTIL)

    ours = next(row for row in report.rows if row.group == "Northwind Air")
    assert (ours.tickets, ours.answered) == (3, 2)
    assert ours.first_answer_median == pytest.approx(55)
    # Ten minutes keep a P1's fifteen, a hundred do not; the third is a P3 of four hours.
    assert ours.in_time == 1
    assert report.total.tickets == 4
    assert report.latest == NOON + timedelta(days=8)


@pytest.mark.parametrize("by", BYS)
async def test_every_group_adds_up(week, engine, by):
    report = await Reports(engine).report(by, SINCE, UNTIL)

    assert sum(row.tickets for row in report.rows) == report.total.tickets == 4
    if by == "week":
        assert [row.group for row in report.rows] == ["2026-03-09", "2026-03-16"]


async def test_what_began_elsewhen_is_left_out(week, engine):
    report = await Reports(engine).report("topic", NOON + timedelta(days=5), UNTIL)

    assert [(row.group, row.tickets) for row in report.rows] == [("baggage", 1)]


async def test_resolving_and_reopening_count_once_a_ticket_and_for_who_did_it(week, engine):
    desk = Desk(engine)
    await desk.act("x:1", Resolve(), "ben")
    await desk.act("x:1", Reopen(), "ben")
    await desk.act("x:1", Resolve(), "cleo")

    report = await Reports(engine).report("agent", SINCE, UNTIL)
    agents = {row.group: row for row in report.rows}
    assert (agents["cleo"].tickets, agents["cleo"].resolved, agents["cleo"].reopened) == (1, 1, 1)
    assert agents["nobody"].tickets == 3


async def test_only_whoever_got_an_answer_can_rate_it_and_the_last_press_counts(
    simple, engine, postgres_url
):
    await simple.save([tweet(1, 90)])
    reply = await drafted(engine, GOOD)
    ratings = Ratings(engine)
    token = await ratings.token(reply)
    for wrong in ("", "x", f"{reply}.{'0' * 32}", f"{reply + 1}.{token.partition('.')[2]}"):
        assert await ratings.reply_of(wrong) is None
    assert await ratings.reply_of(token) == reply

    assert await ratings.rate(reply, "bad")
    assert await ratings.rate(reply, "good")
    assert not await ratings.rate(reply + 999, "good")
    report = await Reports(engine).report("brand", SINCE, UNTIL)
    assert (report.total.rated, report.total.good) == (1, 1)


@pytest.fixture
async def office(engine, postgres_url):
    made = open_engine(postgres_url)
    store = Stores(made, fold=worst, history_after=ANY_AGE)
    async with web(store, url=postgres_url) as address, Office(address, engine) as office:
        yield office
    await made.dispose()


RANGE = "since=2026-03-01T00:00:00Z&until=2026-04-01T00:00:00Z"


async def test_rest_answers_json_and_a_csv_without_formulas(week, office):
    vic = await office.person("vic", "viewer")
    told = (await vic.get(f"/v1/reports?by=brand&{RANGE}")).told
    assert told["total"]["tickets"] == 4
    csv = (await vic.get(f"/v1/reports?by=topic&{RANGE}&format=csv")).told.splitlines()
    assert csv[0].startswith("topic,tickets,answered,")
    assert any(line.startswith("'=1+1,1,") for line in csv)
    for wrong in (
        "since=2026-04-01T00:00:00Z&until=2026-03-01T00:00:00Z",
        "since=1999-04-01T00:00:00Z",
        "by=mood",
        "until=0001-01-01T00:00:00Z",
        "since=0001-01-01T00:00:00%2B23:00&until=0001-01-01T00:00:00Z",
    ):
        assert (await vic.get(f"/v1/reports?{wrong}")).status == 422, wrong


async def test_who_is_bound_to_a_brand_sees_its_figures_alone(week, office):
    sky = await office.person("sky", "viewer", "Other")
    told = (await sky.get(f"/v1/reports?by=brand&{RANGE}")).told
    assert [row["group"] for row in told["rows"]] == ["Other"]
    assert told["total"]["tickets"] == 1
    theirs = (await sky.get(f"/v1/reports?by=brand&brand=Northwind+Air&{RANGE}")).told
    assert theirs["rows"] == []
    assert theirs["latest"] is None


async def test_a_link_asks_first_and_a_press_counts(simple, office, engine, postgres_url):
    await simple.save([tweet(1, 90)])
    token = await Ratings(engine).token(await drafted(engine, GOOD))
    nobody = await office.nobody()

    page = await nobody.get(f"/rate/{token}")
    assert page.status == 200
    assert "It helped" in page.told
    assert await ask(postgres_url, "select * from ratings") == [], "opening a link is no press"
    async with nobody.session.post(f"/rate/{token}", data={"was": "good"}) as pressed:
        assert pressed.status == 200
    assert [row["rating"] for row in await ask(postgres_url, "select rating from ratings")] == [1]
    async with nobody.session.post(f"/rate/{token}", data={"was": "odd"}) as odd:
        assert odd.status == 404
    assert (await nobody.get("/rate/1.abc")).status == 404
    await do(postgres_url, "delete from replies")
    assert await ask(postgres_url, "select * from ratings") == []
