"""What the networks share: words and rules, addresses that are refused, waits, prices, and
settings.
"""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web
from fakes import NOON, tweet
from tenacity import wait_incrementing

from connectors import guard
from connectors.backoff import Backoff, doubling
from connectors.base import ConnectorError
from connectors.imap import ImapNetwork
from connectors.keywords import KeywordFilter
from connectors.network import Context
from connectors.revisions import RecentRevisions
from connectors.x.client import Keys, ServerClock
from connectors.x.costs import PRICES, Meter
from connectors.x.posts import first_id_at, post_event, posted_at
from connectors.x.rules import LONGEST, Terms
from stream.brands import Brand, Brands
from stream.errors import UserError
from stream.ingest.networks import listen_query, open_replier
from stream.settings import read_networks, read_settings

BRANDS = Brands(
    [
        Brand("Delta", handles=("Delta", "delta.example"), words=("Delta Air Lines",)),
        Brand("Quiet", words=("quiet",), networks=frozenset({"x"})),
    ]
)


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("I hate delta", True),
        ("#Delta again", True),
        ("the deltas of the Nile", False),
        ("DELTA, why", True),
        ("at Great   Western\nRailway", True),
        ("@brand.example hello", True),
        ("ask @Brand.example.", True),
        ("@brand.example.org hello", False),
        ("mail me at me@brand.example", False),
        ("ünited", False),
    ],
)
def test_words_are_heard_as_words_and_handles_as_handles(text, heard):
    assert KeywordFilter(["delta ", "great western railway"], ["@brand.example"])(text) is heard


def test_the_same_wish_has_the_same_name_in_any_order():
    assert (
        KeywordFilter(["b", "A"], ["c"]).name == KeywordFilter(["A", "b"], ["@c"]).name == "@c,A,b"
    )
    with pytest.raises(ValueError, match="nothing to listen for"):
        KeywordFilter([" "], ["@"])


def test_rules_hold_every_term_once_within_their_length():
    words = tuple(f"word number {number}" for number in range(100))
    rules = Terms((*words, "#tag", words[0]), ("Delta", "@DeltaCare")).rules(
        brand="Delta", without="deltacare"
    )

    assert len(rules) > 1
    assert all(len(rule.sampled(100).value) <= LONGEST for rule in rules)
    said = " ".join(rule.value for rule in rules)
    assert all(said.count(f'"{word}"') == 1 for word in words)
    assert said.count("#tag OR @Delta)") == 1
    assert all(rule.value.endswith(" -is:retweet -@deltacare") for rule in rules)
    assert {rule.tag for rule in rules} == {"earshot:Delta"}


def test_a_word_can_break_no_rule():
    (rule,) = Terms(('say "hello" OR from:me',)).rules(brand=None, without=None)

    assert rule.value == '("say hello OR from:me") -is:retweet'
    with pytest.raises(ValueError, match="longer than a rule"):
        Terms(("a" * 600,)).rules(brand=None, without=None)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:0a00:0001::", False),
        ("::127.0.0.1", False),
        ("::10.0.0.1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("64:ff9b::10.1.2.3", False),
        ("64:ff9b::93.184.215.14", True),
        ("fec0::1", False),
        ("feff::1", False),
        ("64:ff9b:1::a9fe:a9fe", False),
        ("64:ff9b:1:ffff::8.8.8.8", False),
        ("::ffff:0:127.0.0.1", False),
        ("::ffff:0:93.184.215.14", True),
        ("3fff::1", False),
        ("3fff:fff::1", False),
        ("5f00::1", False),
        ("192.0.0.8", False),
        ("192.0.0.171", False),
        ("2600::5efe:127.0.0.1", False),
        ("2600::200:5efe:169.254.169.254", False),
        ("2600::200:5efe:93.184.215.14", True),
        ("2600::201:5efe:127.0.0.1", True),
    ],
)
def test_private_addresses_are_known_however_they_are_written(address, public):
    assert guard.is_public(address) is public


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/"])
async def test_a_guarded_session_connects_to_no_private_address_by_name_or_number(url):
    async with aiohttp.ClientSession(connector=guard.connector(allow_private=False)) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            await session.get(url)
    assert guard.refused(refused.value)


async def test_neither_a_redirect_nor_a_name_that_changes_its_address_leads_into_a_private_network(
    monkeypatch,
):
    """127.0.0.2 plays the public internet here, 127.0.0.1 the network behind it."""
    asked = []

    async def elsewhere(request):
        asked.append(request.url.host)
        return web.Response(
            status=302, headers={"Location": str(request.url.with_host("127.0.0.1"))}
        )

    app = web.Application()
    app.router.add_get("/", elsewhere)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", 0).start()
    port = runner.addresses[0][1]
    monkeypatch.setattr(guard, "is_public", lambda address: address == "127.0.0.2")
    answers = ["127.0.0.2", "127.0.0.1"]

    async def changing(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", changing)
    try:
        for url, follow in (
            (f"http://127.0.0.2:{port}/", True),
            (f"http://rebound.example:{port}/", False),
        ):
            async with aiohttp.ClientSession(
                connector=guard.connector(allow_private=False)
            ) as session:
                if not follow:
                    assert (await session.get(url, allow_redirects=False)).status == 302
            async with aiohttp.ClientSession(
                connector=guard.connector(allow_private=False)
            ) as session:
                with pytest.raises(aiohttp.ClientConnectorError) as refused:
                    await session.get(url)
            assert guard.refused(refused.value)
    finally:
        await runner.cleanup()
    assert asked == ["127.0.0.2", "rebound.example"], "the private address was never spoken to"


def test_waits_grow_to_their_most_and_begin_anew():
    linear = Backoff(wait_incrementing(start=0.0, increment=0.25, max=0.5))
    backoff = doubling(5.0, 15.0)

    assert [linear.next() for _ in range(4)] == [0.0, 0.25, 0.5, 0.5]
    assert [backoff.next() for _ in range(3)] == [5.0, 10.0, 15.0]
    backoff.reset()
    assert backoff.next() == 5.0


def test_what_was_seen_is_known_by_its_revision_and_in_bounded_memory():
    seen = RecentRevisions(limit=2)

    assert [seen.is_new(tweet("x:1", revision=revision)) for revision in (1, 1, 0, 2)] == [
        True,
        False,
        False,
        True,
    ]
    seen.is_new(tweet("x:2"))
    seen.is_new(tweet("x:3"))
    assert seen.is_new(tweet("x:1"))


def test_xs_ids_hold_their_time():
    assert posted_at(first_id_at(NOON)) == NOON
    post = {"id": "20", "text": "a", "author_id": "1", "lang": "und"}
    assert post_event(post, {}, brand=None).language is None


def test_xs_clock_is_believed_and_ours_may_jump():
    monotonic = [0.0]
    clock = ServerClock(lambda: datetime(1970, 1, 1, tzinfo=UTC), lambda: monotonic[0])

    assert clock().year == 1970
    clock.hear("Thu, 12 Mar 2026 12:00:00 GMT")
    monotonic[0] = 60.0
    assert clock() == NOON + timedelta(minutes=1)
    clock.hear("nonsense")
    assert clock() == NOON + timedelta(minutes=1)


async def test_a_new_day_has_a_new_budget_and_a_clock_that_jumps_back_buys_none():
    class Ledger:
        def __init__(self):
            self.paid = {}

        async def add(self, brand, day, counts, prices):
            self.paid[day] = self.paid.get(day, 0) + sum(
                prices[what] * count for what, count in counts.items()
            )
            return self.paid[day]

    now = [NOON]
    paid = Meter("Delta", Ledger(), budget=0.01, on_budget="stop", now=lambda: now[0])
    paid.read(["1", "2", "2"])
    await paid.settle()
    assert paid.exhausted
    now[0] = NOON + timedelta(days=1)
    assert not paid.exhausted
    paid.read(["2"])
    paid.posted("see https://delta.example")
    assert paid.spent == PRICES["read"] + PRICES["post_with_url"]
    now[0] = NOON
    assert paid.exhausted


def test_a_brand_is_listened_for_by_its_words_and_handles_where_it_wants_to_be():
    assert listen_query(BRANDS, "bluesky", "delta", ["late"], ["@me"]).keywords == (
        "Delta Air Lines",
        "late",
    )
    assert listen_query(BRANDS, "bluesky", "delta", [], []).handles == ("Delta", "delta.example")
    assert listen_query(BRANDS, "bluesky", None, ["late"], []).brand is None
    for brand, words in (
        ("Quiet", "does not listen on bluesky"),
        ("Nobody", "there is no brand"),
        (None, "--keyword"),
    ):
        with pytest.raises(UserError, match=words):
            listen_query(BRANDS, "bluesky", brand, [], [])


def test_a_mailbox_is_read_whole():
    assert listen_query(BRANDS, "imap", "delta", [], []).brand == "Delta"
    assert listen_query(BRANDS, "imap", None, [], []).keywords == ()
    with pytest.raises(UserError, match="there is no brand"):
        listen_query(BRANDS, "imap", "Nobody", [], [])
    with pytest.raises(ConnectorError, match="leave --keyword"):
        ImapNetwork().open_sources(listen_query(BRANDS, "imap", None, ["late"], []), Context(None))


def test_secrets_show_in_no_repr(monkeypatch):
    monkeypatch.setenv("EARSHOT_HOOK_SECRETS", "shop=secret-of-the-shop, forms=another=secret")
    monkeypatch.setenv("EARSHOT_MASTODON_TOKEN", "secret-token")
    settings = read_settings()

    assert settings.hook_secrets["forms"].get_secret_value() == "another=secret"
    assert "secret-" not in repr(settings)
    assert "secret-" not in repr(read_networks())
    assert "bearer" not in repr(Keys("bearer"))
    monkeypatch.setenv("EARSHOT_HOOK_SECRETS", "secret-of-the-shop")
    with pytest.raises(UserError, match="EARSHOT_HOOK_SECRETS") as wrong:
        read_settings()
    assert "secret-of" not in str(wrong.value)


def test_a_setting_that_became_a_constant_breaks_no_start(monkeypatch):
    for name in ("X_SAMPLE", "X_POLL_SECONDS", "IMAP_POLL_SECONDS", "LLM_RETRIES", "OIDC_CLAIM"):
        monkeypatch.setenv(f"EARSHOT_{name}", "nonsense")

    read_settings()


def test_a_wrong_setting_of_a_network_is_named_at_every_start(monkeypatch):
    monkeypatch.setenv("EARSHOT_X_DAILY_BUDGET", "much")

    with pytest.raises(ConnectorError, match=r"^EARSHOT_X_DAILY_BUDGET: .*deploy/env\.example$"):
        read_settings()


async def test_replies_go_into_the_file_where_one_is_set(tmp_path):
    answers = open_replier("x", Context(None), outbox=tmp_path / "outbox.jsonl")

    sent = await answers.reply("x:1", "We are sorry.", key="reply:1")

    assert sent.id.startswith("file:")
    assert "We are sorry." in (tmp_path / "outbox.jsonl").read_text()
