"""Conversations merged, split, linked and heard elsewhere, in the live console in Chromium."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from browsing import lines, staff
from history import judged, tweet
from people import quick_people
from playwright.async_api import expect
from rows import ask
from serving import web

from connectors.events import decode
from stream.desk.tickets import Desk
from stream.triage.judgement import Judgement

INCIDENT = (
    "insert into incidents (id, brand, title, severity, started_at, evidence, version)"
    " values ('i1', 'Northwind Air', 'bags lost: Oslo', 7, now(), '{}', 1)"
)


@pytest.fixture
def heard():
    """What the console publishes."""
    return []


@pytest.fixture
async def site(simple, engine, postgres_url, heard):
    async def publish(messages):
        heard.extend(messages)

    await staff(quick_people(engine))
    async with web(simple, url=postgres_url, publish=publish) as address:
        yield address


async def choose(page, tab):
    await page.keyboard.press("m")
    sheet = page.get_by_role("dialog", name="The conversation")
    await sheet.get_by_role("button", name=tab, exact=True).click()
    return sheet


async def test_a_conversation_is_merged_split_linked_and_heard_elsewhere_and_each_is_undone(
    simple, engine, postgres_url, heard, ben
):
    await simple.save(
        [
            tweet(1, 95, text="my bag did not come"),
            tweet(2, 60, text="still no bag, flight 4", minute=5),
            tweet(4, 70, of=1, text="and you charged me twice", minute=9),
        ]
    )
    await ask(postgres_url, INCIDENT)
    page = ben.page
    ids = page.locator(".ticket-facts .mono")
    undo = page.get_by_role("button", name=re.compile("Undo"))
    messages = page.locator(".message .text")
    await ben.go("/tickets/x:2")
    await expect(page.get_by_label("The person")).to_contain_text("my bag did not come")

    sheet = await choose(page, "Merge")
    await sheet.get_by_text("my bag did not come").click()
    await ben.shoot("join-merge")
    await sheet.get_by_role("button", name="Merge", exact=True).last.click()
    await expect(ids).to_have_text("x:1")
    await expect(messages).to_have_count(3)
    await expect(lines(page)).to_have_count(1)
    await ben.shoot("join-merged")
    await undo.click()
    await expect(messages).to_have_count(2)
    await expect(lines(page)).to_have_count(2)

    sheet = await choose(page, "Split")
    await sheet.get_by_text("and you charged me twice").click()
    await ben.shoot("join-split")
    await sheet.get_by_role("button", name="Split off").click()
    await expect(messages).to_have_count(1)
    await expect(lines(page)).to_have_count(3)
    await ben.shoot("join-split-off")

    sheet = await choose(page, "Incident")
    await ben.shoot("join-link")
    await sheet.get_by_role("button", name="bags lost: Oslo").click()
    await ben.sees("Part of an incident that goes on")
    sheet = await choose(page, "Incident")
    await sheet.get_by_role("button", name="Take it out of its incident").click()
    await expect(page.get_by_text("Part of an incident")).to_have_count(0)
    await undo.click()
    await ben.sees("Part of an incident that goes on")

    sheet = await choose(page, "Add words")
    await sheet.get_by_label("What the customer said elsewhere").fill("He rang: it is at gate 4.")
    await sheet.get_by_label("How").select_option("in person")
    await ben.shoot("join-hear")
    await sheet.get_by_role("button", name="Add it").click()
    await ben.sees("added what they said in person")
    said = next(message for message in heard if b"gate 4" in message.value)
    event = decode(said.value)
    words = "He rang: it is at gate 4."
    await simple.save([Judgement(event, words, event.brand, judged(words, 90.0, "baggage"))])
    await expect(messages).to_have_text(["my bag did not come", words])
    await ben.shoot("join-heard")
    await undo.click()
    await ben.sees("undid: added what they said in person")
    async with asyncio.timeout(60):  # it is published after it is kept
        while json.loads(heard[-1].value) == json.loads(said.value):
            await asyncio.sleep(0.1)
    assert json.loads(heard[-1].value)["id"] == event.id

    assert (await Desk(engine).incident("x:1"))["id"] == "i1"
    assert (await Desk(engine).ticket("x:4"))["messages"] == 1
