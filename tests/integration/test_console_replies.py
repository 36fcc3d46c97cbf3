"""Drafts and replies in the live console in a real Chromium: read, changed, approved, refused."""

from __future__ import annotations

import asyncio

from browsing import lines
from drafted import GOOD, PROMISE, drafted
from history import SEVERE, tweet
from playwright.async_api import expect
from sqlalchemy import text

from stream.desk.corrections import Corrections
from stream.desk.tickets import Desk
from stream.replies.store import Replies
from stream.web.console.ticket_page import TicketView


async def test_a_ticket_is_worked_by_keys_alone(store, engine, ben):
    await store.save([tweet(1, 95, text=SEVERE), tweet(2, 60, text="my bag did not come")])
    await drafted(engine, GOOD, PROMISE)
    await expect(lines(ben.page)).to_have_count(2)

    await ben.press("j", "Enter")
    await ben.sees("Why P1, priority 100")
    await ben.press("c")
    await ben.sees("yours", exact=True)
    await ben.press("x", "u")
    await ben.sees("says ben")
    await ben.press("e")
    words = ben.page.get_by_label("The words of the reply")
    await words.fill("Sorry about your line. We will refund you, we guarantee it.")
    await ben.sees("it promises an outcome that nobody has checked")
    await words.fill(GOOD.text.replace("So sorry", "We are sorry"))
    await ben.sees("the policy has nothing against it")
    await ben.sees("90 of 280")
    await ben.press("Control+Enter")
    await ben.sees("approved, waits for a worker to send it")
    await ben.press("r")
    await expect(ben.page.locator(".ticket-facts b")).to_have_text("resolved")
    await ben.shoot("ticket-resolved")
    await expect(lines(ben.page)).to_have_count(1)

    row = await Desk(engine).ticket("x:1")
    assert (row["owner"], row["state"]) == ("ben", "resolved")
    [fixed] = await Corrections(engine).of(["x:1"])
    assert (fixed["field"], fixed["said"], fixed["should_be"], fixed["who"]) == (
        *("sentiment", "negative", "neutral"),
        "ben",
    )
    [reply] = await Replies(engine).newest(ticket="x:1")
    assert (reply["state"], reply["approved_by"]) == ("approved", "ben")
    assert reply["text"].startswith("We are sorry")


async def test_what_one_changes_is_shown_with_its_outcome_and_never_before(
    store, engine, ben, monkeypatch
):
    """Who saw it before could press a key that their page, which still waits, does not take."""
    told, act, tell = [], Desk.act, TicketView.tell

    async def act_slowly(desk, *given, **more):
        done = await act(desk, *given, **more)
        await asyncio.sleep(1)  # in which the page reads what was changed
        return done

    def keep(view, **props):
        told.append(props)
        tell(view, **props)

    await store.save([tweet(1, 95, text=SEVERE)])
    await ben.go("/tickets/x:1")
    await ben.sees("Why P1, priority 100")
    monkeypatch.setattr(Desk, "act", act_slowly)
    monkeypatch.setattr(TicketView, "tell", keep)

    await ben.press("c")
    await ben.sees("yours", exact=True)
    await ben.press("r")
    await expect(ben.page.locator(".ticket-facts b")).to_have_text("resolved")

    said = [
        "outcome" if "outcome" in props else (props.get("ticket") or {}).get("owner")
        for props in told
    ]
    assert "outcome" in said[: said.index("ben")]


async def test_a_refused_draft_says_why_and_goes_only_when_it_is_said_twice(store, engine, ben):
    await store.save([tweet(1, 95, text=SEVERE)])
    number = await drafted(engine, PROMISE)
    await ben.go("/tickets/x:1")
    await ben.sees("it promises")

    await ben.press("a")
    await ben.sees("the policy refuses these words", exact=False)
    assert (await Replies(engine).find(number))["state"] == "draft"

    await ben.page.get_by_role("button", name="Approve anyway").click()
    await ben.sees("approved, waits for a worker to send it")
    async with engine.connect() as connection:
        details = (
            await connection.execute(text("select details from audit where action = 'approve'"))
        ).scalar_one()
    assert "promise" in details["despite"]


async def test_a_draft_that_became_one_too_many_opens_with_the_reason_and_a_way_on(
    store, engine, ben
):
    """Nothing was against it when it was drafted; by now the same words went to somebody else."""
    await store.save([tweet(1, 95, text=SEVERE), tweet(2, 90, text=SEVERE)])
    first = await drafted(engine, GOOD)
    number = await drafted(engine, GOOD, ticket="x:2")
    await Replies(engine).approve(first, "ada")
    await ben.go("/tickets/x:2")
    await ben.sees("drafted, waits for a person")

    await ben.press("a")

    await expect(ben.page.locator(".refusals")).to_contain_text("the same text was sent lately")
    await expect(ben.page.get_by_label("The words of the reply")).to_be_focused()
    await ben.page.get_by_role("button", name="Approve anyway").click()
    await ben.sees("approved, waits for a worker to send it")
    assert (await Replies(engine).find(number))["state"] == "approved"


async def test_words_that_were_begun_wait_where_they_were_begun(store, engine, ben):
    await store.save([tweet(1, 95, text=SEVERE), tweet(2, 60, text="my bag did not come")])
    number = await drafted(engine, GOOD)
    await ben.go("/tickets/x:1")
    await ben.sees(GOOD.text)
    await ben.press("e")
    words, note = (
        ben.page.get_by_label("The words of the reply"),
        ben.page.get_by_label("A note for colleagues"),
    )
    await words.fill("So sorry, I am looking into your line")
    await note.fill("ask the network team")

    await lines(ben.page).filter(has_text="my bag did not come").click()
    await expect(note).to_have_value("")
    await expect(words).to_have_count(0)
    await lines(ben.page).filter(has_text="alarm pendant").click()
    await expect(words).to_have_value("So sorry, I am looking into your line")
    await expect(note).to_have_value("ask the network team")

    await Replies(engine).approve(number, "ada")
    await ben.sees("ada was first")
    await expect(words).to_have_value("So sorry, I am looking into your line")


async def test_two_people_at_one_reply_are_shown_each_others_words_before_anything_is_sent(
    store, engine, ben
):
    await store.save([tweet(1, 95, text=SEVERE)])
    replies, number = Replies(engine), await drafted(engine, GOOD)
    await ben.go("/tickets/x:1")
    await ben.sees(GOOD.text)
    await ben.press("e")
    words = ben.page.get_by_label("The words of the reply")
    await words.fill("So sorry, I am looking into your line.")

    await replies.edit(number, "ada", "Sorry! Is your mother safe? Please call us.")
    await ben.sees("changed the reply while you wrote")
    await ben.sees("Is your mother safe?")
    await ben.press("Control+Enter")
    await ben.sees("ada changed this reply before you")
    await ben.shoot("lost-reply")
    assert (await replies.find(number))["state"] == "draft"

    await ben.page.get_by_role("button", name="Leave it so").click()
    await ben.page.get_by_role("button", name="Keep mine").click()
    await expect(words).to_have_value("So sorry, I am looking into your line.")
    await ben.press("Control+Enter")
    await ben.sees("approved, waits for a worker to send it")
    row = await replies.find(number)
    assert (row["text"], row["approved_by"]) == ("So sorry, I am looking into your line.", "ben")


async def test_words_that_changed_under_ones_hands_are_not_approved_by_the_page_either(
    store, engine, ben
):
    await store.save([tweet(1, 95, text=SEVERE)])
    replies, number = Replies(engine), await drafted(engine, GOOD)
    await ben.go("/tickets/x:1")
    await ben.sees(GOOD.text)
    await replies.edit(number, "ada", "Sorry! Is your mother safe? Please call us.")
    await ben.sees("Is your mother safe?")

    await ben.page.evaluate(
        """number => {
            const answers = (part) => part?.$options?.emits?.includes?.("approve");
            const view = Object.values(mounted_app.$refs).find(answers);
            view.answer("approve", { reply: number, version: 0, text: null, anyway: false });
        }""",
        number,
    )

    await ben.sees("ada changed this reply before you")
    await expect(ben.page.get_by_role("button", name="Do it all the same")).to_have_count(0)
    assert (await replies.find(number))["state"] == "draft"
