"""X on its bad days: tweepy against a small server of our own. Nothing is missing, nothing comes
twice, all is paid.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from servers.web import Waits, heard, until
from servers.x_api import KEYS, NOW, Ledger, XApi, cut_after, post_id

from connectors.base import ConnectorError, SourceError
from connectors.network import Context, ListenQuery
from connectors.x import XNetwork
from connectors.x.client import Api, Keys
from connectors.x.costs import PRICES, Meter
from connectors.x.mentions import XMentions
from connectors.x.rules import Terms
from connectors.x.stream import XStream


@pytest.fixture
async def network():
    async with XApi().open() as running:
        yield running


@pytest.fixture
async def api(network):
    found = Api(KEYS, host=network.address, allow_private=True)
    yield found
    await found.close()


def meter(budget=None, on_budget="stop", *, ledger=None, now=lambda: NOW, **given):
    return Meter("Delta", ledger or Ledger(), budget=budget, on_budget=on_budget, now=now, **given)


def stream(api, paid=None, terms=Terms(("Delta Air Lines",), ("Delta",)), **given):  # noqa: B008  it is frozen
    given = {
        "settle": 0.05,
        "rules_take": 0.0,
        "quiet": 60.0,
        "name": "x:stream:Delta",
        "brand": "Delta",
    } | given
    return XStream(api, terms, paid or meter(), **given)


async def once_connected(network):
    """One post, said when the stream stands."""
    await until(lambda: network.connected > 0)
    network.post(0, "delta 0")


def numbers(events):
    return sorted(int(event.text.split()[-1]) for event in events)


async def test_a_post_becomes_an_event_of_the_brand(network, api):
    root = post_id(-50)
    network.post(
        1,
        "@Delta lost my bag &amp; more",
        conversation_id=root,
        referenced_tweets=[{"type": "replied_to", "id": post_id(-10)}],
        note_tweet={"text": "@Delta lost my bag &amp; more, and here is the long story"},
    )

    (event,), _ = await heard(stream(api), 1)

    assert event.text == "@Delta lost my bag & more, and here is the long story"
    assert (event.conversation, event.in_reply_to) == (f"x:{root}", f"x:{post_id(-10)}")
    assert (event.author, event.followers, event.brand, event.language) == ("ann", 5, "Delta", "en")
    assert event.occurred_at == NOW + timedelta(seconds=1)


async def test_the_rules_on_x_are_kept_in_step_and_those_of_others_are_left_alone(network, api):
    network.rules = [
        {"id": "a", "value": "cats", "tag": "somebody else"},
        {"id": "b", "value": "(@OldHandle) -is:retweet", "tag": "earshot:Delta"},
    ]
    network.post(1, "delta 1")

    await heard(stream(api), 1)
    await heard(stream(api), 1, {"since": post_id(0)})

    assert [(rule["value"], rule["tag"]) for rule in network.rules] == [
        ("cats", "somebody else"),
        ('("Delta Air Lines" OR @Delta) -is:retweet', "earshot:Delta"),
    ]
    assert network.asked.count("POST /2/tweets/search/stream/rules") == 2, (
        "once to add, once to remove"
    )


async def test_what_is_read_is_written_down_while_the_connection_lasts(network, api):
    """A kill would forget it otherwise, and nobody is warned of a budget that nobody knows of."""
    ledger = Ledger()
    source = stream(api, meter(ledger=ledger, written_every=0.05))
    network.post(1, "delta 1")
    network.post(2, "delta 2")
    async with aclosing(source.events(None)) as events:
        reading = asyncio.create_task(_read_on(events))
        await until(lambda: ledger.days.get(("Delta", NOW.date())) == 2 * PRICES["read"])
        network.post(3, "delta 3")
        await until(lambda: ledger.days.get(("Delta", NOW.date())) == 3 * PRICES["read"])
        assert not reading.done()
        reading.cancel()
        await asyncio.wait([reading])
    assert network.connected == 1


async def _read_on(events):
    async for _ in events:
        pass


@pytest.mark.parametrize("trouble", [503, 429, 401])
async def test_a_source_that_goes_on_says_nothing_before_x_has_taken_the_connection(
    network, api, trouble
):
    """What it says counts as a sign that it is connected."""
    network.script = [trouble]
    steps = []
    with pytest.raises(SourceError):
        await _noted(stream(api), steps)
    assert steps == []

    if trouble != 401:
        network.fail("/2/users/99/mentions", trouble)
        mentions = XMentions(api, meter(), name="x:mentions:99", brand="Delta")
        with pytest.raises(SourceError):
            await _noted(mentions, steps)
        assert steps == []


async def _noted(source, steps):
    async for step in source.events({"since": post_id(-5)}):
        steps.append(step)


async def test_what_was_posted_before_a_new_rule_took_effect_is_searched_for(network, api):
    network.post(0, "delta 0")
    listening = stream(api, rules_take=0.2)

    async def later():
        await until(lambda: network.connected == 1)
        network.post(1, "delta 1", told=False)

    saying = asyncio.create_task(later())
    found, _ = await heard(listening, 2)
    await saying

    assert numbers(found) == [0, 1]


async def test_posts_of_somebody_elses_rules_are_not_ours(network, api):
    network.post(1, "cats 1")
    network.order[0] = (
        b'{"data": {"id": "1", "text": "cats"}, "matching_rules": [{"id": "a", "tag": "other"}]}'
    )
    network.post(2, "delta 2")

    found, _ = await heard(stream(api), 1)

    assert numbers(found) == [2]


async def test_cuts_in_the_middle_of_a_line_and_of_a_character_lose_nothing_and_double_nothing(
    network, api
):
    network.script = [
        cut_after(7),
        cut_after(3, bytes=0),
        503,
        cut_after(5, bytes=75),
        cut_after(0),
    ]
    for number in range(10):
        network.post(number, f"délta ✈ {number}")
    waits = Waits()

    async def later():
        for number in range(10, 60):
            if number % 10 == 0:  # each connection hears something, and is cut
                await until(lambda needed=number // 10: network.connected >= needed)
            await asyncio.sleep(0.005)
            network.now = number
            network.post(number, f"délta ✈ {number}")

    saying = asyncio.create_task(later())
    found, _ = await heard(stream(api), 60, waits=waits)
    await saying

    assert numbers(found) == list(range(60))
    assert 5.0 in waits, "503 is waited out as X documents it"


async def test_what_was_posted_between_two_runs_is_searched_for_in_pages_also_out_of_order(
    network, api
):
    network.post(0, "delta 0")
    _, cursor = await heard(stream(api), 1)
    for number in range(1, 251):
        network.post(-20.05 + number / 10, f"delta {number}", told=False)
    network.now = 100

    async def later():
        await until(lambda: len(network.searches) > 2 and network.connected == 2)
        network.post(99, "delta 251")

    saying = asyncio.create_task(later())
    found, cursor = await heard(stream(api), 252, cursor)
    await saying

    assert numbers(found) == list(range(252))
    assert any("next_token" in search for search in network.searches)
    assert int(cursor["since"]) > int(post_id(0)), (
        "the gap is closed up to where the search knows everything"
    )


async def test_repeated_and_reordered_posts_come_once_and_are_paid_once(network, api):
    paid = meter()
    first, second = network.post(1, "delta 1"), network.post(2, "delta 2")
    for id in (second, first, second):
        network.tell(id)
    network.post(0, "delta 0")

    found, _ = await heard(stream(api, paid), 3)

    assert [int(event.text[-1]) for event in found] == [1, 2, 0]
    assert paid.spent == 3 * PRICES["read"]


async def test_an_edit_is_a_revision_of_the_first_post(network, api):
    first, second = post_id(1), post_id(30)
    network.post(1, "delta is late", id=first, conversation_id=first)
    history = {"conversation_id": first, "edit_history_tweet_ids": [first, second]}
    network.post(30, "delta was late", id=second, **history)

    found, _ = await heard(stream(api), 2)

    assert [(event.id, event.revision, event.conversation) for event in found] == [
        (f"x:{first}", 0, f"x:{first}"),
        (f"x:{first}", 1, f"x:{first}"),
    ]


async def test_a_silent_stall_is_taken_for_a_break(network):
    network.mute = True
    api = Api(KEYS, host=network.address, allow_private=True, silence=0.2)

    async def later():
        await until(lambda: network.connected > 1)
        for number in count(1):  # on a busy machine the next streams are taken for dead, too
            network.post(number, f"delta {number}")
            await asyncio.sleep(0.05)

    saying = asyncio.create_task(later())
    found, _ = await heard(stream(api), 1)
    saying.cancel()
    await api.close()

    assert numbers(found)[0] >= 1


async def test_a_stream_of_keep_alives_alone_is_asked_whether_there_really_was_nothing(
    network, api
):
    network.post(0, "delta 0")
    listening = stream(api, quiet=0.2)

    async def later():
        await until(lambda: network.connected == 1)
        network.post(1, "delta 1", told=False)

    saying = asyncio.create_task(later())
    found, _ = await heard(listening, 2)
    await saying

    assert numbers(found) == [0, 1]


async def test_429_is_waited_out_until_xs_own_reset_whatever_our_clock_says(network):
    reset = str(int(NOW.timestamp()) + 90)
    network.script = [(429, {"x-rate-limit-reset": reset}), (429, {})]
    waits = Waits()
    wrong = Api(
        KEYS, host=network.address, allow_private=True, now=lambda: datetime(2031, 1, 1, tzinfo=UTC)
    )

    saying = asyncio.create_task(once_connected(network))
    await heard(stream(wrong), 1, waits=waits)
    await saying
    await wrong.close()

    assert waits[0] == pytest.approx(91, abs=2)
    assert waits[1] == 120.0, "without a reset the documented minutes"


async def test_http_errors_double_and_lost_connections_grow_by_quarters(network, api):
    network.script = [503, 503, 503]
    waits = Waits()
    saying = asyncio.create_task(once_connected(network))
    await heard(stream(api), 1, waits=waits)
    await saying
    assert waits == [5.0, 10.0, 20.0]

    nobody = Api(KEYS, host="http://127.0.0.1:9", allow_private=True)
    linear = []
    for _ in range(4):
        with pytest.raises(SourceError) as lost:
            await heard(stream(nobody), 1, waits=Stop())
        linear.append(lost.value.retry_after)
    await nobody.close()
    assert linear == [0.0, 0.25, 0.5, 0.75]


class Stop:
    """A sleep that nobody waits for: the break is what is looked at."""

    async def __call__(self, seconds):
        raise SourceError("stopped", retry_after=seconds)


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "EARSHOT_X_BEARER_TOKEN"), (403, "no access to the filtered stream")],
)
async def test_a_refusal_ends_it_with_one_line_that_says_what_is_missing(
    network, api, status, words
):
    network.fail("/2/tweets/search/stream", status)

    with pytest.raises(SourceError, match=words) as refused:
        await heard(stream(api), 1)

    assert refused.value.retry_after is None
    assert "\n" not in str(refused.value)
    assert "secret" not in f"{refused.value}{KEYS!r}"


async def test_a_word_that_x_refuses_is_named(network, api):
    odd = Terms(("delta",))
    listening = stream(api, terms=odd)
    listening._rules = odd.rules(brand="Delta", without=None)
    network.fail("/2/tweets/search/stream/rules", 400)

    with pytest.raises(
        SourceError, match=r"the rules of the filtered stream is not possible \(400\)"
    ) as refused:
        await heard(listening, 1)

    assert refused.value.retry_after is None


async def test_xs_own_goodbye_is_a_break_like_any_other(network, api):
    network.post(0, "delta 0")
    network.tell(
        b'{"errors": [{"title": "operational-disconnect",'
        b' "detail": "This stream has been disconnected."}]}'
    )

    async def later():
        await until(lambda: network.connected == 2)
        network.post(1, "delta 1")

    saying = asyncio.create_task(later())
    found, _ = await heard(stream(api), 2)
    await saying

    assert numbers(found) == [0, 1]


async def test_posts_older_than_the_search_are_said_to_be_missing(network, api):
    told = []
    network.post(0, "delta 0")

    await heard(stream(api, on_line=told.append), 1, {"since": post_id(-20 * 86400)})

    assert "are missing: the recent search looks back 7 days" in told[0]


async def test_mentions_are_polled_at_a_fifth_and_none_is_missing_or_double(network, api):
    paid, polls = meter(), Waits()
    source = XMentions(api, paid, name="x:mentions:99", brand="Delta", sleep=polls)
    for number in range(130):
        network.post(number / 100, f"@DeltaCare {number}", told=False, mention=True)
    network.fail("/2/users/99/mentions", 503)

    async def later():
        await until(lambda: len(polls) > 2)
        network.post(-5, "@DeltaCare 130", told=False, mention=True)
        network.post(9, "@DeltaCare 131", told=False, mention=True)

    saying = asyncio.create_task(later())
    found, _ = await heard(source, 132, {"since": post_id(-60)})
    await saying

    assert numbers(found) == list(range(132))
    assert paid.spent == 132 * PRICES["owned_read"]
    assert PRICES["read"] == 5 * PRICES["owned_read"]
    assert set(polls) <= {60.0, 5.0}
    assert "OAuth" in next(
        head["Authorization"] for head in network.heads if "OAuth" in head["Authorization"]
    )


async def test_the_stream_leaves_to_the_poller_what_the_poller_reads(network):
    settings = XNetwork(**asdict(KEYS), api=network.address, listen="both")
    query = ListenQuery(("Delta Air Lines",), ("DeltaCare", "Delta"), brand="Delta")
    both = settings.open_sources(query, Context(Ledger(), allow_private=True))
    network.post(1, "delta 1")

    await heard(both[0], 1)
    for source in both:
        await source.close()

    assert [source.name for source in both] == ["x:stream:Delta", "x:mentions:99"]
    assert network.rules[0]["value"] == '("Delta Air Lines" OR @Delta) -is:retweet -@DeltaCare'


async def test_at_the_budget_reading_stops_and_says_so_once_until_tomorrow(network, api):
    told, waits = [], Waits()
    paid = meter(budget=0.02, on_spent=told.append)  # four posts
    for number in range(6):
        network.post(number, f"delta {number}")

    with pytest.raises(SourceError, match="today's budget is spent") as spent:
        await heard(stream(api, paid), 6, waits=Once(waits))

    assert spent.value.retry_after == pytest.approx(12 * 3600 + 1, abs=60)
    assert len(told) == 1
    # What had arrived with the fourth post is paid for, too; there are six.
    assert re.search(r"0\.0[23] of 0\.02 dollars", str(told[0]))
    assert "tomorrow" in str(told[0])


class Once:
    """Waits that are as long as a day end the test."""

    def __init__(self, waits):
        self.waits = waits

    async def __call__(self, seconds):
        await self.waits(seconds)
        if seconds > 3600:
            raise SourceError("X: today's budget is spent", retry_after=seconds)


async def test_a_restart_knows_what_was_spent_today(network, api):
    ledger = Ledger()
    await ledger.add("Delta", NOW.date(), {"read": 4}, PRICES)
    network.post(0, "delta 0")

    with pytest.raises(SourceError, match="today's budget is spent"):
        async for _ in stream(api, meter(budget=0.02, ledger=ledger)).events(None):
            pass

    assert network.connected == 0


async def test_tomorrow_reading_goes_on_from_then_and_the_pause_is_not_bought_afterwards(
    network, api
):
    now = [NOW]
    paid = meter(budget=0.01, now=lambda: now[0])
    listening = stream(api, paid)
    for number in range(2):
        network.post(number, f"delta {number}")

    async def tomorrow():
        await until(lambda: network.now == 86400 and network.connected == 2)
        network.post(86400 + 1, "delta 5")

    class Overnight:
        async def __call__(self, seconds):
            if seconds > 3600:
                network.post(3, "delta 99", told=False)
                now[0] = NOW + timedelta(days=1)
                network.now = 86400

    saying = asyncio.create_task(tomorrow())
    found, _ = await heard(listening, 3, waits=Overnight())
    await saying

    assert numbers(found) == [0, 1, 5]


async def test_at_the_budget_a_sample_goes_on_to_twice_the_budget(network, api):
    paid = meter(budget=0.01, on_budget="sample")
    for number in range(2):
        network.post(number, f"delta {number}")

    async def later():
        await until(
            lambda: (
                any("sample:10" in rule["value"] for rule in network.rules)
                and network.connected == 2
            )
        )
        network.post(2, "delta 2")
        network.post(3, "delta 3")

    saying = asyncio.create_task(later())
    found, _ = await heard(stream(api, paid), 4)
    await saying

    assert numbers(found) == [0, 1, 2, 3]
    assert paid.finished
    assert [rule["value"] for rule in network.rules] == [
        '("Delta Air Lines" OR @Delta) -is:retweet sample:10'
    ]


async def test_at_the_budget_mentions_alone_are_polled(network, api):
    paid = meter(budget=0.01, on_budget="poll")
    polled = XMentions(api, paid, name="x:mentions:99", brand="Delta", sleep=Waits())
    for number in range(2):
        network.post(number, f"delta {number}")
    network.post(-30, "@DeltaCare 7", told=False, mention=True)

    found, cursor = await heard(stream(api, paid, mentions=polled), 3)

    assert numbers(found) == [0, 1, 7]
    assert cursor["skip"] is True
    assert paid.spent == 2 * PRICES["read"] + PRICES["owned_read"]


async def test_what_must_be_set_first_is_said(network):
    with pytest.raises(ConnectorError, match="EARSHOT_X_ACCESS_TOKEN"):
        XMentions(Api(Keys("bearer")), meter(), name="x")
    with pytest.raises(ConnectorError, match="EARSHOT_X_BEARER_TOKEN"):
        XNetwork().open_sources(ListenQuery(("delta",)), Context(Ledger()))
    with pytest.raises(ConnectorError, match="nothing to listen for"):
        XNetwork(**asdict(KEYS)).open_sources(ListenQuery(handles=("not.of.x",)), Context(Ledger()))
