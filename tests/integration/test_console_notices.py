"""Notices in the live console in a real Chromium: the bell, the tab, mentions, and being told."""

from __future__ import annotations

import asyncio
import re

from browsing import person
from history import SEVERE, tweet
from playwright.async_api import expect

from stream.desk.actions import Assign, Note
from stream.desk.notices import Notices
from stream.desk.tickets import Desk

# Keeps what a browser would show and counts the tones, in place of the machine's own.
BROWSER = """
    window.shown = [];
    window.rung = 0;
    window.Notification = class {
        constructor(title, more) { shown.push([title, more.body]); }
        static get permission() { return localStorage.allowed ? "granted" : "default"; }
        static async requestPermission() { localStorage.allowed = "yes"; return "granted"; }
    };
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...at) { rung += 1; return start.apply(this, at); };
"""


async def test_a_mention_is_completed_counted_in_the_tab_and_read_where_it_leads(
    store, engine, site, chromium, ben
):
    await store.save([tweet(1, 95, text=SEVERE)])
    async with person(chromium, site) as ada:
        await ada.log_in("ada")
        await ada.go("/monitor")
        await ben.go("/tickets/x:1")
        note = ben.page.get_by_label("A note for colleagues")
        await note.press_sequentially("look at this, @a")
        await expect(ben.page.get_by_role("option", name="@ada")).to_be_visible()
        await note.press("Enter")
        await expect(note).to_have_value("look at this, @ada ")
        await ben.page.get_by_role("button", name="Add the note").click()
        await ben.sees("look at this, @ada")

        await expect(ada.page).to_have_title(re.compile(r"^\(1\) Monitor"))
        await ada.page.get_by_role("link", name="Notices: 1 unread").click()
        await ada.sees("ben names you")
        await ada.shoot("notices")
        await ada.page.get_by_role("link", name="ben names you").click()
        await expect(ada.page.locator(".ticket-facts")).to_contain_text("x:1")
        await expect(ada.page).to_have_title(re.compile(r"^Ticket"))
        async with asyncio.timeout(60):  # it is read after the ticket is shown
            while (await Notices(engine).counts("ada")).unread:
                await asyncio.sleep(0.1)
        assert ada.wrong == []


async def test_a_given_ticket_rings_and_shows_a_note_where_that_was_asked_for(
    store, engine, site, chromium
):
    await store.save([tweet(1, 95, text=SEVERE), tweet(2, 60, text="my bag did not come")])
    async with person(chromium, site, permissions=["notifications"]) as ben:
        await ben.page.add_init_script(BROWSER)
        await ben.log_in("ben")
        await ben.go("/notices")
        await ben.sees("Nothing so far.", exact=False)
        await Desk(engine).act("x:2", Assign(owner="ben"), "ada")
        await ben.sees("ada gave you a ticket")
        assert await ben.page.evaluate("[shown.length, rung]") == [
            0,
            0,
        ]  # off until it is asked for

        await ben.page.get_by_role("switch", name="Sound off").click()
        await ben.page.get_by_role("switch", name="Notes of the browser off").click()
        await expect(ben.page.get_by_role("switch", name="Notes of the browser on")).to_be_visible()
        await Desk(engine).act("x:1", Note(text="@ben <b>please</b>"), "ada")
        await ben.page.wait_for_function("shown.length >= 2")
        assert await ben.page.evaluate("shown[1]") == ["ada names you", "@ben <b>please</b>"]
        assert await ben.page.evaluate("rung") >= 4
        await expect(ben.page.locator(".notice-list li.unread")).to_have_count(2)

        await ben.page.get_by_role("button", name="Mark all as read").click()
        await expect(ben.page.locator(".notice-list li.unread")).to_have_count(0)
        await ben.page.get_by_role("link", name="Assigned to me").click()
        await expect(ben.page.locator("a.line")).to_have_count(1)
        assert ben.wrong == []


async def test_notices_stand_on_a_phone_in_the_dark(store, engine, site, chromium):
    await store.save([tweet(1, 95, text=SEVERE)])
    await Desk(engine).act("x:1", Note(text="@vic can you look at this long note " * 4), "ada")
    async with person(chromium, site, phone=True, colours="dark") as vic:
        await vic.log_in("vic")
        await vic.go("/notices")
        await vic.sees("ada names you")
        await vic.shoot("notices-phone-dark")
        wide = await vic.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
        assert vic.wrong == []
