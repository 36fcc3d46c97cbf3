"""A call in the console, in a real Chromium: both sides, and the moment at which it soured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from browsing import person
from history import NOON, tweet
from playwright.async_api import expect
from sqlalchemy import text

from connectors.events import Transcript
from models.analysis import Call, Moment
from models.calls.sides import Utterance
from stream.triage.judgement import Judgement

TURNS = (
    Utterance("agent", "Thank you for calling Northwind Air, Priya speaking.", at=0.0),
    Utterance("customer", "My bag has been missing for four days.", at=4.2),
    Utterance("agent", "I see. It is on its way.", at=65.0),
    Utterance("customer", "That is what you said on Monday! I am sick of this.", at=71.5),
    Utterance("agent", "I will ask my supervisor. <b>One moment.</b>", at=80.0),
)


def call() -> Judgement:
    """A call in which the second turn of the customer is too much."""
    like = tweet(1, 92)
    assert like.analysis is not None
    trajectory = (Moment(1, -0.4, 41.0, 0.2, 4.2), Moment(3, -0.9, 92.0, 0.7, 71.5))
    analysis = replace(
        like.analysis,
        call=Call(5, 2, None, trajectory, soured=trajectory[1], soured_words=TURNS[3].text),
    )
    event = Transcript.model_validate(
        {
            "id": "call:1",
            "conversation": "call:1",
            "occurred_at": NOON,
            "author": "jo",
            "turns": [{"speaker": turn.speaker, "text": turn.text} for turn in TURNS],
        }
    )
    return Judgement(event, event.text, "Northwind Air", analysis, turns=TURNS)


async def test_both_sides_of_a_call_stand_across_from_each_other_with_the_moment_it_soured(
    store, ben
):
    await store.save([call()])
    await ben.go("/tickets/call:1")

    turns = ben.page.locator(".turns > li")
    await expect(turns).to_have_count(5)
    await expect(turns.locator(".words")).to_have_text([turn.text for turn in TURNS])
    await expect(turns.locator(".speaker b")).to_have_text(
        ["Northwind Air, agent", "jo"] * 2 + ["Northwind Air, agent"]
    )
    await expect(turns.nth(3).locator(".speaker")).to_contain_text("1:11")
    sour = ben.page.locator(".turns .sour")
    await expect(sour).to_have_count(1)
    await expect(turns.nth(3).locator(".sour")).to_contain_text("loses patience")
    await expect(ben.page.locator(".course circle.soured")).to_have_count(1)
    edges = [await turns.nth(at).bounding_box() for at in (0, 1)]
    assert edges[0] is not None
    assert edges[1] is not None
    assert edges[0]["x"] > edges[1]["x"], "the agent stands on the right"
    await ben.shoot("call")


async def test_a_call_does_not_widen_a_phone(store, chromium, site):
    await store.save([call()])
    async with person(chromium, site, phone=True) as vic:
        await vic.log_in("vic")
        await vic.go("/tickets/call:1")
        await expect(vic.page.locator(".turns > li")).to_have_count(5)

        wide = await vic.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
        await vic.page.locator(".turns").scroll_into_view_if_needed()
        await vic.shoot("call-phone")


@pytest.mark.parametrize("words", ["My bag has been missing for four days."])
async def test_a_call_stored_before_both_sides_were_shows_the_customers(store, engine, ben, words):
    await store.save([call()])
    async with engine.begin() as connection:
        await connection.execute(text("update events set turns = null"))
    await ben.go("/tickets/call:1")

    turns = ben.page.locator(".turns > li")
    await expect(turns).to_have_count(2)
    await expect(turns.first.locator(".words")).to_have_text(words)
