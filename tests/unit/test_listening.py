"""Listening to a live source: breaks, cursors, deletions, and a broker that is away."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.structs import TopicPartition
from fakes import NOON, tweet

from connectors.base import SourceError
from connectors.events import Checkpoint, Complaint, Deleted, SourcedEvent, decode
from stream.errors import BrokerAway, DatabaseAway
from stream.ingest.live import Listener


class Source:
    """Plays its connections one after the other; what is raised ends one."""

    name = "test"

    def __init__(self, *connections) -> None:
        self.connections = list(connections)
        self.opened = []

    async def events(self, cursor):
        self.opened.append(cursor)
        for each in self.connections.pop(0):
            if isinstance(each, Exception):
                raise each
            yield each


class Broker:
    def __init__(self, *failures) -> None:
        self.failures = list(failures)
        self.messages = []

    async def publish(self, messages):
        if self.failures:
            raise self.failures.pop(0)
        self.messages += messages
        return {TopicPartition("tweets", 0): len(self.messages)}

    @property
    def ids(self):
        return [decode(each.value).id for each in self.messages]


class Places(dict):
    """Cursors, buried letters and stored conversations in memory."""

    def __init__(self, broker, stored=()) -> None:
        super().__init__()
        self.broker = broker
        self.stored = dict(stored)
        self.told = []
        self.buried = []
        self.away = 0

    async def cursor(self, source):
        return self.get(source)

    async def set_cursor(self, source, cursor):
        if self.away:
            self.away -= 1
            raise DatabaseAway("the database cannot be reached")
        self[source] = cursor
        self.told.append((cursor, len(self.broker.messages)))

    async def conversations(self, ids):
        return {id: self.stored[id] for id in ids if id in self.stored}

    async def bury(self, letters):
        self.buried += letters


def posts(first, last):
    return [SourcedEvent(tweet(f"x:{number}"), number) for number in range(first, last + 1)]


def listener(source, broker, places, waits=None, **given):
    waits = [] if waits is None else waits

    async def sleep(seconds):
        waits.append(seconds)

    return Listener(
        source, broker, places, places.bury, on_line=lambda line: None, sleep=sleep, **given
    )


async def test_a_break_is_waited_out_and_reading_goes_on_from_the_last_confirmed_cursor():
    broker, waits = Broker(), []
    lost = SourceError("lost", retry_after=7.0)
    source = Source([*posts(1, 3), lost], [lost], posts(3, 5))
    places = Places(broker)

    await listener(source, broker, places, waits).run()

    assert broker.ids == ["x:1", "x:2", "x:3", "x:3", "x:4", "x:5"], (
        "the source drops what comes twice, not we"
    )
    assert source.opened == [None, 3, 3]
    assert waits == [7.0, 7.0]
    assert places["test"] == 5


async def test_a_cursor_is_stored_only_behind_what_the_broker_has_confirmed():
    broker = Broker(BrokerAway("gone"), BrokerAway("gone"))
    places = Places(broker)

    await listener(Source(posts(1, 1200)), broker, places, clock=iter(range(10_000)).__next__).run()

    assert len(broker.messages) == 1200
    assert all(cursor <= confirmed for cursor, confirmed in places.told)
    assert places["test"] == 1200


async def test_who_is_asked_to_leave_leaves_the_cursor_behind():
    broker = Broker()
    places = Places(broker)

    class Endless(Source):
        async def events(self, cursor):
            for each in posts(1, 3):
                yield each
            await asyncio.Event().wait()

    running = asyncio.create_task(listener(Endless(), broker, places, clock=lambda: 0.5).run())
    while len(broker.messages) < 3:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})

    assert places["test"] == 3


async def test_a_source_that_only_passes_moves_its_cursor_too():
    broker = Broker()
    places = Places(broker)

    await listener(Source([Checkpoint(10), Checkpoint(20)]), broker, places).run()

    assert places["test"] == 20
    assert broker.messages == []


async def test_what_a_source_skips_is_counted_by_its_reason():
    broker = Broker()
    steps = [
        Checkpoint(1, skipped="an automatic answer"),
        Checkpoint(2, skipped="it cannot be read (ValueError)"),
        Checkpoint(3, skipped="it cannot be read (TypeError)"),
        Checkpoint(4),
    ]
    listening = listener(Source(steps), broker, Places(broker))

    await listening.run()

    assert listening.stats.skipped == {"an automatic answer": 1, "it cannot be read": 2}


def mail(number, *, answers=None, conversation=None):
    id = f"email:{number}"
    return SourcedEvent(
        Complaint(
            id=id,
            conversation=f"email:{conversation or answers or number}",
            in_reply_to=answers and f"email:{answers}",
            occurred_at=NOON,
            text="hello",
        ),
        number,
    )


async def test_an_answer_to_an_answer_joins_the_conversation_that_is_known():
    broker = Broker()
    places = Places(broker, {"email:7": "email:root7", "email:9": "email:root9"})
    mails = [
        *(mail(1), mail(2, answers=1), mail(3, answers=2), mail(4, answers=3, conversation=3)),
        *(mail(8, answers=7), mail(10, answers=99, conversation=9), mail(11, answers=98)),
    ]

    lost = SourceError("lost", retry_after=0.0)
    await listener(Source([*mails[:2], lost], mails[2:]), broker, places).run()

    told = [decode(each.value).conversation for each in broker.messages]
    assert told[:4] == ["email:1"] * 4, "whether it was published before or just now"
    assert told[4:] == ["email:root7", "email:root9", "email:98"]


async def test_the_conversation_of_a_post_is_the_networks_own():
    broker = Broker()
    places = Places(broker, {"x:7": "x:elsewhere"})
    reply = SourcedEvent(tweet("x:2", conversation="x:root2", in_reply_to="x:7"), 2)

    await listener(Source([reply]), broker, places).run()

    assert decode(broker.messages[0].value).conversation == "x:root2"


async def test_a_database_that_is_away_for_a_moment_costs_nothing():
    broker = Broker()
    places = Places(broker)
    places.away = 1
    source = Source([*posts(1, 2), SourceError("lost", retry_after=0.0)], posts(3, 4))

    await listener(source, broker, places).run()

    assert broker.ids == ["x:1", "x:2", "x:3", "x:4"]
    assert source.opened == [None, 2], "what the broker has counts, stored or not"
    assert places["test"] == 4


async def test_only_deletions_of_what_was_heard_or_stored_are_passed_on_with_their_conversation():
    broker = Broker()
    places = Places(broker, {"x:8": "x:root8"})
    gone = [
        SourcedEvent(Deleted(id=id, conversation=id, occurred_at=NOON), number)
        for number, id in enumerate(("x:8", "x:strange", "x:2", "x:1"))
    ]
    reply = SourcedEvent(tweet("x:2", conversation="x:root2"), 2)

    await listener(Source([*posts(1, 1), *gone[:2], reply, *gone[2:]]), broker, places).run()

    told = [
        (event.id, event.conversation) for event in (decode(each.value) for each in broker.messages)
    ]
    assert told == [
        ("x:1", "x:1"),
        ("x:8", "x:root8"),
        ("x:2", "x:root2"),
        ("x:2", "x:root2"),
        ("x:1", "x:1"),
    ]


async def test_what_no_waiting_helps_ends_it_after_what_came_before_is_published():
    broker = Broker()
    places = Places(broker)

    with pytest.raises(SourceError, match="refused"):
        await listener(Source([*posts(1, 3), SourceError("refused")]), broker, places).run()

    assert broker.ids == ["x:1", "x:2", "x:3"]
    assert places["test"] == 3


async def test_a_fault_of_a_source_is_not_swallowed():
    broker = Broker()

    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(
            listener(Source([*posts(1, 1), ZeroDivisionError()]), broker, Places(broker)).run(), 60
        )


async def test_an_event_that_is_too_large_is_buried_and_the_rest_goes_on():
    broker = Broker()
    places = Places(broker)
    large = SourcedEvent(tweet("x:2", "a" * 300_000), 2)

    await listener(Source([*posts(1, 1), large, *posts(3, 3)]), broker, places).run()

    assert broker.ids == ["x:1", "x:3"]
    assert len(places.buried) == 1
