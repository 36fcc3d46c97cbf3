"""Canned answers and the replies that wait, in the live console in a real Chromium."""

from __future__ import annotations

from browsing import confirm, person
from drafted import GOOD, PROMISE, drafted
from history import SEVERE, tweet
from playwright.async_api import expect

from stream.desk.actions import Claim
from stream.desk.canned import Canned, Wording
from stream.desk.tickets import Desk
from stream.replies.store import Replies

SORRY = "So sorry, {name}. Please send us a direct message so that we can look into it."


async def test_a_slash_and_a_name_put_the_words_there_and_the_rest_goes_along(store, engine, ben):
    await store.save([tweet(1, 95, text=SEVERE, author="Ada_B")])
    canned = Canned(engine)
    await canned.add(Wording("sorry", SORRY, None, "waiting", ("dm",)), "lea")
    await canned.add(Wording("storm", "Sorry, {name}, it is the storm."), "lea")
    await canned.add(Wording("foreign", "Not for this brand.", "Other"), "lea")
    await ben.go("/tickets/x:1")
    await ben.sees("No reply was drafted.")

    await ben.press("e")
    words = ben.page.get_by_label("The words of the reply")
    await words.press_sequentially("/s")
    options = ben.page.get_by_role("option")
    await expect(options).to_have_count(2)
    await expect(options.first).to_contain_text("/sorry")
    await ben.shoot("canned-slash")
    await words.press("Enter")
    await expect(words).to_have_value(
        "So sorry, Ada_B. Please send us a direct message so that we can look into it."
    )
    await ben.sees("the policy has nothing against it")
    await ben.sees("waits for the customer, tag dm", exact=False)
    await ben.press("Control+Enter")
    await ben.sees("approved, waits for a worker to send it")
    await expect(ben.page.locator(".ticket-facts b")).to_have_text("waiting")

    row = await Desk(engine).ticket("x:1")
    [reply] = await Replies(engine).newest(ticket="x:1")
    assert (row["state"], row["tags"]) == ("waiting", ["dm"])
    assert (reply["text"][:16], reply["approved_by"]) == ("So sorry, Ada_B.", "ben")


async def test_a_macro_without_words_acts_at_once_from_its_button(store, engine, ben):
    await store.save([tweet(1, 95, text=SEVERE)])
    await Canned(engine).add(Wording("spam", "", None, "resolved", ("spam",)), "lea")
    await ben.go("/tickets/x:1")

    await ben.page.get_by_role("button", name="Canned").click()
    await ben.page.get_by_role("option", name="/spam").click()

    await expect(ben.page.locator(".ticket-facts b")).to_have_text("resolved")
    assert (await Desk(engine).ticket("x:1"))["tags"] == ["spam"]


async def test_what_waits_is_approved_by_one_key_and_what_is_refused_stays(store, engine, ben):
    await store.save(
        [tweet(1, 95, text=SEVERE), tweet(2, 60, text="my bag did not come", author="cleo")]
    )
    await Desk(engine).act("x:2", Claim(), "ben")
    promise = await drafted(engine, PROMISE)
    good = await drafted(engine, GOOD, ticket="x:2")
    await ben.go("/replies")
    rows = ben.page.locator(".waiting-list > li")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("alarm pendant")
    await expect(rows.first).to_contain_text("it promises")
    await ben.shoot("replies-waiting")

    await ben.press("a")
    await ben.sees("the policy refuses these words", exact=False)
    await ben.press("j", "a")
    await expect(rows).to_have_count(1)
    replies = Replies(engine)
    assert (await replies.find(promise))["state"] == "draft"
    assert (await replies.find(good))["state"] == "approved"

    await ben.page.get_by_role("button", name="On their way").click()
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_contain_text("cleo")
    await ben.page.get_by_role("button", name="Mine").click()
    await expect(rows).to_have_count(1)
    await ben.page.get_by_role("button", name="Do not send it").click()
    await ben.sees("Nothing waits here")
    assert (await replies.find(good))["state"] == "discarded"


async def test_a_lead_writes_a_canned_answer_and_an_agent_only_reads_it(
    store, engine, site, chromium
):
    await store.save([tweet(1, 95)])
    async with person(chromium, site) as ada, person(chromium, site, phone=True) as ben:
        await ada.log_in("ada")
        await ada.go("/canned")
        await ada.page.get_by_role("button", name="Write one").click()
        form = ada.page.get_by_role("form", name="A canned answer")
        await form.get_by_label("Name, after the /").fill("refund")
        await form.get_by_label("Words").fill("Dear {nmae}, please write to us.")
        await form.get_by_role("button", name="Keep it").click()
        await ada.sees("{nmae} is no slot", exact=False)
        await form.get_by_label("Words").fill("Sorry, {name}. We promise a refund.")
        await form.get_by_label("The ticket then").select_option("is resolved")
        await form.get_by_label("Tags, with commas").fill("refund, dm")
        await form.get_by_role("button", name="Keep it").click()
        await expect(form).to_have_count(0)
        row = ada.page.locator(".canned-rows > li")
        await expect(row).to_contain_text("resolved, tag refund, tag dm")
        await expect(row).to_contain_text("The policy:")
        await ada.shoot("canned-page")

        await ben.log_in("ben")
        await ben.go("/canned")
        await ben.sees("/refund")
        await expect(ben.page.get_by_role("button", name="Change /refund")).to_have_count(0)
        await ben.shoot("canned-page-phone")
        await ben.go("/replies")
        await ben.sees("Nothing waits here")
        await ben.shoot("replies-phone")

        await ada.page.get_by_role("button", name="Change /refund").click()
        await form.get_by_label("Words").fill("Sorry, {name}. Please write to us.")
        await form.get_by_role("button", name="Change it").click()
        await expect(form).to_have_count(0)
        assert await confirm(ada.page.get_by_role("button", name="Remove /refund")) == "Sure?"
        await ada.sees("No canned answers so far")
        assert await Canned(engine).every() == []
        assert ada.wrong == ben.wrong == []
