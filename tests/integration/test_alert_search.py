"""All alerts, paged, filtered and acknowledged together; each person within their brands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from browsing import confirm, person, staff
from desk_client import Office
from history import ANY_AGE, worst
from people import quick_people
from playwright.async_api import expect
from rows import ask
from serving import web
from stores import Stores

from stream.alerts.store import Alerts
from stream.desk.alert_book import AlertBook
from stream.desk.alert_filter import AlertFilter
from stream.postgres.database import open_engine
from stream.records import AlertRecord

MANY = 120


def burst(number, brand="Northwind Air", severity=None, **evidence):
    return AlertRecord(
        id=f"burst:{brand}:delay:{number:03}",
        kind="burst",
        brand=brand,
        topic="delay",
        severity=severity or 1 + number % 10,
        started_at=datetime.now(UTC) - timedelta(minutes=number),
        evidence={"negative": 20, "expected": 2.0, "words": ["fog", f"gate{number}"]} | evidence,
    )


@pytest.fixture
async def book(engine):
    alerts = Alerts(engine)
    for number in range(MANY):
        await alerts.put_alert(burst(number))
    await alerts.put_alert(burst(1, brand="Other", severity=9))
    return AlertBook(engine)


async def test_every_alert_is_on_one_page_and_on_one_alone(book):
    pages = [await book.find(AlertFilter(), limit=50, offset=offset) for offset in (0, 50, 100)]

    ids = [listed.alert.id for page in pages for listed in page]
    assert [len(page) for page in pages] == [50, 50, 21]
    assert len(set(ids)) == MANY + 1
    graver = await book.find(AlertFilter(), sort="severity", limit=500)
    assert [one.alert.severity for one in graver] == sorted(
        (one.alert.severity for one in graver), reverse=True
    )


@pytest.mark.parametrize(
    ("wanted", "many"),
    [
        (AlertFilter(brand="Other"), 1),
        (AlertFilter(min_severity=9), 25),
        (AlertFilter(words="GATE77"), 1),
        (AlertFilter(words="100%_'"), 0),
        (AlertFilter(kind="p1"), 0),
        (AlertFilter(statuses=("open",), brand="Northwind Air"), MANY),
        (AlertFilter(since=datetime(2100, 1, 1, tzinfo=UTC)), 0),
        (AlertFilter(until=datetime(2000, 1, 1, tzinfo=UTC)), 0),
    ],
)
async def test_a_filter_finds_what_it_says_and_counts_it(book, wanted, many):
    assert len(await book.find(wanted, limit=500)) == many
    assert sum((await book.counts(criteria=wanted)).values()) == many


async def test_all_that_match_are_acknowledged_and_nothing_else(book, postgres_url):
    done = await book.acknowledge_matching(
        AlertFilter(min_severity=9), "ben", frozenset({"Northwind Air"})
    )
    assert done == 24
    seen = await ask(
        postgres_url,
        "select brand, severity, acknowledged_by from alerts where acknowledged_at is not null",
    )
    assert {(row["brand"], row["severity"], row["acknowledged_by"]) for row in seen} == {
        ("Northwind Air", 9, "ben"),
        ("Northwind Air", 10, "ben"),
    }
    assert await book.acknowledge_matching(AlertFilter(min_severity=9), "cleo") == 1
    assert (await book.counts())["acknowledged"] == 25


async def test_rest_pages_filters_and_acknowledges(book, engine, postgres_url):
    made = open_engine(postgres_url)
    store = Stores(made, fold=worst, history_after=ANY_AGE)
    async with web(store, url=postgres_url) as address, Office(address, engine) as office:
        ben = await office.person("ben", "agent")
        page = (await ben.get("/v1/alerts?sort=severity&limit=20&offset=120")).told["alerts"]
        assert len(page) == 1
        vic = await office.person("vic", "viewer")
        assert (await vic.post("/v1/alerts/acknowledge?min_severity=9")).status == 403
        sky = await office.person("sky", "agent", "Other")
        told = await sky.post("/v1/alerts/acknowledge")
        assert (told.status, told.told) == (200, {"acknowledged": 1})
        told = await ben.post("/v1/alerts/acknowledge?words=gate7")
        assert told.told == {"acknowledged": 11}
        left = await ben.get("/v1/alerts?open=true&limit=500")
        assert len(left.told["alerts"]) == MANY - 11
        assert (await ben.get("/v1/alerts?min_severity=11")).status == 422
    await made.dispose()


async def test_a_person_pages_filters_and_acknowledges_all_in_the_browser(
    book, simple, engine, postgres_url, chromium
):
    await staff(quick_people(engine))
    async with (
        web(simple, url=postgres_url) as address,
        person(chromium, address) as ben,
    ):
        await ben.log_in("ben")
        await ben.go("/alerts")
        items = ben.page.locator(".alert-list > li")
        await expect(items).to_have_count(50)
        await ben.page.get_by_role("button", name="Next").click()
        await expect(ben.page).to_have_url(f"{address}/alerts?page=2")
        await expect(ben.page.locator(".pager")).to_contain_text("51 to 100 of 121")
        await ben.page.get_by_label("Severity", exact=True).select_option("10")
        await expect(items).to_have_count(12)
        together = ben.page.get_by_role("button", name="Acknowledge all 12")
        assert (await confirm(together)).endswith("Sure? All 12")
        await ben.sees("Nothing waits for anybody")
        assert (await AlertBook(engine).counts())["acknowledged"] == 12
        assert ben.wrong == []
