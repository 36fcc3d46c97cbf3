"""The live console in a real Chromium, over a real Postgres: what people see, do and may not do."""

from __future__ import annotations

import asyncio
import gc
import re
from dataclasses import replace

import pytest
from browsing import lines, person, staff
from drafted import GOOD, PROMISE, drafted
from history import SEVERE, answer, tweet
from nicegui import Client
from people import quick_people
from playwright.async_api import expect
from serving import web
from sqlalchemy import text
from stores import Stores

from stream.desk.actions import Claim, Resolve
from stream.desk.tickets import Desk
from stream.postgres.database import open_engine
from stream.postgres.schema import migrate
from stream.web.console.ticket_page import TicketView


async def test_a_new_ticket_appears_in_an_open_queue_and_an_urgent_one_above_it(store, ben):
    await store.save([tweet(1, 60, text="my bag did not come")])
    await expect(lines(ben.page)).to_have_count(1)

    await store.save([tweet(2, 95, text=SEVERE)])

    await expect(lines(ben.page)).to_have_count(2)
    await expect(lines(ben.page).first).to_contain_text("alarm pendant")
    await expect(ben.page.locator(".tile.P1 b")).to_have_text("1")


async def test_filters_count_are_kept_in_the_address_and_come_back_with_it(store, ben):
    await store.save(
        [tweet(1, 60, text="my bag"), tweet(2, 95, text="my line"), tweet(3, 70, brand="Other")]
    )
    await ben.page.get_by_label("brand", exact=True).select_option(label="Other (1)")

    await expect(lines(ben.page)).to_have_count(1)
    assert ben.page.url.endswith("/?brand=Other")
    await ben.page.reload()
    await expect(lines(ben.page)).to_have_count(1)

    await ben.page.get_by_role("button", name="Show all").click()
    await ben.press("/")
    await expect(ben.page.get_by_role("searchbox")).to_be_focused()
    for typed in ("my", " li", "ne"):  # with rests: each is searched for, and none is a step back
        await ben.page.keyboard.type(typed)
        await expect(ben.page).to_have_url(re.compile(f"text=.*{typed.strip()}$"))
    await expect(ben.page.get_by_role("searchbox")).to_have_value("my line")
    await expect(lines(ben.page)).to_have_count(1)
    await ben.page.go_back()
    await expect(lines(ben.page)).to_have_count(3)


async def test_each_filter_counts_what_it_would_show_beside_the_others(store, ben):
    await store.save(
        [tweet(1, 60, text="my bag"), tweet(2, 95, text=SEVERE), tweet(3, 70, brand="Other")]
    )
    brand, owner = (ben.page.get_by_label(name, exact=True) for name in ("brand", "owner"))
    await expect(brand.locator("option")).to_have_text(
        ["All brands", "Northwind Air (2)", "Other (1)"]
    )
    await expect(owner.locator("option")).to_have_text(["Anybody's", "nobody's (3)"])

    await ben.page.locator(".tile.P1").click()

    await expect(lines(ben.page)).to_have_count(1)
    await expect(brand.locator("option")).to_have_text(["All brands", "Northwind Air (1)"])
    await expect(owner.locator("option")).to_have_text(["Anybody's", "nobody's (1)"])
    await expect(ben.page.locator(".tile.P1 b")).to_have_text("1")
    await brand.select_option(label="Northwind Air (1)")
    await ben.page.locator(".tile.P1").click()
    await expect(brand.locator("option")).to_have_text(
        ["All brands", "Northwind Air (2)", "Other (1)"]
    )
    await expect(ben.page.locator(".tile.P1 b")).to_have_text("1")


async def test_resolved_and_snoozed_tickets_are_shown_when_their_state_is_chosen(
    store, engine, ben
):
    await store.save([tweet(1, 60, text="my bag"), tweet(2, 95, text="my line")])
    await Desk(engine).act("x:1", Resolve(), "ada")
    state = ben.page.get_by_label("state", exact=True)
    await expect(state.locator("option")).to_have_text(
        ["Any state", "new (1)", "snoozed", "resolved"]
    )

    await state.select_option(label="resolved")

    await expect(lines(ben.page)).to_have_count(1)
    await expect(lines(ben.page).first).to_contain_text("my bag")
    await expect(lines(ben.page).first.locator(".clock")).to_contain_text("resolved")
    await expect(state.locator("option", has_text="resolved")).to_have_text("resolved (1)")
    await ben.shoot("queue-resolved")
    await state.select_option(label="new (1)")
    await expect(lines(ben.page).first).to_contain_text("my line")


async def test_a_long_queue_is_read_to_its_end_and_stays_live(store, engine, ben):
    await store.save([tweet(1, 60, text="my bag did not come")])
    async with engine.begin() as connection:
        await connection.execute(
            text("""
            insert into tickets select copy.* from tickets t, generate_series(1001, 3000) n,
                jsonb_populate_record(
                    t, jsonb_build_object('id', 'x:' || n, 'excerpt', 'my bag, number ' || n)
                ) copy
            where t.id = 'x:1'
        """)
        )
    further, scroll = (
        ben.page.locator(".further"),
        "to => document.querySelector('.lines').scrollTo(0, to)",
    )
    await expect(further).to_contain_text("200 of 2,001 are shown")
    await further.get_by_role("button", name="Show 200 more").click()
    await expect(further).to_contain_text("of 2,001 are shown")
    async with asyncio.timeout(240):
        while await further.count():  # the end comes into sight again and again, and brings more
            await ben.page.evaluate(scroll, 1_000_000)
            await ben.page.wait_for_timeout(100)
    await expect(ben.page.locator('[data-ticket="x:3000"]')).to_be_in_viewport()
    await ben.page.wait_for_function(  # what is far from sight is not drawn
        "document.querySelectorAll('a.line').length <= 150"
    )

    await store.save([tweet(2, 95, text=SEVERE)])
    await Desk(engine).act("x:2999", Claim(), "ada")
    await expect(ben.page.locator('[data-ticket="x:2999"] .whose')).to_contain_text("ada")
    await expect(ben.page.get_by_text("New P1: My line is down")).to_have_count(1)
    await ben.page.locator('[data-ticket="x:2998"]').focus()
    await ben.press("j", "j", "k")
    await expect(ben.page.locator('[data-ticket="x:2999"]')).to_be_focused()
    await ben.shoot("queue-long")
    await ben.page.evaluate(scroll, 0)
    await expect(lines(ben.page).first).to_contain_text("alarm pendant")

    await ben.page.locator(".tile.P1").click()
    await expect(lines(ben.page)).to_have_count(1)


async def test_what_customers_wrote_is_text_wherever_it_stands(store, ben):
    nasty = (
        "<img src=x onerror=alert(1)> {{ 7*7 }} `${1}` "
        "</script><script>alert(2)</script> my line is down!"
    )
    await store.save([tweet(1, 95, text=nasty, author='"><script>alert(3)</script>')])
    await expect(lines(ben.page)).to_contain_text("{{ 7*7 }}")

    await lines(ben.page).click()
    await ben.sees(nasty.removesuffix(" my line is down!"))

    await ben.page.reload()  # now in the page that is sent, not through its socket
    await ben.sees(nasty.removesuffix(" my line is down!"))
    assert await ben.page.locator("main img").count() == 0


async def test_what_was_trimmed_from_a_mail_is_folded_below_its_words(store, ben):
    history = "On 12 March 2026 Care wrote:\n> <img src=x onerror=alert(1)> my house is on fire"
    await store.save([replace(tweet(1, 95), trimmed=history), tweet(2, 80, of=1)])
    await ben.go("/tickets/x:1")
    await ben.sees("still waiting")

    trimmed = ben.page.locator("details.trimmed")
    await expect(trimmed).to_have_count(1)
    await expect(trimmed.locator("p")).not_to_be_visible()
    await trimmed.locator("summary").click()
    await expect(trimmed.locator("p")).to_be_visible()
    await expect(trimmed.locator("p")).to_have_text(history)


async def test_two_people_at_one_ticket_see_each_other_and_lose_nothing_unseen(
    store, chromium, site, ben
):
    await store.save([tweet(1, 95, text=SEVERE)])
    await ben.go("/tickets/x:1")
    await ben.sees(SEVERE[:40])
    async with person(chromium, site) as ada:
        await ada.log_in("ada")
        await ada.go("/tickets/x:1")
        await ada.sees("has this ticket open too")
        await ben.sees("has this ticket open too")

        await ben.page.get_by_label("A note for colleagues").fill("I am on it, give me ten minutes")
        await ben.page.get_by_role("button", name="Snooze").click()
        await ben.sees("Snooze until")
        await ada.press("c")
        await ada.sees("yours", exact=True)
        await ben.sees("claimed")
        await ben.press("1")

        await ben.sees("changed this ticket before you")
        await ben.sees("owner: none → ada")
        await expect(ben.page.get_by_label("A note for colleagues")).to_have_value(
            "I am on it, give me ten minutes"
        )
        await ben.shoot("lost-update")
        await expect(ben.page.locator("a.line .whose")).to_contain_text("ada")
        await ben.page.get_by_role("button", name="Do it all the same").click()
        await expect(ben.page.locator(".ticket-facts b")).to_have_text("snoozed")
    await expect(ben.page.get_by_text("has this ticket open too")).to_have_count(0)


async def test_a_conversation_that_goes_on_is_shown_at_once(store, ben):
    await store.save(
        [tweet(1, 70, text="my line is down"), tweet(9, 60, text="my bag did not come")]
    )
    await expect(lines(ben.page)).to_have_count(2)
    await ben.go("/tickets/x:1")
    await ben.sees("my line is down")
    await expect(lines(ben.page)).to_have_count(
        2
    )  # the queue beside it, read before or after the page was sent

    await store.save(
        [
            tweet(2, 95, of=1, minute=5, text="it is STILL down, I am leaving"),
            answer(3, of=1, minute=6),
        ]
    )

    await ben.sees("it is STILL down, I am leaving")
    await ben.sees("we are on it")
    await expect(
        ben.page.get_by_role("img", name="Dissatisfaction, rising, message by message: 70, 95")
    ).to_be_visible()


async def test_a_page_never_shows_a_history_that_its_ticket_does_not_know_yet(
    store, ben, monkeypatch
):
    """Who sees that the brand answered may resolve: their page holds the version that says so."""
    shown, between = [], [answer(3, of=1, minute=6)]
    read, tell = Desk.history, TicketView.tell

    async def after_an_answer(desk, ticket_id):
        if between:  # the brand answers while the page reads
            await store.save([between.pop()])
        return await read(desk, ticket_id)

    def keep(view, **props):
        shown.append(props.get("ticket"))
        tell(view, **props)

    monkeypatch.setattr(Desk, "history", after_an_answer)
    monkeypatch.setattr(TicketView, "tell", keep)
    await store.save([tweet(1, 70, text="my line is down")])
    await ben.go("/tickets/x:1")
    await expect(ben.page.get_by_text("the brand answered").first).to_be_visible()

    told = [
        (change["reason"], ticket["answered"])
        for ticket in shown
        if ticket
        for change in ticket["history"]
        if change["reason"] == "the brand answered"
    ]
    assert told
    assert all(answered for _, answered in told)
    await ben.press("r")
    await expect(ben.page.locator(".ticket-facts b")).to_have_text("resolved")


async def test_a_database_that_goes_away_is_said_and_what_was_seen_stays(own_postgres, chromium):
    url = await own_postgres.create("console")
    await migrate(url)
    engine = open_engine(url)
    store = Stores(engine)
    await staff(quick_people(engine))
    await store.save([tweet(1, 95, text=SEVERE)])
    async with web(store, url=url) as address, person(chromium, address) as ben:
        await ben.log_in("ben")
        await ben.go("/tickets/x:1")
        await expect(lines(ben.page)).to_have_count(1)
        await ben.page.get_by_label("A note for colleagues").fill("I am on it")
        monitor = await ben.page.context.new_page()
        await monitor.goto(f"{address}/monitor")
        await expect(monitor.get_by_text("How customers feel")).to_be_visible()
        own_postgres.stop()

        said = ben.page.get_by_text("The database cannot be reached; this is what was last seen.")
        await expect(said).to_have_count(2)  # beside the queue and over the ticket
        await ben.page.get_by_role("button", name="Add the note").click()
        await ben.sees("nothing was changed")
        await expect(lines(ben.page)).to_have_count(1)
        await expect(ben.page.get_by_label("A note for colleagues")).to_have_value("I am on it")
        await ben.shoot("database-away")
        await expect(monitor.get_by_text("The database cannot be reached; this is")).to_be_visible()
        late = await ben.page.context.new_page()
        answered = await late.goto(f"{address}/alerts")
        assert answered is not None
        assert answered.status == 503
        await expect(late.get_by_role("alert")).to_contain_text(
            "The database cannot be reached just now"
        )
        own_postgres.start()

        await expect(said).to_have_count(0)
        await expect(monitor.get_by_text("The database cannot be reached; this is")).to_have_count(
            0
        )
        await expect(late.get_by_role("heading", name="Incidents")).to_be_visible()
        await ben.page.get_by_role("button", name="Add the note").click()
        await ben.sees("The note is kept.")
    await engine.dispose()
    gc.collect()


async def test_a_viewer_sees_and_can_do_nothing_also_not_past_the_page(
    store, engine, chromium, site
):
    await store.save([tweet(1, 95, text=SEVERE)])
    await drafted(engine, GOOD)
    async with person(chromium, site) as vic:
        await vic.log_in("vic")
        await vic.go("/tickets/x:1")
        await vic.sees(GOOD.text)
        for name in ("Claim", "Resolve", "Approve", "correct", "Erase this person"):
            await expect(vic.page.get_by_role("button", name=name)).to_have_count(0)
        await expect(vic.page.get_by_role("link", name="People")).to_have_count(0)
        await vic.press("c", "r", "a")
        await vic.page.evaluate("""() => {
            const answers = (part) => part?.$options?.emits?.includes?.("approve");
            const view = Object.values(mounted_app.$refs).find(answers);
            const seen = { edits: 0, version: 1 };
            view.$emit("act", { n: 1, ticket: "x:1", action: { action: "resolve" }, seen });
            view.$emit("forget", { n: 2, ticket: "x:1", author: "ada" });
        }""")
        await vic.sees("This takes the role agent; you are viewer.")
        await vic.shoot("viewer")
    row = await Desk(engine).ticket("x:1")
    assert (row["owner"], row["state"], row["edits"]) == (None, "new", 0)
    assert (await Desk(engine).conversation("x:1"))[0]["text"] == SEVERE


async def test_people_bound_to_a_brand_see_their_tickets_alone(store, chromium, site):
    await store.save(
        [tweet(1, 95, text=SEVERE), tweet(2, 80, brand="Other", text="my bag is gone")]
    )
    async with person(chromium, site) as sky:
        await sky.log_in("sky")
        await expect(lines(sky.page)).to_have_count(1)
        await expect(lines(sky.page)).to_contain_text("my bag is gone")
        await expect(sky.page.locator(".tile.P1 b")).to_have_text("0")
        answered = await sky.page.goto(f"{site}/tickets/x:1")
        assert answered is not None
        assert answered.status == 404
        await sky.sees("There is no such ticket")


async def test_a_person_is_erased_by_a_lead_who_types_their_name(store, engine, chromium, site):
    await store.save(
        [
            tweet(1, 95, text=SEVERE, author="carol"),
            tweet(2, 80, author="dan", text="my bag is gone"),
        ]
    )
    async with person(chromium, site) as ada:
        await ada.log_in("ada")
        await ada.go("/tickets/x:1")
        await ada.page.get_by_role("button", name="Erase this person").click()
        erase = ada.page.get_by_role("button", name="Erase", exact=True)
        await expect(erase).to_be_disabled()
        await ada.page.get_by_label("Type carol").fill("carol")
        await ada.shoot("erasure")
        await erase.click()
        await ada.sees("Erased: 1 message,")
        await ada.sees("There is no such ticket")
        await expect(lines(ada.page)).to_have_count(1)
    async with engine.connect() as connection:
        left = (
            await connection.execute(text("select text, author from events where id = 'x:1'"))
        ).one()
    assert tuple(left) == (None, None)


async def test_whoever_is_logged_out_elsewhere_does_nothing_more(store, engine, site, ben):
    await store.save([tweet(1, 95, text=SEVERE)])
    await ben.go("/tickets/x:1")
    await ben.sees(SEVERE[:40])

    elsewhere = await ben.page.context.new_page()
    await elsewhere.goto(f"{site}/")
    await elsewhere.get_by_role("button", name="Log out").click()
    await elsewhere.wait_for_url("**/login")
    await ben.press("r")

    await ben.page.wait_for_url("**/login?next=%2Ftickets%2Fx%3A1")
    assert (await Desk(engine).ticket("x:1"))["state"] == "new"


@pytest.mark.parametrize("path", ["/", "/tickets/x:1", "/alerts"])
async def test_an_open_page_ends_with_what_its_visitor_may_do(store, engine, site, ben, path):
    """Not only where they log out: whatever the page shows, and however their rights end."""
    people = quick_people(engine)
    ends = {
        "/": lambda: people.set_role("ben", "agent", ["Other"]),
        "/tickets/x:1": lambda: people.disable("ben"),
        "/alerts": lambda: _end_sessions(engine),
    }
    await store.save([tweet(1, 95, text=SEVERE)])
    others = set(Client.instances)  # of servers of earlier tests, which forget nothing any more
    await ben.go(path)
    await ben.sees("ben", exact=True)
    before = set(Client.instances) - others
    assert before

    await ends[path]()

    await ben.page.wait_for_url("**/login*")
    for _ in range(600):  # pages of before the login are forgotten a little later
        if before.isdisjoint(Client.instances):
            break
        await asyncio.sleep(0.1)
    assert before.isdisjoint(Client.instances), "the page lives on in the server"


async def _end_sessions(engine):
    async with engine.begin() as connection:
        await connection.execute(text("delete from sessions"))


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_the_queue_and_a_ticket_fit_the_screen_in_both_colours(
    store, engine, chromium, site, phone, colours
):
    long = "a word that is as long as an address: " + "x" * 300
    said = [tweet(number, 40 + 5 * number, text=f"{SEVERE} {number}") for number in range(1, 12)]
    await store.save(
        [*said, tweet(20, 90, text=long, author="y" * 200), answer(21, of=20, minute=3)]
    )
    await drafted(engine, GOOD, PROMISE, ticket="x:11")
    name = f"{'phone' if phone else 'desktop'}-{colours}"
    async with person(chromium, site, phone=phone, colours=colours) as ada:
        await ada.log_in("ada")
        await expect(lines(ada.page)).to_have_count(12)
        await ada.shoot(f"queue-{name}")
        widths = [await _overflow(ada.page)]
        for ticket in ("x:20", "x:11"):
            await ada.go(f"/tickets/{ticket}")
            await expect(ada.page.locator(".message").first).to_be_visible()
            widths.append(await _overflow(ada.page))
        await ada.shoot(f"ticket-{name}")
        dark = await ada.page.evaluate("document.documentElement.dataset.theme")
    assert widths == [0, 0, 0]
    assert dark == colours


async def _overflow(page) -> int:
    """Pixels by which the page is wider than its window."""
    return int(await page.evaluate("document.documentElement.scrollWidth - innerWidth"))


async def test_light_or_dark_follows_the_system_until_somebody_chooses(ben):
    async def turns(colours: str) -> None:
        await ben.page.wait_for_function(
            "wanted => document.documentElement.dataset.theme === wanted", arg=colours
        )

    switch = ben.page.get_by_role("button", name="Light or dark")
    await ben.page.emulate_media(color_scheme="dark")
    await turns("dark")
    await switch.click()
    await turns("light")
    await ben.page.reload()
    await turns("light")
    await switch.click()
    await turns("dark")
    await ben.page.emulate_media(color_scheme="light")
    await turns("light")


async def test_a_search_that_cannot_be_read_says_what_can_be_and_does_not_wait(store, ben):
    await store.save([tweet(1, 60, text="my bag")])
    await ben.go("/?text=is%3Afoo")
    await ben.sees("is:foo: there is open", exact=False)
    await ben.sees("is:late brand:volt since:7d", exact=False)
    await expect(ben.page.get_by_text("Reading the queue")).to_have_count(0)
    await ben.page.locator(".empty").get_by_role("button", name="Show all").click()
    await expect(lines(ben.page)).to_have_count(1)


async def test_an_address_that_leads_nowhere_is_a_page_to_people_and_a_problem_to_programs(ben):
    await ben.go("/tikets/x:1")
    await ben.sees("There is nothing at this address")
    answer = await ben.page.request.get(f"{ben.site}/tikets", headers={"Accept": "*/*"})
    assert (answer.status, (await answer.json())["title"]) == (404, "Not Found")
    await ben.page.get_by_role("link", name="To the queue").click()
    await ben.sees("Nobody waits for an answer", exact=False)
    ben.wrong.clear()  # the browser's own line about the 404


async def test_keys_alone_lead_into_a_ticket_and_back_to_its_line_on_a_narrow_page(
    store, chromium, site
):
    """The list gives way to the ticket there, and with it what had the focus."""
    await store.save([tweet(1, 95, text=SEVERE), tweet(2, 60, text="my bag did not come")])
    async with person(chromium, site, phone=True, colours="dark") as ben:
        await ben.log_in("ben")
        await expect(lines(ben.page)).to_have_count(2)
        await ben.press("j", "j", "Enter")
        await expect(ben.page.locator(".ticket-name h1")).to_be_focused()
        await ben.press("Tab")
        await expect(ben.page.get_by_role("button", name="Claim")).to_be_focused()
        await ben.press("Escape")
        await expect(lines(ben.page).nth(1)).to_be_focused()
        await ben.press("?")
        await expect(ben.page.locator("dialog[open] kbd").first).to_be_visible()
        assert ben.wrong == []
