"""Mastodon's streams on their bad days, against a small server of our own: nothing is missing,
nothing comes twice.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import count

import pytest
from servers.mastodon_api import START, MastodonApi, cut_after, status_id
from servers.web import Waits, cut, heard, until

from connectors.base import NotSent, SentUnknown, SourceError
from connectors.events import Deleted
from connectors.keywords import KeywordFilter
from connectors.markup import plain
from connectors.mastodon.client import MastodonServer
from connectors.mastodon.replies import MastodonReplier
from connectors.mastodon.source import Mastodon


@pytest.fixture
async def network():
    async with MastodonApi().open() as running:
        yield running


@pytest.fixture
async def server(network):
    found = MastodonServer(network.address, allow_private=True)
    yield found
    await found.close()


@pytest.fixture
async def replier(network):
    found = MastodonReplier(MastodonServer(network.address, "token", allow_private=True))
    yield found
    await found.close()


def ids(events):
    return [event.id.rpartition("/")[2] for event in events]


async def test_posts_with_the_word_become_events_without_markup(network, server):
    root = network.post(0, "the first", told=False)
    answer = network.post(
        5,
        '<a href="x">#<span>Delta</span></a> lost my bag<br>again &amp; again',
        in_reply_to_id=root,
    )
    network.roots[answer] = root
    network.post(6, "about something else")

    (event,), _ = await heard(Mastodon(server, KeywordFilter(["delta"])), 1)

    assert event.text == "#Delta lost my bag\nagain & again"
    assert event.conversation == event.in_reply_to == f"mastodon:127.0.0.1/{root}"
    assert (event.author, event.followers, event.language) == ("ann@127.0.0.1", 3, "en")


async def test_cuts_lose_nothing_and_double_nothing(network, server):
    network.script = [cut_after(7), cut_after(0), cut_after(3)]
    for number in range(12):
        network.post(number, f"delta {number}")
    waits = Waits()

    async def later():
        for number in range(12, 60):
            if number in (20, 30, 40):  # each connection hears something, and is cut
                await until(lambda needed=number // 10: network.connected >= needed)
            await asyncio.sleep(0.002)
            network.post(number, f"delta {number}")

    saying = asyncio.create_task(later())
    found, _ = await heard(Mastodon(server, KeywordFilter(["delta"])), 60, waits=waits)
    await saying

    assert sorted(event.text for event in found) == sorted(
        f"delta {number}" for number in range(60)
    )
    assert network.connected == 4


async def test_what_was_said_between_two_runs_is_fetched_also_what_came_late_from_another_server(
    network, server
):
    network.post(100, "delta one")
    first, cursor = await heard(Mastodon(server, KeywordFilter(["delta"])), 1)
    network.post(200, "delta two", told=False)
    network.post(90, "delta, late", told=False)

    second, _ = await heard(Mastodon(server, KeywordFilter(["delta"])), 3, cursor)

    assert {event.text for event in first + second} == {"delta one", "delta two", "delta, late"}


async def test_a_long_gap_is_fetched_page_by_page_and_goes_on_after_a_limit(network, server):
    network.post(0, "delta 0")
    listening = Mastodon(server, KeywordFilter(["delta"]))
    _, cursor = await heard(listening, 1)
    for number in range(1, 100):
        network.post(number, f"delta {number}", told=False)
    reset = {"X-RateLimit-Reset": "2026-03-12T12:05:00Z", "Date": "Thu, 12 Mar 2026 12:03:20 GMT"}
    network.failures = [(429, reset), (503, {})]
    waits = Waits()

    found, _ = await heard(listening, 99, cursor, waits)

    assert sorted(event.text for event in found) == sorted(
        f"delta {number}" for number in range(1, 100)
    )
    assert waits[0] == 100.0, "until the reset, by the server's own clock"
    assert waits[1] == 2.0


async def test_repeated_and_reordered_posts_come_once_and_reposts_not_at_all(network, server):
    first, second = network.post(1, "delta one"), network.post(2, "delta two")
    for id in (second, first, second):
        network.tell("update", id)
    network.post(3, "delta", reblog={"id": "1"})
    third = network.post(0, "delta zero")

    found, _ = await heard(Mastodon(server, KeywordFilter(["delta"])), 3)

    assert ids(found) == [first, second, third]


async def test_an_edit_is_a_revision_and_a_deletion_is_told(network, server):
    id = network.post(0, "delta is late")
    edited = {"created_at": START.isoformat(), "edited_at": "2026-03-12T12:01:00Z"}
    network.post(60, "delta was late, all is well", id=id, told=False, **edited)
    network.tell("status.update", id)
    network.tell("delete", id)
    network.order.pop(0)

    found, _ = await heard(Mastodon(server, KeywordFilter(["delta"])), 2)

    assert found[0].revision == 60
    assert isinstance(found[1], Deleted)
    assert found[0].id == found[1].id


async def test_a_stream_without_a_sign_of_life_is_taken_for_dead(network):
    network.mute = True
    waits = Waits()
    server = MastodonServer(network.address, allow_private=True, silence=0.2)

    async def later():
        await until(lambda: network.connected > 1)
        for number in count():  # on a busy machine the next streams are taken for dead, too
            network.post(number, "delta again")
            await asyncio.sleep(0.05)

    saying = asyncio.create_task(later())
    found, _ = await heard(Mastodon(server, KeywordFilter(["delta"])), 1, waits=waits)
    saying.cancel()
    await server.close()

    assert [event.text for event in found] == ["delta again"]
    assert waits


async def test_too_many_requests_wait_as_long_as_they_are_told_and_a_refusal_says_what_is_missing(
    network, server
):
    network.script = [429, 503, 401]
    waits = Waits()

    with pytest.raises(SourceError, match="EARSHOT_MASTODON_TOKEN"):
        await heard(Mastodon(server, KeywordFilter(["delta"])), 1, waits=waits)

    assert waits == [7.0, 2.0]


async def test_the_token_is_sent_in_the_head_and_never_said(network):
    server = MastodonServer(network.address, "secret-token", allow_private=True)
    network.script = [401, 401]

    with pytest.raises(SourceError) as refused:
        await heard(Mastodon(server, KeywordFilter(["delta"])), 1)
    await server.close()

    assert network.heads[0]["Authorization"] == "Bearer secret-token"
    assert "secret-token" not in f"{refused.value}{server!r}"


async def test_a_reply_names_whom_it_answers_and_is_made_once(network, replier):
    id = f"mastodon:127.0.0.1/{network.post(0, 'delta lost my bag')}"
    before = datetime.now(UTC)

    sent = await replier.reply(id, "We are sorry.", key="reply:1")
    again = await replier.reply(id, "We are sorry.", key="reply:1")
    found = await replier.find_reply(id, "We are sorry.", key="reply:1", since=START)

    assert sent.id == again.id == found.id
    assert len(network.posted) == 1
    assert network.posted[0]["status"] == "@ann We are sorry."
    assert network.posted[0]["visibility"] == "unlisted"
    assert await replier.find_reply(id, "Another text.", key="reply:2", since=before) is None


async def test_a_connection_that_breaks_after_sending_leaves_it_unknown_and_the_reply_is_found(
    network, replier
):
    id = f"mastodon:127.0.0.1/{network.post(0, 'delta lost my bag')}"
    network.after_posting = cut

    with pytest.raises(SentUnknown):
        await replier.reply(id, "We are sorry.", key="reply:1")

    assert await replier.find_reply(id, "We are sorry.", key="reply:1", since=START) is not None


async def test_what_is_gone_is_not_answered_and_a_limit_says_when(network, replier):
    gone, there = (
        f"mastodon:127.0.0.1/{status_id(1)}",
        f"mastodon:127.0.0.1/{network.post(5, 'delta')}",
    )

    with pytest.raises(NotSent, match="gone"):
        await replier.reply(gone, "We are sorry.", key="reply:1")
    assert {id: each.state for id, each in (await replier.lookup([gone, there])).items()} == {
        gone: "gone",
        there: "there",
    }
    network.failures = [(429, {"Retry-After": "30"})]
    with pytest.raises(NotSent) as limited:
        await replier.lookup([there])
    assert limited.value.retry_after == 30.0


async def test_a_wrong_token_is_said_in_one_line(network):
    replier = MastodonReplier(MastodonServer(network.address, "wrong", allow_private=True))
    id = f"mastodon:127.0.0.1/{network.post(0, 'delta')}"

    with pytest.raises(NotSent, match="write:statuses") as refused:
        await replier.reply(id, "We are sorry.", key="reply:1")
    await replier.close()

    assert refused.value.retry_after is None
    assert "wrong" not in str(refused.value)


async def test_mentions_are_heard_through_notifications_when_there_is_a_token(network):
    server = MastodonServer(network.address, "token", allow_private=True)
    id = network.post(0, "@care hello?", told=False)
    notice = {"id": "41", "type": "mention", "status": network.statuses[id]}
    source = Mastodon(server, KeywordFilter(handles=["care"]))
    network.notifications.append(notice)

    (event,), cursor = await heard(source, 1, {"mentions": "12"})
    await server.close()

    assert event.text == "@care hello?"
    assert cursor["mentions"] in ("12", "41")


def test_markup_becomes_the_text_that_people_see():
    link = (
        '<a href="u"><span class="invisible">https://</span>'
        '<span class="ellipsis">delta.com/ba</span></a>'
    )

    assert (
        plain(f"<p>one {link}</p><p>two<br/>three &lt;b&gt;</p>")
        == "one delta.com/ba\n\ntwo\nthree <b>"
    )


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (
            "<h2>VoltLine again</h2>Meter smoking<hr>nobody comes",
            "VoltLine again Meter smoking nobody comes",
        ),
        (
            "no heat<ul><li>gas smell</li><li>my baby is ill</li></ul>",
            "no heat gas smell my baby is ill",
        ),
        ("<p>VoltLine</p><blockquote>my house</blockquote><pre>x</pre>", "VoltLine my house x"),
        ("<table><tr><td>VoltLine</td><td>late</td></tr></table>", "VoltLine late"),
        ("<div>VoltLine</div><div>late</div><ol><li>a</li></ol>", "VoltLine late a"),
        ("un<b>believ</b>able", "unbelievable"),
    ],
)
def test_blocks_of_other_servers_stay_apart(markup, text):
    assert " ".join(plain(markup).split()) == text


def test_a_server_is_an_address():
    for wrong in ("ftp://mastodon.example", "https://user:secret@mastodon.example", "https://"):
        with pytest.raises(ValueError, match="is no server"):
            MastodonServer(wrong)
    assert MastodonServer("mastodon.social").url == "https://mastodon.social"
