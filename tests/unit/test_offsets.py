"""Offsets of the consumer: a message that nobody handled is never committed, and is read again."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from stream.offsets import PATIENCE, READINGS, CarefulConsumer, committable, left_out

TWEETS = TP("tweets", 3)


class Consumer(CarefulConsumer):
    """The real bookkeeping without a broker behind it. sought: where it was told to go on."""

    def __init__(self, committed: int | None) -> None:
        self._absent, self._first, self._last = defaultdict(dict), {}, {}
        self._at, self._holes = {}, {}
        self._acked, self._acked_index = defaultdict(list), defaultdict(set)
        self._committed_offset = defaultdict(lambda: None, {TWEETS: committed})
        self._read_offset: dict[TP, int | None] = {}
        self._unacked_messages = []
        self.sought: list[int] = []

    def assignment(self) -> set[TP]:
        return {TWEETS}

    async def seek_wait(self, partitions: Any) -> None:
        self.moved(partitions)
        self.sought += partitions.values()

    def handled(self, *offsets: int) -> None:
        for offset in offsets:
            if offset not in self._acked_index[TWEETS]:
                self._acked[TWEETS].append(offset)
                self._acked_index[TWEETS].add(offset)

    def commit_now(self) -> int | None:
        offset = self._new_offset(TWEETS)
        if offset is not None:
            self._committed_offset[TWEETS] = offset
        return offset

    def look(self, *moments: float) -> list[int]:
        """Where it goes back to, looking at these seconds."""

        async def looks() -> None:
            for moment in moments:
                await self._look(TWEETS, moment)

        asyncio.run(looks())
        return self.sought


@pytest.mark.parametrize("dropped", [1, 2, 3, 10, 200])
def test_what_was_dropped_is_not_committed_however_little_it_is(dropped):
    consumer = Consumer(committed=659)
    consumer.note_fetch(TWEETS, list(range(659, 900)))
    consumer.handled(*range(659 + dropped, 900))

    assert consumer.commit_now() is None
    consumer.handled(*range(659, 659 + dropped))
    assert consumer.commit_now() == 900


@pytest.mark.parametrize("dropped", [1, 2, 5])
def test_before_anything_is_committed_the_first_message_fetched_is_the_first_to_commit(dropped):
    consumer = Consumer(committed=None)
    consumer.note_fetch(TWEETS, [0, 1, 2, 3, 4, 5, 6])
    consumer.handled(*range(dropped, 7))

    assert consumer.commit_now() is None


def test_a_jump_in_what_is_delivered_is_no_gap():
    consumer = Consumer(committed=659)
    consumer.note_fetch(TWEETS, [659, 660, 661, 662])
    asyncio.run(consumer._add_gap(TWEETS, 659, 661))
    consumer.handled(661, 662)

    assert consumer.commit_now() is None


def test_what_the_broker_does_not_have_is_passed_over_within_a_fetch_and_between_two():
    consumer = Consumer(committed=10)
    consumer.note_fetch(TWEETS, [10, 11, 13])
    consumer.note_fetch(TWEETS, [17, 18])
    consumer.handled(10, 11, 13, 17, 18)

    assert consumer.commit_now() == 19


def test_after_the_client_was_moved_a_jump_proves_nothing():
    consumer = Consumer(committed=10)
    consumer.note_fetch(TWEETS, [10, 11])
    consumer.moved(None)
    consumer.note_fetch(TWEETS, [14, 15])
    consumer.handled(10, 11, 14, 15)

    assert consumer.commit_now() == 12
    assert consumer.commit_now() is None


def test_what_was_dropped_is_read_again_after_a_while():
    consumer = Consumer(committed=659)
    consumer.note_fetch(TWEETS, [659, 660])
    consumer.handled(660)
    assert consumer.commit_now() is None

    assert consumer.look(0.0, PATIENCE - 1) == []
    assert consumer.look(PATIENCE) == [659]
    consumer.note_fetch(TWEETS, [659, 660])
    consumer.handled(659)
    assert consumer.commit_now() == 661
    assert consumer.look(PATIENCE * 2, PATIENCE * 4) == [659]


def test_the_last_message_is_read_again_too():
    consumer = Consumer(committed=659)
    consumer.note_fetch(TWEETS, [659])

    assert consumer.look(0.0, PATIENCE) == [659]


@pytest.mark.parametrize("offset", [659, 660])
def test_what_is_in_hand_is_waited_for(offset):
    consumer = Consumer(committed=659)
    consumer.note_fetch(TWEETS, [659, 660])
    consumer._unacked_messages.append(SimpleNamespace(tp=TWEETS, offset=offset))

    assert consumer.look(0.0, PATIENCE, 100 * PATIENCE) == []


def test_a_broker_that_does_not_have_it_is_believed_after_some_readings():
    consumer = Consumer(committed=659)
    consumer.note_fetch(TWEETS, [660])
    consumer.handled(660)
    assert consumer.commit_now() is None
    for reading in range(READINGS + 1):
        consumer.look(reading * PATIENCE)
        consumer.moved(None)
        consumer.note_fetch(TWEETS, [660])
    consumer.look((READINGS + 1) * PATIENCE)

    assert consumer.sought == [659] * READINGS
    assert consumer.commit_now() == 661


@given(
    start=st.integers(0, 50),
    acked=st.sets(st.integers(0, 80)),
    given_out=st.sets(st.integers(0, 80), min_size=2),
)
def test_nothing_is_committed_over_a_message_that_is_not_handled(start, acked, given_out):
    offsets = sorted(given_out)
    absent = left_out(offsets)
    missing = {at for begin, end in absent.items() for at in range(begin, end)}
    end, waiting = committable(start, sorted(acked, reverse=True), absent)

    assert set(range(start, end)) <= acked | missing
    assert set(waiting) == {offset for offset in acked if offset >= end}


def waiting_consumer() -> CarefulConsumer:
    """What mode's `wait_first` reads, and no Kafka."""
    consumer = CarefulConsumer.__new__(CarefulConsumer)
    consumer.loop = asyncio.get_running_loop()
    consumer._stopped, consumer._crashed = asyncio.Event(), asyncio.Event()
    return consumer


async def test_a_message_that_there_is_room_for_is_handed_over_without_a_task():
    handed: list[int] = []
    tasks = len(asyncio.all_tasks())

    async def hand_over() -> str:
        handed.append(len(asyncio.all_tasks()) - tasks)
        return "handed over"

    done = await waiting_consumer().wait_first(hand_over(), asyncio.Event().wait())

    assert handed == [0]
    assert (done.results, done.stopped) == (["handed over"], False)


async def test_a_message_that_must_wait_for_room_is_handed_over_when_there_is_some():
    room, handed = asyncio.Event(), []

    async def hand_over() -> str:
        await room.wait()
        await asyncio.sleep(0)
        handed.append("x:1")
        return "handed over"

    waiting = asyncio.create_task(
        waiting_consumer().wait_first(hand_over(), asyncio.Event().wait())
    )
    await asyncio.sleep(0)
    assert (handed, waiting.done()) == ([], False)
    room.set()

    assert (await waiting).results == ["handed over"]
    assert handed == ["x:1"]


async def test_a_message_that_waits_for_room_is_let_go_when_the_flow_stops():
    stop, gone = asyncio.Event(), []

    async def hand_over() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            gone.append("x:1")
            raise

    waiting = asyncio.create_task(waiting_consumer().wait_first(hand_over(), stop.wait()))
    await asyncio.sleep(0)
    stop.set()

    await waiting
    await asyncio.sleep(0)
    assert gone == ["x:1"]


async def test_an_error_of_a_handed_message_is_the_consumers():
    async def broken() -> None:
        raise LookupError("no such topic")

    async def broken_later() -> None:
        await asyncio.sleep(0)
        raise LookupError("no such topic")

    for hand_over in (broken, broken_later):
        with pytest.raises(LookupError, match="no such topic"):
            await waiting_consumer().wait_first(hand_over(), asyncio.Event().wait())


async def test_a_consumer_that_was_stopped_says_so():
    async def hand_over() -> None: ...

    consumer = waiting_consumer()
    consumer._stopped.set()

    assert (await consumer.wait_first(hand_over(), asyncio.Event().wait())).stopped
