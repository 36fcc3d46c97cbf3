"""The lane of messages in a language that no model reads: in a terminal, REST and the console."""

from __future__ import annotations

import io
import re

import pytest
from desk_client import Office
from history import ANY_AGE, tweet
from playwright.async_api import expect
from rich.console import Console
from rows import do
from serving import web
from stores import Stores

from models.analysis import Analysis
from stream.accounts.api_keys import ApiKeys
from stream.cli import show
from stream.postgres.database import open_engine
from stream.triage.fold import fold


def foreign(number: int, text: str, language: str | None = "es"):
    judgement = tweet(number, None, text=text)
    analysis = Analysis(text, language, "m1", abstained=language != "en", why="language")
    return type(judgement)(judgement.event, text, judgement.brand, analysis)


@pytest.fixture
async def store(postgres_url):
    engine = open_engine(postgres_url)
    store = Stores(engine, fold=fold, history_after=ANY_AGE)
    await store.save(
        [
            foreign(1, "mi router no funciona desde ayer"),
            foreign(2, "hay fuego en la oficina, llamen a los bomberos"),
            foreign(3, "my flight was cancelled and nobody answers the phone, why?", "en"),
        ]
    )
    yield store
    await engine.dispose()


async def test_the_lane_is_listed_by_itself_with_its_language(store):
    rows = await store.list_tickets(unread=True)

    assert [(row["id"], row["level"], row["unread_language"]) for row in rows] == [
        ("x:2", "P2", "es"),
        ("x:1", "P4", "es"),
    ]
    assert len(await store.list_tickets()) == 3
    told = io.StringIO()
    show.tickets(Console(file=told, width=200), rows)
    assert told.getvalue().count("(unread language: es)") == 2
    assert "fuego" in told.getvalue().partition("Words of danger")[2]


async def test_the_lane_of_tickets_that_left_the_queue(store, postgres_url):
    await do(postgres_url, "update tickets set state = 'resolved' where id in ('x:1', 'x:3')")

    rows = await store.list_tickets(state="resolved", unread=True)

    assert [(row["id"], row["unread_language"]) for row in rows] == [("x:1", "es")]
    assert await store.list_tickets(state="settled", unread=True) == []


async def test_rest_filters_the_lane_and_names_the_language(store, postgres_url):
    engine = open_engine(postgres_url)
    async with (
        web(store, url=postgres_url, keys=ApiKeys(engine)) as address,
        Office(address, engine) as office,
    ):
        ada = await office.person("ada", "viewer")
        found = (await ada.get("/v1/tickets?unread=true")).told["tickets"]
        every = (await ada.get("/v1/tickets")).told["tickets"]
    await engine.dispose()

    assert [(each["id"], each["unread_language"]) for each in found] == [
        ("x:2", "es"),
        ("x:1", "es"),
    ]
    assert {each["id"]: each["unread_language"] for each in every}["x:3"] is None


async def test_the_console_has_a_tile_for_the_lane_and_names_the_language(store, ben):
    await ben.go("/")
    page = ben.page
    tile = page.get_by_role("button", name="unread language 2")
    await tile.click()

    lines = page.locator("a.line")
    await expect(lines).to_have_count(2)
    await expect(lines.first).to_contain_text("Spanish")
    await expect(page).to_have_url(re.compile(r"unread=1"))
    await lines.first.click()
    await expect(page.get_by_role("note")).to_contain_text("no model reads (Spanish)")


# Figures as a busy desk has them; what of the filters' words their fields do not show.
_BUSY = "document.querySelectorAll('.tile b').forEach((count) => { count.textContent = '88'; })"
_CUT = """[...document.querySelectorAll('.filters select')].filter((field) => {
    const style = getComputedStyle(field), pen = document.createElement('canvas').getContext('2d');
    pen.font = style.font;
    const arrow = 18, room = field.clientWidth - parseFloat(style.paddingLeft) - arrow;
    return pen.measureText(field.selectedOptions[0].text).width > room;
}).map((field) => field.getAttribute('aria-label'))"""


async def test_the_tile_of_the_lane_cuts_no_filter_and_no_tile(store, ben):
    await ben.go("/")
    page = ben.page
    tile = page.get_by_role("button", name="unread language")
    await expect(tile).to_be_visible()
    await page.evaluate(_BUSY)
    assert await page.evaluate(_CUT) == []
    await page.locator("a.line").first.click()
    await expect(page.locator(".ticket-name h1")).to_be_visible()
    await page.evaluate(_BUSY)
    queue, shown = await page.locator(".queue").bounding_box(), await tile.bounding_box()
    assert shown["x"] + shown["width"] <= queue["x"] + queue["width"]
