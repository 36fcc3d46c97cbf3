"""The monitor on a wall, the way from a chart to its tickets, and shared questions in SQL."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime

import pytest
from browsing import person, staff
from desk_client import Office
from history import ANY_AGE, NOON, tweet, worst
from people import quick_people
from playwright.async_api import Error, Page, expect
from serving import web
from stores import Stores

from stream.desk.saved_queries import SavedQueries
from stream.errors import UserError
from stream.postgres.database import open_engine


def now(number, *more, **told):
    minute = (datetime.now(UTC) - NOON).total_seconds() / 60
    return tweet(number, *more, minute=minute, **told)


@pytest.fixture
async def ben(simple, engine, postgres_url, chromium):
    await staff(quick_people(engine))
    await simple.save([now(1, 90, topic="baggage"), now(2, 80, brand="Other", topic="billing")])
    async with (
        web(simple, url=postgres_url) as address,
        person(chromium, address) as made,
    ):
        await made.log_in("ben")
        yield made


async def is_the_page_before(page: Page) -> bool:
    try:
        return bool(await page.evaluate("window.before"))
    except Error:  # it is being loaded
        return False


async def test_a_wall_shows_the_charts_alone_and_heals_itself(ben):
    await ben.go("/monitor?kiosk=1")
    await expect(ben.page.locator(".chart.mood canvas").first).to_be_visible()
    await expect(ben.page.locator("header.top")).to_be_hidden()
    await ben.page.get_by_role("button", name="30 days").click()
    await expect(ben.page).to_have_url(re.compile("range=30d&kiosk=1"))

    # The server says nothing for longer than a wall waits: the page loads itself anew.
    await ben.page.evaluate("window.before = true")
    await ben.page.clock.install()
    await ben.page.reload()
    await expect(ben.page.locator(".chart.mood canvas").first).to_be_visible()
    await ben.page.evaluate("window.before = true")
    await ben.page.context.set_offline(True)
    await ben.page.clock.fast_forward(60_000)
    assert await ben.page.evaluate("window.before"), "a server that is away is not loaded from"
    await ben.page.context.set_offline(False)
    # An answer may come late: the wall asks again, minute by minute.
    while await is_the_page_before(ben.page):
        await ben.page.clock.fast_forward(60_000)
        await asyncio.sleep(0.5)
    await expect(ben.page.locator("header.top")).to_be_hidden()


async def test_a_cell_of_a_chart_leads_to_its_tickets(ben):
    await ben.go("/monitor?range=1h")
    heat = ben.page.locator(".chart.heat")
    await expect(heat).to_have_attribute("aria-label", re.compile("worst:"))
    # Whatever the width, the cell of the newest message is the last of its row.
    name = await heat.evaluate(
        """async (box) => {
            const { echarts } = await import("nicegui-echart");
            const chart = echarts.getInstanceByDom(box), series = chart.getOption().series[0];
            const [x, y] = series.data[0].value;
            const place = () => chart.convertToPixel({ seriesIndex: 0 }, [x, y]);
            while (!place()?.every(Number.isFinite)) {  // before it is drawn there is none
                await new Promise(requestAnimationFrame);
            }
            window.at = place();
            return chart.getOption().yAxis[0].data[y];
        }"""
    )
    x, y = await ben.page.evaluate("window.at")
    await heat.click(position={"x": x, "y": y})
    await expect(ben.page).to_have_url(re.compile(rf"/\?topic={name}"))


async def test_a_question_is_saved_with_its_chart_for_everybody(ben, engine):
    await ben.go("/sql")
    box = ben.page.get_by_label("SQL statement")
    await box.fill("select brand, count(*) as tickets from tickets group by brand order by brand")
    await ben.page.get_by_role("button", name="Run").click()
    await ben.page.get_by_role("button", name="bars", exact=True).click()
    await expect(ben.page.get_by_role("img", name=re.compile("Other 1"))).to_be_visible()
    await ben.page.get_by_label("Save as").fill("Tickets by brand")
    await ben.page.get_by_role("button", name="Save", exact=True).click()
    await ben.sees("Saved for everybody.")
    await ben.go("/sql?saved=Tickets+by+brand")
    await expect(ben.page.get_by_role("img", name=re.compile("Other 1"))).to_be_visible()
    await ben.page.get_by_role("button", name="records", exact=True).click()
    await expect(ben.page.locator(".records > li")).to_have_count(2)
    await expect(ben.page.locator(".records > li").first).to_contain_text("Northwind Air")
    assert ben.wrong == []
    [saved] = await SavedQueries(engine).list()
    assert (saved.chart, saved.created_by) == ("bars", "ben")


async def test_nobody_but_a_lead_changes_what_somebody_else_saved(engine):
    queries = SavedQueries(engine)
    await queries.put("mine", "select 1", "table", "ben", leads=False)
    with pytest.raises(UserError, match="somebody else"):
        await queries.put("mine", "select 2", "table", "eve", leads=False)
    with pytest.raises(UserError, match="no query"):
        await queries.remove("mine", "eve", leads=False)
    await queries.put("mine", "select 3", "line", "cleo", leads=True)
    assert [q.statement for q in await queries.list()] == ["select 3"]
    await queries.remove("mine", "ben", leads=False)


async def test_nobody_takes_every_place_of_the_saved_questions(engine, monkeypatch):
    monkeypatch.setattr("stream.desk.saved_queries.MOST_OF_ONE", 2)
    queries = SavedQueries(engine)
    for name in ("one", "two", "one"):
        await queries.put(name, "select 1", "table", "ben", leads=False)
    with pytest.raises(UserError, match="you saved 2 queries already"):
        await queries.put("three", "select 1", "table", "ben", leads=False)
    await queries.put("three", "select 1", "table", "cleo", leads=False)


async def test_rest_keeps_questions(engine, postgres_url):
    made = open_engine(postgres_url)
    store = Stores(made, fold=worst, history_after=ANY_AGE)
    async with web(store, url=postgres_url) as address, Office(address, engine) as office:
        ben, vic = await office.person("ben", "agent"), await office.person("vic", "viewer")
        body = {"statement": "select 1", "chart": "bars"}
        assert (await ben("PUT", "/v1/queries/one", body)).status == 204
        assert (await vic("PUT", "/v1/queries/two", body)).status == 403
        [told] = (await vic.get("/v1/queries")).told["queries"]
        assert (told["name"], told["chart"]) == ("one", "bars")
        assert (await ben("DELETE", "/v1/queries/none")).status == 404
        assert (await ben("DELETE", "/v1/queries/one")).status == 204
    await made.dispose()


async def test_single_keys_can_be_switched_off_and_stay_off(ben):
    await ben.go("/")
    await ben.page.locator("a.line").first.wait_for()
    switch = ben.page.get_by_role("button", name="Shortcuts of single keys")
    await expect(switch).to_have_attribute("aria-pressed", "true")
    await ben.press("/")
    await expect(ben.page.locator("input:focus")).to_have_count(1)
    await switch.click()
    await expect(switch).to_have_attribute("aria-pressed", "false")
    await ben.press("/")
    await expect(ben.page.locator("input:focus")).to_have_count(0)
    await ben.go("/")
    await expect(switch).to_have_attribute("aria-pressed", "false")
