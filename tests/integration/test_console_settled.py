"""A ticket that its customer settles, in the console: shown, undone, opened again, its alert taken
back; in a real Chromium, by the real fold.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from browsing import lines
from history import NOON, answer, tweet
from playwright.async_api import expect

SMOKE = "@VoltLine smoke is coming out of your router, it burnt my hand"
ASKED = "Please unplug it. Are you all right?"
OVER = "All good now, the smoke is gone. Thank you so much!"
SETTLED = "settled by the customer"


def story():
    """A P1 of this minute, the brand's answer, and the customer's word that it is over."""
    now = (datetime.now(UTC) - NOON).total_seconds() / 60
    return [
        tweet(1, 90, minute=now - 3, text=SMOKE),
        answer(2, of=1, minute=now - 2, text=ASKED),
        tweet(3, 5, of=1, minute=now - 1, text=OVER),
    ]


async def test_the_customers_last_word_closes_an_open_page_and_a_person_undoes_it(store, ben):
    first, answered, over = story()
    await store.save([first, answered])
    await lines(ben.page).filter(has_text="smoke is coming").click()
    level = ben.page.locator(".ticket-name .level")
    facts = ben.page.locator(".ticket-facts")
    await expect(level).to_have_text("P1")

    await store.save([over])

    await expect(level).to_have_text("P4")
    await expect(facts).to_contain_text(SETTLED)
    await expect(lines(ben.page)).to_have_count(0)
    await expect(ben.page.get_by_role("button", name="Resolve")).to_have_count(0)
    await ben.shoot("settled-by-the-customer")

    undo = ben.page.get_by_role("button", name="Re-open")
    await expect(undo).to_have_attribute(
        "title", "Not settled: back into the queue with all its weight"
    )
    await undo.click()

    await expect(level).to_have_text("P1")
    await expect(facts).not_to_contain_text(SETTLED)
    await expect(lines(ben.page)).to_have_count(1)
    await ben.sees("re-opened: not settled")


async def test_a_settled_ticket_is_listed_as_such_and_the_next_message_opens_it_again(store, ben):
    await store.save(story())
    await ben.go("/?state=settled")
    line = lines(ben.page).filter(has_text=SETTLED)
    await expect(line).to_have_count(1)
    await line.click()
    level = ben.page.locator(".ticket-name .level")
    await expect(level).to_have_text("P4")

    now = (datetime.now(UTC) - NOON).total_seconds() / 60
    await store.save([tweet(4, 95, of=1, minute=now, text=f"It is back: {SMOKE}")])

    await expect(level).to_have_text("P1")
    await expect(ben.page.locator(".ticket-facts")).not_to_contain_text(SETTLED)
    await ben.sees("the customer wrote again")
    await ben.go("/")
    await expect(lines(ben.page).filter(has_text="It is back")).to_have_count(1)


async def test_its_p1_alert_leaves_the_page_of_alerts(store, ben):
    first, answered, over = story()
    await store.save([first, answered])
    await ben.go("/alerts")
    await ben.sees("smoke is coming")

    await store.save([over])

    await ben.sees("Nothing waits for anybody")
    await ben.page.get_by_role("button", name=re.compile("^Over")).click()
    await ben.sees("smoke is coming")
    await ben.sees("over since")
    await ben.shoot("alert-taken-back")
