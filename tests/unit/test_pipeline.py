"""One batch, from bytes to what is stored, published and buried; without Kafka, Postgres or a
model.
"""

from __future__ import annotations

import asyncio

import pytest
from fakes import MemoryStore, Published, message, sentiment_of_length, tweet

from connectors.events import Deleted, encode
from stream.brands import Brand, Brands
from stream.errors import BrokerAway, DatabaseAway
from stream.kafka import MESSAGE_LIMIT
from stream.observe.health import Health
from stream.observe.metrics import Metrics
from stream.pipeline import Message, Pipeline
from stream.triage.judgement import Judge

VOLTLINE = Brands([Brand("VoltLine", handles=("voltlinecare",), words=("voltline",))])


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def pipeline(store, published, health) -> Pipeline:
    return Pipeline(
        judge=Judge(sentiment_of_length, VOLTLINE),
        store=store,
        dead_letters=store,
        publish=published,
        cluster="test",
        metrics=Metrics(),
        health=health,
    )


async def test_a_bad_message_is_buried_and_its_neighbours_survive(pipeline, store, published):
    await pipeline.process(
        [message(b"not json", 1), message(tweet("x:2"), 2), message(b"\xff\xfe", 3)]
    )

    assert list(store.events) == ["x:2"]
    assert [(letter.offset, letter.value) for letter in store.letters] == [
        (1, b"not json"),
        (3, b"\xff\xfe"),
    ]
    assert published.on("dead-letters") == ["1", "2"]
    assert published.on("analyses") == ["x:2"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{}",
        b"[1]",
        b'{"kind": "tweet"}',
        encode(tweet()).replace(b'"schema_version":1', b'"schema_version":2'),
        encode(tweet()).replace(b"2026-03-12", b"9999-99-99"),
        encode(tweet()).replace(b'"x:1"', b'"no network"'),
        b"[" * 100_000,
        encode(tweet()).replace(b'"kind":"tweet"', b'"kind":"my line is down \\u001b]0;x\\u0007"'),
        encode(tweet()).replace(b'"kind":"tweet"', b'"kind":{"my line is down":1}'),
        encode(tweet()).replace(b'"direction":"inbound"', b'"direction":"my line is down"'),
        encode(tweet()).replace(b'"id":"x:1"', b'"id":"my line is down"'),
        encode(tweet()).replace(b'"2026-03-12', b'"my line is down'),
        encode(tweet()).replace(b'"kind"', b'"my line is down":1,"kind"') + b"my line is down",
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_no_event_is_buried_with_a_reason_that_quotes_nothing(pipeline, store, value):
    await pipeline.process([message(value)])

    [letter] = store.letters
    assert letter.reason.startswith("not an event: ")
    assert "my line" not in letter.reason
    assert letter.reason.isprintable()


async def test_one_event_that_can_never_be_saved_is_found_by_halving(pipeline, store):
    store.poison = "x:13"

    await pipeline.process([message(tweet(f"x:{number}"), number) for number in range(64)])

    assert len(store.events) == 63
    assert [letter.offset for letter in store.letters] == [13]


async def test_a_lost_database_is_waited_for_and_nothing_is_buried(pipeline, store, health):
    store.failures = [DatabaseAway("gone"), DatabaseAway("still gone")]

    await pipeline.process([message(tweet())])

    assert list(store.events) == ["x:1"]
    assert store.letters == []
    assert health.waiting_for is None


async def test_while_something_is_away_the_worker_is_alive_but_not_ready(pipeline, store, health):
    health.started = True
    store.failures = [DatabaseAway("gone")] * 1000
    working = asyncio.create_task(pipeline.process([message(tweet())]))
    async with asyncio.timeout(60):
        while health.not_ready() != "waiting for Postgres":
            await asyncio.sleep(0.01)
    assert health.not_alive() is None
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_what_was_saved_but_not_confirmed_is_published_again(pipeline, store, published):
    published.failures = [BrokerAway("gone")]

    await pipeline.process([message(tweet())])

    assert published.on("analyses") == ["x:1"]


async def test_a_redelivery_publishes_what_is_stored_and_changes_nothing(
    pipeline, store, published
):
    await pipeline.process([message(tweet())])
    before = dict(store.events)
    await pipeline.process([message(tweet())])

    assert store.events == before
    assert published.on("analyses") == ["x:1", "x:1"]


async def test_personal_data_is_gone_before_anything_is_stored(pipeline, store):
    await pipeline.process(
        [message(tweet(text="call me on +44 20 7946 0958 or at jo@example.org please"))]
    )

    [scored] = store.events.values()
    assert "7946" not in scored.text
    assert "example.org" not in scored.text


async def test_a_brand_is_found_and_its_own_account_is_outbound(pipeline, store):
    await pipeline.process(
        [
            message(tweet("x:1", "@VoltLineCare my line is down")),
            message(tweet("x:2", "we are on it ^JH", author="VoltLineCare"), 2),
        ]
    )

    assert store.events["x:1"].brand == "VoltLine"
    assert store.events["x:2"].event.direction == "outbound"
    assert store.events["x:2"].analysis is None, "a brand's own words are not judged"


async def test_a_deletion_carries_no_text_and_is_not_judged(pipeline, store):
    gone = Deleted(id="x:1", conversation="x:1", occurred_at=tweet().occurred_at)
    await pipeline.process([Message("tweets", 0, 0, encode(gone))])

    [scored] = store.events.values()
    assert (scored.text, scored.analysis) == ("", None)


async def test_a_replayed_dead_letter_is_resolved_or_says_whose_try_failed(pipeline, store):
    await pipeline.process(
        [
            message(tweet(), 1, headers={"dead-letter-id": b"7"}),
            message(b"still not json", 2, headers={"dead-letter-id": b"8"}),
            message(b"somebody's joke", 3, headers={"dead-letter-id": b"drop table"}),
        ]
    )

    assert store.resolved == [7]
    assert [letter.replayed_as for letter in store.letters] == [8, None]


async def test_a_message_of_the_largest_size_goes_through(pipeline, store):
    await pipeline.process([message(tweet(text="a 12 " * (MESSAGE_LIMIT // 5 - 200)))])

    assert list(store.events) == ["x:1"]


class Turn:
    """The turn of a batch, which comes when the test says so."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.comes = asyncio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await self.comes.wait()


async def test_until_its_turn_a_batch_is_understood_and_nothing_of_it_is_stored_or_buried(
    pipeline, store, published
):
    turn = Turn()
    batch = [message(tweet("x:1"), 0), message(b"no event", 1)]
    working = asyncio.create_task(pipeline.process(batch, turn))
    await turn.reached.wait()

    assert (store.events, store.letters, published.messages) == ({}, [], [])
    turn.comes.set()
    await working
    assert list(store.events) == ["x:1"]
    assert [letter.offset for letter in store.letters] == [1]


@pytest.mark.parametrize("events", [1, 2, 8])
async def test_a_batch_that_cannot_be_understood_waits_for_its_turn_too(
    pipeline, store, monkeypatch, events
):
    def broken(*_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(pipeline._judge, "read", broken)
    turn = Turn()
    batch = [message(tweet(f"x:{number}"), number) for number in range(events)]
    working = asyncio.create_task(pipeline.process(batch, turn))
    await asyncio.sleep(0.05)

    assert store.letters == []
    turn.comes.set()
    await working
    assert len(store.letters) == events
