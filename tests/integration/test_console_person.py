"""The person behind a ticket, and links in texts, in the live console in a real Chromium."""

from __future__ import annotations

from browsing import person
from history import tweet
from playwright.async_api import expect

from stream.desk.persons import Persons
from stream.desk.tickets import Desk

LINKS = (
    "look: https://shop.example/a?b=1&c=2, (http://status.example/x) and javascript:alert(1) or "
    "https://bank.example@evil.example/ <img src=x onerror=alert(1)> https://ädvice.example/."
)


async def test_the_person_is_beside_the_ticket_and_is_linked_by_hand_and_undone(store, engine, ben):
    await store.save(
        [
            tweet(1, 95, text="my bag did not come", author="Ada", minute=0),
            tweet(2, 60, text="still no bag", author="@ada", minute=300),
            tweet(3, 70, text="refund my ticket now", author="lovelace", minute=400),
        ]
    )
    await ben.go("/tickets/x:2")
    pane = ben.page.get_by_label("The person")
    await expect(pane).to_contain_text("first seen 12 Mar")
    await expect(pane.get_by_text("my bag did not come")).to_be_visible()
    await expect(pane.get_by_role("img", name="Mood over time")).to_be_visible()
    profile = pane.get_by_role("link", name="ada").first
    await expect(profile).to_have_attribute("rel", "noopener noreferrer nofollow")

    await pane.get_by_role("button", name="They also write as").click()
    await pane.get_by_label("Which handle").fill("nobody_here")
    await pane.get_by_role("button", name="Link", exact=True).click()
    await ben.sees("nobody called nobody_here wrote on x")
    await pane.get_by_role("button", name="They also write as").click()
    await pane.get_by_label("Which handle").fill("@Lovelace")
    await pane.get_by_role("button", name="Link", exact=True).click()
    await expect(pane.get_by_text("refund my ticket now")).to_be_visible()
    await ben.shoot("person-pane")
    assert len((await Persons(engine).of(await Desk(engine).ticket("x:1"))).links) == 1

    await pane.get_by_role("button", name="undo").click()
    await expect(pane.get_by_text("refund my ticket now")).to_have_count(0)

    await pane.get_by_text("my bag did not come").click()
    await expect(ben.page.locator(".ticket-facts")).to_contain_text("x:1")


async def test_links_in_a_text_are_links_to_where_they_say_and_nothing_else_is(
    store, site, chromium
):
    await store.save([tweet(1, 95, text=LINKS, author="Ada")])
    async with person(chromium, site, phone=True, colours="dark") as vic:
        await vic.log_in("vic")
        await vic.go("/tickets/x:1")
        text = vic.page.locator(".message .text")
        await expect(text).to_have_text(LINKS)  # the words are as they were
        links = text.get_by_role("link")
        hrefs = [await link.get_attribute("href") for link in await links.all()]
        rels = {await link.get_attribute("rel") for link in await links.all()}
        await expect(
            vic.page.get_by_label("The person").get_by_role("button", name="They also write as")
        ).to_have_count(0)
        post = vic.page.get_by_role("link", name="The post on x")
        await expect(post).to_have_attribute("href", "https://x.com/i/status/1")
        await vic.page.get_by_label("The person").scroll_into_view_if_needed()
        await vic.shoot("person-phone-dark")
        assert vic.wrong == []

    assert hrefs == [
        "https://shop.example/a?b=1&c=2",
        "http://status.example/x",
        "https://xn--dvice-fra.example/",
    ]
    assert rels == {"noopener noreferrer nofollow ugc"}
