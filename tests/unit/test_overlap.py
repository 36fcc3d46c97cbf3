"""Batches in hand: the next is understood while one is stored; acknowledged in order, and last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from stream.app import _listener
from stream.overlap import FILLS_WITHIN, overlapped

LONG = 3600.0  # seconds: nothing here waits for a clock


class Source:
    """What arrives; the queue stays open until `end`."""

    def __init__(self, *arrivals: str) -> None:
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.taken = 0
        for arrival in arrivals:
            self._queue.put_nowait(arrival)

    def put(self, arrival: str) -> None:
        self._queue.put_nowait(arrival)

    def end(self) -> None:
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (arrival := await self._queue.get()) is not None:
            self.taken += 1
            yield arrival


class Desk:
    """Handles batches; each step waits until the test lets it go on."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, str]] = []
        self._gates: dict[tuple[str, str], asyncio.Event] = {}
        self._happened = asyncio.Condition()

    def let(self, step: str, batch: str) -> None:
        self._gate(step, batch).set()

    def let_all(self, batches: str) -> None:
        for batch in batches:
            self.let("understand", batch)
            self.let("store", batch)

    async def handle(self, batch: Sequence[str], turn) -> None:
        name = "".join(batch)
        await self._do("understand", name)
        await turn()
        await self._do("store", name)
        self.steps.append(("acknowledged", name))

    async def until(self, *step: str) -> None:
        async with asyncio.timeout(60), self._happened:
            await self._happened.wait_for(lambda: step in self.steps)

    async def _do(self, step: str, batch: str) -> None:
        async with self._happened:
            self.steps.append((step, batch))
            self._happened.notify_all()
        await self._gate(step, batch).wait()

    def _gate(self, *step: str) -> asyncio.Event:
        return self._gates.setdefault(step, asyncio.Event())


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def let_run() -> None:
    """Everything that can go on has gone on."""
    for _ in range(100):
        await asyncio.sleep(0)


async def test_the_next_batch_is_understood_while_the_one_before_is_stored(desk):
    source = Source("a", "b")
    working = asyncio.create_task(overlapped(aiter(source), desk.handle, limit=1))
    desk.let("understand", "a")

    await desk.until("store", "a")
    await desk.until("understand", "b")

    assert ("acknowledged", "a") not in desk.steps
    desk.let_all("ab")
    source.end()
    await working


async def test_a_batch_that_is_understood_early_waits_for_its_turn(desk):
    source = Source("a", "b")
    source.end()
    working = asyncio.create_task(overlapped(aiter(source), desk.handle, limit=1))
    desk.let("understand", "a")
    desk.let_all("b")
    await desk.until("understand", "b")
    await let_run()

    assert ("store", "b") not in desk.steps
    desk.let("store", "a")
    await working
    assert desk.steps[-3:] == [("acknowledged", "a"), ("store", "b"), ("acknowledged", "b")]


async def test_no_third_batch_is_begun_and_the_source_waits_too(desk):
    source = Source(*"abcdefgh")
    working = asyncio.create_task(overlapped(aiter(source), desk.handle, limit=1))
    for batch in "abc":
        desk.let("understand", batch)
    await desk.until("understand", "b")
    await let_run()

    assert ("understand", "c") not in desk.steps
    assert source.taken <= 4, "two in hand, one that waits, one on its way"
    desk.let_all("abcdefgh")
    source.end()
    await working
    assert [batch for step, batch in desk.steps if step == "acknowledged"] == list("abcdefgh")


async def test_what_has_come_meanwhile_is_one_batch(desk):
    source = Source("a")
    working = asyncio.create_task(overlapped(aiter(source), desk.handle, limit=3))
    await desk.until("understand", "a")
    for arrival in "bcdef":
        source.put(arrival)
    source.end()
    for batch in ("a", "bcd", "ef"):
        desk.let("understand", batch)
        desk.let("store", batch)
    await working

    assert [batch for step, batch in desk.steps if step == "acknowledged"] == ["a", "bcd", "ef"]


async def test_a_full_batch_waits_for_nothing(desk):
    source = Source(*"abcd")
    desk.let("understand", "ab")
    working = asyncio.create_task(overlapped(aiter(source), desk.handle, limit=2, within=LONG))

    await desk.until("store", "ab")
    await desk.until("understand", "cd")

    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_lone_message_waits_five_milliseconds_at_most(desk):
    source = Source("a")
    working = asyncio.create_task(overlapped(aiter(source), desk.handle, limit=256))
    await desk.until("understand", "a")

    assert FILLS_WITHIN <= 0.005
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_batch_that_nothing_follows_is_stored_all_the_same(desk):
    source = Source("a")
    desk.let_all("a")
    working = asyncio.create_task(overlapped(aiter(source), desk.handle, limit=1))

    await desk.until("store", "a")
    await let_run()

    assert desk.steps[-1] == ("acknowledged", "a")
    source.end()
    await working


@pytest.mark.parametrize("stopped_at", ["understand", "store"])
async def test_stopped_it_acknowledges_nothing_more_and_leaves_nothing_running(desk, stopped_at):
    source = Source("a", "b")
    if stopped_at == "store":
        desk.let("understand", "a")
    before = asyncio.all_tasks()
    working = asyncio.create_task(overlapped(aiter(source), desk.handle, limit=1))
    await desk.until(stopped_at, "a")

    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working

    assert asyncio.all_tasks() == before
    desk.let_all("ab")
    await let_run()
    assert all(step != "acknowledged" for step, _ in desk.steps)


async def test_an_error_of_one_batch_ends_all_and_none_behind_it_is_acknowledged():
    acknowledged: list[str] = []

    async def handle(batch, turn) -> None:
        if batch == ["b"]:
            raise ValueError("broken")
        await turn()
        acknowledged.extend(batch)

    with pytest.raises(ExceptionGroup):
        await overlapped(aiter(Source(*"abc")), handle, limit=1)

    assert acknowledged in ([], ["a"])


class Event:
    """A Faust event of one message."""

    def __init__(self, offset: int, acknowledged: list[int]) -> None:
        self.message = self
        self.topic, self.partition, self.offset = "tweets", 0, offset
        self.key, self.value, self.headers, self.timestamp = None, b"", {}, 0.0
        self._acknowledged = acknowledged

    def ack(self) -> None:
        self._acknowledged.append(self.offset)


class Stream:
    """A Faust stream that ends."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.enable_acks = True
        self._events = events

    async def events(self) -> AsyncIterator[Event]:
        for event in self._events:
            yield event


async def test_events_are_acknowledged_in_order_also_where_a_batch_has_nothing_to_store():
    acknowledged: list[int] = []
    stream = Stream([Event(offset, acknowledged) for offset in range(6)])
    stored = asyncio.Event()
    began: list[int] = []

    class Pipeline:
        async def process(self, batch, turn) -> None:
            began.append(batch[0].offset)
            if batch[0].offset == 0:
                await turn()
                await stored.wait()

    working = asyncio.create_task(_listener(Pipeline(), 2)(stream))
    while began != [0, 2]:
        await asyncio.sleep(0)
    await let_run()

    assert acknowledged == [], "the second batch is done, the first is not"
    stored.set()
    await working
    assert acknowledged == [0, 1, 2, 3, 4, 5]
    assert not stream.enable_acks


async def test_a_batch_that_nobody_cancelled_is_no_silent_end():
    """The batch behind it would wait for its turn for ever, and the worker with it."""

    async def handle(batch: Sequence[str], turn) -> None:
        await turn()
        raise asyncio.CancelledError

    source = Source("a", "b", "c")
    async with asyncio.timeout(60):
        with pytest.raises(ExceptionGroup) as raised:
            await overlapped(aiter(source), handle, limit=1)

    assert "nobody had asked for it" in str(raised.value.exceptions[0])
