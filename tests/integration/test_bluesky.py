"""Bluesky's Jetstream on its bad days, against a small server of our own: nothing is missing,
nothing comes twice.
"""

from __future__ import annotations

import asyncio
from itertools import count

import pytest
from servers.jetstream import START, Jetstream, close_after, commit, cut_after
from servers.web import Waits, heard

from connectors.base import SourceError
from connectors.bluesky.accounts import AccountDirectory
from connectors.bluesky.jetstream import Jetstream as Source
from connectors.bluesky.posts import tid, tid_micros
from connectors.events import Deleted
from connectors.keywords import KeywordFilter
from connectors.skipped import TALLY


@pytest.fixture
async def server():
    async with Jetstream().open() as running:
        yield running


def source(server, *words, handles=(), on_line=lambda line: None, **options):
    directory = AccountDirectory(host=server.address, allow_private=True, on_line=on_line)
    address = server.address.replace("http", "ws") + "/subscribe"
    keyword_filter = KeywordFilter(words, handles)
    return Source(
        keyword_filter, directory, servers=[address], allow_private=True, on_line=on_line, **options
    )


async def test_posts_with_the_word_become_events_with_author_conversation_and_language(server):
    root = {"uri": "at://did:plc:bob/app.bsky.feed.post/root", "cid": "c"}
    server.post(1, "nothing of interest")
    server.post(2, "#Delta lost my bag", reply={"root": root, "parent": root})
    server.post(3, "all the deltas of the Nile")

    (event,), _ = await heard(source(server, "delta"), 1)

    assert event.id == "bluesky:did:plc:ann/r2"
    assert event.conversation == event.in_reply_to == "bluesky:did:plc:bob/root"
    assert (event.author, event.followers, event.language) == ("ann.bsky.social", 7, "en")
    assert server.asked == ["app.bsky.feed.post"]


async def test_cuts_in_the_middle_of_a_line_and_of_a_character_lose_nothing_and_double_nothing(
    server,
):
    for number in range(60):
        server.post(number * 200_000, f"delta {number}", rkey=f"p{number}")
    server.script = [cut_after(7), cut_after(31), close_after(11), cut_after(40)]
    waits = Waits()

    found, _ = await heard(source(server, "delta"), 60, waits=waits)

    assert sorted(event.text for event in found) == sorted(
        f"delta {number}" for number in range(60)
    )
    assert len(server.cursors) >= 4
    assert waits == [1.0] * len(waits), "a connection that worked begins the back-off anew"


async def test_reordered_and_repeated_messages_come_once(server):
    for at in (0, 4, 2, 4, 1, 3, 2, 0):
        server.post(at * 1_000_000, f"delta {at}", rkey=f"p{at}")

    found, _ = await heard(source(server, "delta"), 5)

    assert [event.text for event in found] == [
        "delta 0",
        "delta 4",
        "delta 2",
        "delta 1",
        "delta 3",
    ]


async def test_a_restart_goes_on_from_the_cursor_and_needs_no_memory(server):
    server.post(0, "delta one", rkey="one")
    server.post(10_000_000, "delta two", rkey="two")
    first, cursor = await heard(source(server, "delta"), 2)
    server.post(20_000_000, "delta three", rkey="three")

    second, _ = await heard(source(server, "delta"), 3, cursor)

    assert server.cursors[-1] <= START + 10_000_000
    assert {event.text for event in first} == {"delta one", "delta two"}
    assert "delta three" in {event.text for event in second}


async def test_a_clock_that_jumps_ahead_does_not_move_the_cursor(server):
    day = 86_400_000_000
    for at in (0, 1_000_000, day, 2_000_000, 3_000_000):
        server.post(at, "delta", rkey=f"p{at}")

    found, cursor = await heard(source(server, "delta"), 5)

    assert len(found) == 5
    assert cursor <= START + 3_000_000


async def test_a_silent_connection_is_taken_for_dead_and_503_is_waited_out_longer_and_longer(
    server,
):
    waits = Waits()
    listening = source(server, "delta", silence=0.3)
    server.statuses = [503, 503, 503]

    async def later():
        while len(server.cursors) < 2:  # the first connection says nothing
            await asyncio.sleep(0.01)
        for number in count():  # on a busy machine the next ones are taken for dead, too
            server.post(number * 1_000_000, "delta again", rkey=f"again{number}")
            await asyncio.sleep(0.05)

    saying = asyncio.create_task(later())
    found, _ = await heard(listening, 1, waits=waits)
    saying.cancel()

    assert waits[:3] == [1.0, 2.0, 4.0]
    assert [event.text for event in found] == ["delta again"]


async def test_a_hole_that_the_server_no_longer_keeps_is_told(server):
    told = []
    server.post(3_600_000_000, "delta")

    await heard(source(server, "delta", on_line=told.append), 1, cursor=START)

    assert told == ["Bluesky: posts from 2026-03-12 12:00 to 2026-03-12 13:00 UTC are missing"]


async def test_a_deletion_and_an_edit_are_revisions_of_the_same_event(server):
    key = tid(START, 5)
    server.post(0, "delta", rkey=key)
    server.say(9_000_000, commit("did:plc:ann", key, "delta, solved", operation="update"))
    server.say(10_000_000, commit("did:plc:ann", key, "", operation="delete"))

    found, _ = await heard(source(server, "delta"), 3)

    by_revision = sorted(found, key=lambda event: event.revision)
    assert [event.revision for event in by_revision[:2]] == [0, 9]
    assert isinstance(by_revision[2], Deleted)
    assert {event.id for event in found} == {f"bluesky:did:plc:ann/{key}"}


async def test_a_handle_is_heard_when_it_writes_is_named_or_is_answered(server):
    theirs = {"uri": "at://did:plc:brand/app.bsky.feed.post/x", "cid": "c"}
    named = [{"features": [{"$type": "app.bsky.richtext.facet#mention", "did": "did:plc:brand"}]}]
    server.post(1, "we are sorry", did="did:plc:brand")
    server.post(2, "hello there", facets=named)
    server.post(3, "not good enough", reply={"root": theirs, "parent": theirs})
    server.post(4, "about something else")
    server.post(5, "@brand.example hello?")

    found, _ = await heard(source(server, handles=["brand.example"]), 4)

    assert {event.id[-2:] for event in found} == {"r1", "r2", "r3", "r5"}


async def test_a_post_is_not_lost_because_nobody_can_say_who_wrote_it(server):
    server.profiles_status = 500
    server.post(1, "delta")

    (event,), _ = await heard(source(server, "delta"), 1)

    assert event.author == "did:plc:ann"


async def test_records_that_are_no_posts_are_left_out(server):
    for number, record in enumerate(
        ({"facets": 7}, {"reply": {"root": {"uri": "https://x"}}}, {"langs": 7})
    ):
        server.post(number, "delta at last", rkey=f"odd{number}", **record)
    server.post(3, None, rkey="odd3")
    server.say(4, {"did": "did:plc:ann", "kind": "identity", "identity": {"handle": "ann.example"}})
    server.post(5, "delta at last")
    before = TALLY.counts()

    (event,), _ = await heard(source(server, "delta at last"), 1)

    assert event.text == "delta at last"
    assert TALLY.counts(before)["post"] == 3


async def test_a_private_address_is_refused_for_good_unless_it_is_allowed(server):
    directory = AccountDirectory(host=server.address)
    closed = Source(
        KeywordFilter(["delta"]),
        directory,
        servers=[server.address.replace("http", "ws") + "/subscribe"],
    )

    with pytest.raises(SourceError, match="EARSHOT_ALLOW_PRIVATE_ADDRESSES") as refused:
        await heard(closed, 1)

    assert refused.value.retry_after is None


async def test_another_kind_of_server_is_said_to_be_one(server):
    server.say(0, '"hello"')

    with pytest.raises(SourceError, match="does not speak"):
        async for _ in source(server, "delta").events(None):
            pass


def test_a_tid_holds_its_time():
    assert tid_micros(tid(START, 3)) == START
    assert tid_micros("self") is None
