"""From a source to Kafka: topics, keys, sizes, pace, cursors."""

from __future__ import annotations

import time

import pytest
from aiokafka.structs import TopicPartition
from fakes import NOON, tweet

from connectors.events import Complaint, Deleted, SourcedEvent, Transcript, Turn
from stream.errors import BrokerAway
from stream.ingest.publish import ingest


class Broker:
    """Confirms what it is given; its failures come first."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.messages = []

    async def publish(self, messages):
        if self.failures:
            raise self.failures.pop(0)
        self.messages += messages
        return {TopicPartition("tweets", 0): len(self.messages)}


class Letters(list):
    async def bury(self, letters):
        self += letters


def sourced(*events):
    return [SourcedEvent(event, number) for number, event in enumerate(events)]


async def test_every_kind_goes_to_its_topic_under_its_conversation():
    broker = Broker()
    said = {"conversation": "x:1", "occurred_at": NOON}
    events = (
        tweet("x:2", conversation="x:1"),
        Complaint(id="form:1", text="a complaint", **said),
        Transcript(id="call:1", turns=(Turn(speaker="customer", text="hello"),), **said),
        Deleted(id="call:1", of="transcript", **said),
    )

    await ingest(sourced(*events), broker, name="test", bury=Letters().bury)

    assert [(each.topic, each.key) for each in broker.messages] == [
        ("tweets", "x:1"),
        ("complaints", "x:1"),
        ("transcripts", "x:1"),
        ("transcripts", "x:1"),
    ]


async def test_an_event_larger_than_a_message_is_buried_once_with_its_bytes():
    broker, letters = Broker(), Letters()
    events = sourced(tweet("x:1", "a" * 300_000), tweet("x:2"))

    done = await ingest(events, broker, name="test", bury=letters.bury)
    await ingest(events, broker, name="test", bury=letters.bury)

    assert (done.events, done.too_large) == (1, 1)
    assert len(letters[0].value) > 300_000
    assert letters[0] == letters[1], "the same key: the table holds it once"


async def test_a_cursor_is_told_only_after_the_broker_confirmed_what_stands_before_it():
    broker, told = Broker(), []

    async def confirmed(done, cursor):
        told.append((len(broker.messages), cursor))

    events = sourced(*(tweet(f"x:{number}") for number in range(1200)))
    await ingest(events, broker, name="test", bury=Letters().bury, on_confirmed=confirmed)

    assert told == [(500, 499), (1000, 999), (1200, 1199)]


async def test_a_broker_that_is_away_for_a_moment_is_tried_again():
    broker = Broker(BrokerAway("gone"))

    done = await ingest(sourced(tweet()), broker, name="test", bury=Letters().bury)

    assert done.events == 1
    assert len(broker.messages) == 1


async def test_a_rate_is_an_upper_bound():
    started = time.monotonic()
    await ingest(
        sourced(*(tweet(f"x:{number}") for number in range(100))),
        Broker(),
        name="test",
        bury=Letters().bury,
        rate=200,
    )

    assert time.monotonic() - started >= 0.4


async def test_an_error_of_the_source_is_not_swallowed():
    def broken():
        yield from sourced(tweet())
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        await ingest(broken(), Broker(), name="test", bury=Letters().bury)
