"""Pictures of a reply in the live console in a real Chromium: chosen, told in words, shown."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace

import pytest
from drawn import png
from history import answer, tweet
from playwright.async_api import expect
from sqlalchemy import text

from connectors.events import Tweet
from models.replier.draft import Candidate, Draft
from stream.replies.pictures import Pictures
from stream.replies.store import Replies

WORDS = "Sorry about the wait, we are looking into it. Please send us a direct message."
ID = "mastodon:social.example/1"


def file(content: bytes, name: str = "map.png", kind: str = "image/png"):
    return {"name": name, "mimeType": kind, "buffer": content}


async def on_mastodon(store) -> None:
    scored = tweet(1, 80, text="my bag did not come")
    moved = scored.event.model_dump() | {"id": ID, "conversation": ID}
    await store.save([replace(scored, event=Tweet(**moved))])


async def drafted(engine) -> int:
    replies = Replies(engine)
    [wanted] = await replies.to_draft([ID])
    [number] = await replies.store([(wanted, Draft((Candidate(WORDS, -1.0),), "replier-1"), None)])
    return number


async def test_a_picture_is_chosen_told_in_words_shown_and_goes_with_the_reply(store, engine, ben):
    await on_mastodon(store)
    number = await drafted(engine)
    await ben.go(f"/tickets/{ID}")
    await ben.sees(WORDS)

    await ben.page.locator(".picture-choose input").set_input_files(file(png(40, 30)))
    await expect(ben.page.get_by_role("button", name="Add it")).to_be_disabled()
    await ben.page.get_by_label("What it shows").fill("a map of the outage")
    await ben.page.get_by_role("button", name="Add it").click()
    shown = ben.page.get_by_role("img", name="a map of the outage")
    await expect(shown).to_have_js_property("naturalWidth", 40)
    await ben.shoot("reply-picture")
    row = await Replies(engine).find(number)
    assert [each["alt"] for each in row["pictures"]] == ["a map of the outage"]

    await ben.page.get_by_role("button", name="Remove the picture").click()
    await expect(shown).to_have_count(0)
    assert (await Replies(engine).find(number))["pictures"] == []
    assert ben.wrong == []


async def test_a_picture_longer_than_networks_take_is_drawn_anew(store, engine, ben):
    await on_mastodon(store)
    number = await drafted(engine)
    await ben.go(f"/tickets/{ID}")
    await ben.sees(WORDS)

    scrolled = file(png(30, 9000), "a long page.png")
    await ben.page.locator(".picture-choose input").set_input_files(scrolled)
    await ben.page.get_by_label("What it shows").fill("our terms")
    await ben.page.get_by_role("button", name="Add it").click()
    await expect(ben.page.get_by_role("img", name="our terms")).to_be_visible()

    [made] = (await Replies(engine).find(number))["pictures"]
    assert (made["width"], made["height"]) == (7, 2048)
    assert ben.wrong == []


async def test_a_picture_of_more_points_than_networks_take_is_drawn_anew(store, engine, ben):
    await on_mastodon(store)
    number = await drafted(engine)
    await ben.go(f"/tickets/{ID}")
    await ben.sees(WORDS)

    wide = file(png(8000, 2100), "a wall of screens.png")
    await ben.page.locator(".picture-choose input").set_input_files(wide)
    await ben.page.get_by_label("What it shows").fill("our screens")
    await ben.page.get_by_role("button", name="Add it").click()
    await expect(ben.page.get_by_role("img", name="our screens")).to_be_visible()

    [made] = (await Replies(engine).find(number))["pictures"]
    assert (made["width"], made["height"]) == (2048, 538)
    assert ben.wrong == []


async def test_while_one_writes_ones_own_picture_is_no_change_by_somebody_else(store, engine, ben):
    await on_mastodon(store)
    await ben.go(f"/tickets/{ID}")
    await ben.sees("No reply was drafted.")
    await ben.press("e")
    words = ben.page.get_by_label("The words of the reply")
    await words.fill(WORDS)

    choose = ben.page.locator(".picture-choose input")
    await choose.set_input_files(file(png(4000, 10), "wide.png"))
    await ben.page.get_by_label("What it shows").fill("a form")
    await ben.page.get_by_role("button", name="Add it").click()
    await expect(ben.page.get_by_role("img", name="a form")).to_be_visible()

    await expect(words).to_have_value(WORDS)
    await expect(ben.page.get_by_text("changed the reply while you wrote")).to_have_count(0)
    await expect(words).to_be_focused()
    await ben.press("Control+Enter")
    await ben.sees("approved, waits for a worker to send it")
    [row] = await Replies(engine).newest(ticket=ID)
    assert (row["state"], row["text"], len(row["pictures"])) == ("approved", WORDS, 1)


async def test_what_is_no_picture_is_said_and_a_large_one_is_made_smaller(store, engine, ben):
    await on_mastodon(store)
    number = await drafted(engine)
    await ben.go(f"/tickets/{ID}")
    await ben.sees(WORDS)
    choose = ben.page.locator(".picture-choose input")

    await choose.set_input_files(file(b"<svg", "form.pdf", "application/pdf"))
    await ben.sees("form.pdf is no picture that this browser can read")

    noise = await ben.page.evaluate("""async () => {
        const canvas = document.createElement("canvas");
        canvas.width = 2400;
        canvas.height = 1200;
        const brush = canvas.getContext("2d"), points = brush.createImageData(2400, 1200);
        let seed = 17;
        for (let at = 0; at < points.data.length; at += 1) {
            seed = (Math.imul(seed, 1103515245) + 12345) | 0;
            points.data[at] = at % 4 === 3 ? 255 : (seed >> 16) & 255;
        }
        brush.putImageData(points, 0, 0);
        return canvas.toDataURL("image/jpeg", 1).split(",")[1];
    }""")
    content = b64decode(noise)
    assert len(content) > 1_000_000
    await choose.set_input_files(file(content, "photo.jpg", "image/jpeg"))
    await ben.page.get_by_label("What it shows").fill("noise")
    await ben.page.get_by_role("button", name="Add it").click()
    await expect(ben.page.get_by_role("img", name="noise")).to_be_visible()
    [kept] = (await Replies(engine).find(number))["pictures"]
    assert kept["type"] == "image/jpeg"
    assert kept["size"] <= 1_000_000
    assert kept["width"] == 2 * kept["height"] <= 2048


# A GIF of one point, and the frame that makes it move.
_HEAD = bytes.fromhex("4749463839610100010080000000 0000ffffff")
_FRAME = bytes.fromhex("21f904000a000000 2c00000000010001000002024401 00")


@pytest.mark.parametrize(("frames", "says"), [(1, 0), (2, 1)])
async def test_of_a_picture_that_moves_the_first_frame_goes_and_the_agent_is_told(
    frames, says, store, engine, ben
):
    await on_mastodon(store)
    await drafted(engine)
    await ben.go(f"/tickets/{ID}")
    await ben.sees(WORDS)

    moving = file(_HEAD + frames * _FRAME + b";", "party.gif", "image/gif")
    await ben.page.locator(".picture-choose input").set_input_files(moving)

    await expect(ben.page.get_by_label("What it shows")).to_be_visible()
    told = ben.page.get_by_text("It moves; the network gets its first frame alone.")
    await expect(told).to_have_count(says)
    assert ben.wrong == []


async def test_where_the_network_takes_none_the_reply_says_so(store, engine, ben):
    await store.save([tweet(1, 80, text="my bag did not come")])
    await ben.go("/tickets/x:1")
    await ben.sees("No reply was drafted.")
    await ben.press("e")

    await ben.sees("earshot sends pictures on Bluesky and Mastodon; on x replies are words alone.")
    await expect(ben.page.locator(".picture-choose")).to_have_count(0)


async def test_an_answer_that_was_sent_stands_in_the_conversation_with_its_picture(
    store, engine, ben
):
    await on_mastodon(store)
    number = await drafted(engine)
    await Pictures(engine).add(number, "ada", png(40, 30), "a map of the outage")
    sent = answer(2, of=1, minute=5)
    moved = sent.event.model_dump() | {"id": "mastodon:social.example/2", "conversation": ID}
    await store.save([replace(sent, event=Tweet(**moved))])
    async with engine.begin() as connection:
        await connection.execute(
            text("update replies set state = 'sent', sent_id = 'mastodon:social.example/2'")
        )

    await ben.go(f"/tickets/{ID}")

    talk = ben.page.get_by_role("region", name="Conversation")
    shown = talk.get_by_role("img", name="a map of the outage")
    await expect(shown).to_have_js_property("naturalWidth", 40)
