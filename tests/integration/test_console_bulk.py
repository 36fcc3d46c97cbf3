"""Acts on many tickets in the console, and undo, in a real Chromium."""

from __future__ import annotations

from datetime import timedelta

from browsing import lines, person, staff
from drafted import GOOD, drafted
from history import tweet
from people import quick_people
from playwright.async_api import expect
from serving import web

from stream.desk.actions import Claim
from stream.desk.tickets import Desk
from stream.replies.store import Replies

TEXTS = ("my bag is gone", "two hours on hold", "still no refund", "the app is down")


async def four(simple) -> None:
    await simple.save([tweet(n, 95 - 5 * n, text=text) for n, text in enumerate(TEXTS, 1)])


async def states(engine) -> list[str]:
    desk = Desk(engine)
    return [(await desk.ticket(f"x:{n}"))["state"] for n in range(1, 5)]


async def test_tickets_are_chosen_by_boxes_shift_and_keys_and_an_act_is_taken_back(
    simple, engine, ben
):
    await four(simple)
    page = ben.page
    boxes = page.get_by_role("checkbox", name="Choose:")
    await expect(boxes).to_have_count(4)
    bar = page.get_by_role("group", name="Acts on the chosen tickets")

    await boxes.nth(0).click()
    await boxes.nth(2).click(modifiers=["Shift"])
    await expect(bar).to_contain_text("3 chosen")
    await boxes.nth(1).click()
    await expect(bar).to_contain_text("2 chosen")
    await ben.shoot("bulk-chosen")
    await bar.get_by_role("button", name="Resolve").click()
    undo = page.get_by_role("button", name="Undo")
    await expect(page.locator(".undo")).to_contain_text("2 resolved.")
    await expect(lines(page)).to_have_count(2)
    await ben.shoot("bulk-undo")
    assert await states(engine) == ["resolved", "new", "resolved", "new"]
    await undo.click()
    await ben.sees("2 as before.")
    await expect(lines(page)).to_have_count(4)
    assert await states(engine) == ["new"] * 4

    await lines(page).nth(1).focus()
    await ben.press("v", "J")
    await expect(bar).to_contain_text("2 chosen")
    await ben.press("*")
    await expect(bar).to_contain_text("4 chosen")
    await bar.get_by_role("button", name="Tag").click()
    await page.get_by_label("The tag").fill("Outage")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.locator(".undo")).to_contain_text("4 tagged.")
    assert (await Desk(engine).ticket("x:4"))["tags"] == ["outage"]
    await expect(bar).to_have_count(0)


async def test_what_a_colleague_changed_meanwhile_stays_chosen_and_says_so(simple, engine, ben):
    await four(simple)
    page = ben.page
    await expect(lines(page)).to_have_count(4)
    await Desk(engine).act("x:1", Claim(), "ada")
    await expect(lines(page).first).to_contain_text("ada")
    await page.get_by_role("checkbox", name="Choose: my bag is gone").click()
    await page.get_by_role("checkbox", name="Choose: two hours on hold").click()
    await page.get_by_role("button", name="Claim").click()
    await expect(page.locator(".undo")).to_contain_text("1 claimed; 1 not: ada has this ticket")
    await expect(page.locator(".bulk")).to_contain_text("1 chosen")
    await ben.press("Escape")
    await expect(page.locator(".bulk")).to_have_count(0)


async def test_a_single_act_is_undone_by_a_key_and_leads_to_the_next_ticket_where_that_is_wished(
    simple, engine, ben
):
    await four(simple)
    page = ben.page
    await lines(page).first.click()
    facts = page.locator(".ticket-facts b")
    await expect(facts).to_have_text("new")
    await ben.press("r")
    await expect(facts).to_have_text("resolved")
    await ben.press("u")
    await expect(facts).to_have_text("new")
    await ben.sees("Undone.")

    await page.get_by_label("then the next").check()
    await page.locator(".ticket-name h1").click()
    await ben.press("r")
    await expect(page.locator(".talk")).to_contain_text("two hours on hold")
    await ben.shoot("bulk-next")
    assert await states(engine) == ["resolved", "new", "new", "new"]


async def test_an_approved_reply_is_taken_back_before_it_leaves(
    store, engine, chromium, postgres_url
):
    await staff(quick_people(engine))
    await store.save([tweet(1, 95, text="my bag is gone")])
    number = await drafted(engine, GOOD)
    async with (
        web(store, url=postgres_url, send_delay=timedelta(minutes=5)) as address,
        person(chromium, address, phone=True, colours="dark") as ben,
    ):
        await ben.log_in("ben")
        await expect(lines(ben.page)).to_have_count(1)
        await ben.page.get_by_role("checkbox", name="Choose:").click()
        await ben.shoot("bulk-phone")
        await ben.go("/tickets/x:1")
        await ben.page.get_by_role("button", name="Approve").click()
        await expect(ben.page.locator(".undo")).to_contain_text("It leaves in 300 seconds.")
        await ben.shoot("bulk-send-undo-phone")
        assert (await Replies(engine).find(number))["state"] == "approved"
        await ben.page.get_by_role("button", name="Undo").click()
        await ben.sees("drafted, waits for a person")
        assert (await Replies(engine).find(number))["state"] == "draft"
        assert ben.wrong == []


async def test_a_reply_approved_on_the_page_of_those_that_wait_is_taken_back_by_a_key(
    store, engine, chromium, postgres_url
):
    await staff(quick_people(engine))
    await store.save([tweet(1, 95, text="my bag is gone")])
    number = await drafted(engine, GOOD)
    async with (
        web(store, url=postgres_url, send_delay=timedelta(minutes=5)) as address,
        person(chromium, address) as ben,
    ):
        await ben.log_in("ben")
        await ben.go("/replies")
        await expect(ben.page.locator(".waiting-list > li")).to_have_count(1)
        await ben.press("a")
        await expect(ben.page.locator(".undo")).to_contain_text("It leaves in 300 seconds.")
        assert (await Replies(engine).find(number))["state"] == "approved"
        await ben.press("u")
        await ben.sees("Taken back: it is a draft again.")
        await expect(ben.page.locator(".waiting-list > li")).to_have_count(1)
        assert (await Replies(engine).find(number))["state"] == "draft"
        assert ben.wrong == []


async def test_who_only_looks_has_no_boxes(simple, site, chromium):
    await four(simple)
    async with person(chromium, site) as vic:
        await vic.log_in("vic")
        await expect(lines(vic.page)).to_have_count(4)
        await lines(vic.page).first.focus()
        await vic.press("v", "*")
        await expect(vic.page.get_by_role("checkbox")).to_have_count(0)
        await expect(vic.page.locator(".bulk")).to_have_count(0)
