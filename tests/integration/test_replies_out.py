"""Answers on X, Bluesky and into a file: sent once, found after a crash, never to what is gone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from servers.pds import Pds
from servers.web import cut
from servers.x_api import KEYS, NOW, Ledger, XApi, post_id

from connectors.base import NotSent, Replier, SentUnknown
from connectors.bluesky.replies import BlueskyReplier
from connectors.deletions import StoredPost, deleted
from connectors.outbox import FileReplier
from connectors.x.client import Api
from connectors.x.costs import PRICES, Meter
from connectors.x.replies import XReplier

TEXT = "We are sorry. Please write to us: https://delta.example/help"


@pytest.fixture
async def x():
    async with XApi().open() as running:
        yield running


@pytest.fixture
def paid():
    return Meter("Delta", Ledger(), budget=None, on_budget="stop", now=lambda: NOW)


@pytest.fixture
async def on_x(x, paid):
    found = XReplier(Api(KEYS, host=x.address, allow_private=True), paid)
    yield found
    await found.close()


@pytest.fixture
async def bluesky():
    async with Pds().open() as running:
        yield running


@pytest.fixture
async def on_bluesky(bluesky):
    found = BlueskyReplier(
        "care.example",
        "app-password",
        host=bluesky.address,
        public=bluesky.address,
        allow_private=True,
    )
    yield found
    await found.close()


async def test_a_reply_on_x_stands_under_the_post_and_its_price_is_written_down(x, on_x, paid):
    to = f"x:{x.post(0, 'delta lost my bag')}"

    sent = await on_x.reply(to, TEXT, key="reply:1")

    assert x.sent[0]["reply"] == {"in_reply_to_tweet_id": to[2:]}
    assert sent.url == f"https://x.com/i/status/{sent.id[2:]}"
    assert paid.spent == PRICES["post_with_url"]
    assert x.heads[-1]["Authorization"].startswith("OAuth ")


async def test_a_reply_whose_sending_broke_is_found_on_x_although_its_link_was_rewritten(
    x, on_x, paid
):
    to = f"x:{x.post(0, 'delta lost my bag')}"
    x.after_posting = cut

    with pytest.raises(SentUnknown):
        await on_x.reply(to, TEXT, key="reply:1")
    found = await on_x.find_reply(to, TEXT, key="reply:1", since=NOW)

    assert found is not None
    assert found.id == f"x:{x.sent[0]['id']}"
    assert await on_x.find_reply(to, "Another answer.", key="reply:2", since=NOW) is None


async def test_what_x_refuses_was_not_sent_and_a_5xx_is_unknown(x, on_x):
    to = f"x:{x.post(0, 'delta lost my bag')}"
    for status in (403, 429, 503):
        x.fail(
            "/2/tweets",
            status,
            **({"x-rate-limit-reset": str(int(NOW.timestamp()) + 60)} if status == 429 else {}),
        )

    with pytest.raises(NotSent, match="Read and write") as refused:
        await on_x.reply(to, TEXT, key="reply:1")
    with pytest.raises(NotSent) as limited:
        await on_x.reply(to, TEXT, key="reply:1")
    with pytest.raises(SentUnknown):
        await on_x.reply(to, TEXT, key="reply:1")

    assert refused.value.retry_after is None
    assert limited.value.retry_after == pytest.approx(61, abs=2)
    assert x.sent == []


async def test_nothing_was_sent_where_nobody_listens(paid):
    nobody = XReplier(Api(KEYS, host="http://127.0.0.1:9", allow_private=True), paid)

    with pytest.raises(NotSent) as away:
        await nobody.reply("x:1", TEXT, key="reply:1")
    await nobody.close()

    assert away.value.retry_after is not None
    assert paid.spent == 0


async def test_posts_on_x_are_looked_up_by_the_hundred_and_an_edit_is_seen(x, on_x, paid):
    there = [f"x:{x.post(number, 'delta')}" for number in range(120)]
    edited, latest = post_id(300), post_id(330)
    x.post(330, "delta!", id=latest, edit_history_tweet_ids=[edited, latest])
    gone = f"x:{post_id(900)}"

    found = await on_x.lookup([*there, f"x:{edited}", gone])

    assert x.asked.count("GET /2/tweets") == 2
    assert {found[id].state for id in there} == {"there"}
    assert (found[f"x:{edited}"].state, found[f"x:{edited}"].revision) == ("there", 1)
    assert found[gone].state == "gone"


async def test_the_daily_look_turns_what_is_gone_into_deletions_of_the_same_conversation(x, on_x):
    posts = [StoredPost(f"x:{x.post(number, 'delta')}", "x:1", NOW) for number in range(3)]
    del x.posts[posts[1].id[2:]]

    found = [event async for event in deleted(on_x, posts)]

    assert [(event.id, event.conversation) for event in found] == [(posts[1].id, "x:1")]


async def test_a_reply_on_bluesky_hangs_in_its_thread_with_links_and_stands_there_once(
    bluesky, on_bluesky
):
    root, parent = bluesky.post("did:plc:bob", "root"), bluesky.post("did:plc:ann", "post")
    bluesky.records[parent["uri"]]["reply"] = {"root": root, "parent": root}

    sent = await on_bluesky.reply(
        "bluesky:did:plc:ann/post", "Désolé: see https://delta.example/help.", key="reply:1"
    )
    again = await on_bluesky.reply(
        "bluesky:did:plc:ann/post", "Désolé: see https://delta.example/help.", key="reply:1"
    )
    other = await on_bluesky.reply("bluesky:did:plc:ann/post", "Something else.", key="reply:2")

    record = bluesky.written[0]["record"]
    assert sent.id == again.id != other.id
    assert len(bluesky.written) == 2
    assert record["reply"]["root"]["uri"].endswith("bob/app.bsky.feed.post/root")
    (facet,) = record["facets"]
    linked = record["text"].encode()[facet["index"]["byteStart"] : facet["index"]["byteEnd"]]
    assert linked == b"https://delta.example/help"


async def test_a_reply_whose_sending_broke_is_found_on_bluesky_by_its_key(bluesky, on_bluesky):
    bluesky.post("did:plc:ann", "post")
    bluesky.after_writing = cut
    began = datetime.now(UTC)

    with pytest.raises(SentUnknown):
        await on_bluesky.reply("bluesky:did:plc:ann/post", "We are sorry.", key="reply:1")

    assert (
        await on_bluesky.find_reply("bluesky:did:plc:ann/post", "", key="reply:1", since=began)
        is not None
    )
    assert (
        await on_bluesky.find_reply("bluesky:did:plc:ann/post", "", key="reply:2", since=began)
        is None
    )


async def test_a_session_that_has_run_out_is_renewed(bluesky, on_bluesky):
    bluesky.post("did:plc:ann", "post")
    await on_bluesky.find_reply("bluesky:did:plc:ann/post", "", key="reply:1", since=NOW)
    bluesky.token = "another"

    await on_bluesky.reply("bluesky:did:plc:ann/post", "We are sorry.", key="reply:1")

    assert len(bluesky.written) == 1


async def test_what_bluesky_refuses_or_has_lost_is_said(bluesky, on_bluesky):
    with pytest.raises(NotSent, match="gone"):
        await on_bluesky.reply("bluesky:did:plc:ann/nothing", "We are sorry.", key="reply:1")
    bluesky.post("did:plc:ann", "post")
    found = await on_bluesky.lookup(["bluesky:did:plc:ann/post", "bluesky:did:plc:ann/nothing"])
    assert [each.state for each in found.values()] == ["there", "gone"]

    wrong = BlueskyReplier("care.example", "wrong-secret", host=bluesky.address, allow_private=True)
    with pytest.raises(NotSent, match="app password") as refused:
        await wrong.reply("bluesky:did:plc:ann/post", "We are sorry.", key="reply:1")
    await wrong.close()
    assert "wrong-secret" not in f"{refused.value}{wrong!r}"


async def test_a_file_holds_each_reply_once_also_after_a_line_that_broke_off(tmp_path):
    path = tmp_path / "out" / "outbox.jsonl"
    sent = await FileReplier(path).reply("x:1", "Désolé", key="reply:1")
    with path.open("ab") as file:
        file.write(b'{"id": "file:half", "to": "x:')

    later = FileReplier(path)
    other = await later.reply("x:2", "Another", key="reply:2")

    assert (await later.reply("x:1", "Désolé", key="reply:1")).id == sent.id
    assert (await later.find_reply("x:2", "", key="reply:2", since=NOW)) == other
    assert await later.find_reply("x:3", "", key="reply:3", since=NOW) is None
    assert len(path.read_bytes().splitlines()) == 3


def test_all_of_them_answer_alike(on_x, on_bluesky, tmp_path):
    assert all(
        isinstance(each, Replier) for each in (on_x, on_bluesky, FileReplier(tmp_path / "o"))
    )
