"""Priorities by hand in the console, in a real Chromium: one key, or a reason."""

from __future__ import annotations

from browsing import lines
from history import answer, tweet
from playwright.async_api import expect

from stream.desk.corrections import Corrections


async def test_one_key_sets_a_level_and_another_takes_it_back(store, engine, ben):
    await store.save([tweet(1, 85, text="my bag did not come"), tweet(2, 55, text="still down")])
    await lines(ben.page).filter(has_text="still down").click()
    level = ben.page.locator(".ticket-name .level")
    before = await level.inner_text()

    await ben.press("1")
    await expect(level).to_have_text("P1")
    await expect(ben.page.get_by_label("Why P1")).to_contain_text("ben set P1: by a look at it")
    await expect(lines(ben.page).first).to_contain_text("still down")
    [label] = await Corrections(engine).labels("level")
    assert (label.better, label.actor) == ("P1", "ben")
    await ben.shoot("priority-by-hand")

    await ben.press("0")
    await expect(level).to_have_text(before)
    await expect(ben.page.get_by_text("ben set P1", exact=False)).to_have_count(0)


async def test_a_level_is_set_with_a_reason_that_colleagues_read(store, ben):
    await store.save([tweet(1, 55, text="still down")])
    await lines(ben.page).filter(has_text="still down").click()
    await expect(ben.page.locator(".ticket-name .level")).to_be_visible()

    await ben.press("p")
    sheet = ben.page.get_by_role("dialog", name="How urgent is it?")
    await sheet.get_by_label("Why, for colleagues").fill("her pendant 2 rooms off")
    await ben.shoot("priority-sheet")
    await sheet.get_by_role("button", name="P2").click()

    await expect(ben.page.locator(".ticket-name .level")).to_have_text("P2")
    why = ben.page.get_by_label("Why P2")
    await expect(why).to_contain_text("ben set P2: her pendant 2 rooms off")
    await ben.sees("priority P2: her pendant 2 rooms off")

    await store.save([answer(2, of=1, minute=1), tweet(3, 55, of=1, minute=2, text="hello?")])
    await ben.sees("hello?")
    await expect(ben.page.locator(".ticket-name .level")).to_have_text("P2")


async def test_who_only_looks_has_no_keys_for_it(store, site, chromium):
    from browsing import person

    await store.save([tweet(1, 55, text="still down")])
    async with person(chromium, site) as vic:
        await vic.log_in("vic")
        await lines(vic.page).filter(has_text="still down").click()
        level = vic.page.locator(".ticket-name .level")
        before = await level.inner_text()
        await vic.press("1", "p")
        await expect(vic.page.get_by_role("dialog")).to_have_count(0)
        await expect(level).to_have_text(before)
