"""Overlap of batches: while one is stored, the next is understood. It knows no Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

from stream.cancellation import is_cancelled

T = TypeVar("T")

FILLS_WITHIN = 0.003  # seconds that a batch waits for what comes right behind its first

# A batch, and its turn: to be waited for between what may be done ahead, and what may not.
Handle = Callable[[list[T], Callable[[], Awaitable[object]]], Awaitable[object]]


async def overlapped(
    arrivals: AsyncIterator[T], handle: Handle[T], *, limit: int, within: float = FILLS_WITHIN
) -> None:
    """Handle what arrives in batches of `limit` at most, until nothing more can come.

    A batch holds what has come while others were worked on; `within`: seconds that it waits for
    more where nothing had come. `handle` waits for its turn once it has done what may be done
    ahead: the turn comes when the batch before is handled. Two batches are in hand at most, and one
    of them before its turn.

    Cancelled, or with an error of one of them, it cancels all, and ends when all have ended.
    """
    waiting = _Waiting[T](limit, within)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(waiting.read(arrivals))
        before, last = _Turn(), _Turn()
        before.end()
        last.end()
        while True:
            await before.ended()
            batch = await waiting.batch()
            if not batch:
                break
            turn = _Turn(last)
            tasks.create_task(_handled(handle, batch, turn))
            await turn.reached()
            before, last = last, turn
        await reading


async def _handled(handle: Handle[T], batch: list[T], turn: _Turn) -> None:
    try:
        await handle(batch, turn.come)
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        # A task group takes no notice of it, and the batch behind would wait for its turn for ever.
        raise RuntimeError("a batch was cancelled, and nobody had asked for it") from error
    turn.end()


class _Turn:
    """The turn of one batch, behind that of the batch before it."""

    def __init__(self, before: _Turn | None = None) -> None:
        self._before = before
        self._reached = asyncio.Event()
        self._ended = asyncio.Event()
        self.reached = self._reached.wait
        self.ended = self._ended.wait

    async def come(self) -> None:
        """Whatever may be done ahead is done: wait for the batch before."""
        self._reached.set()
        if self._before is not None:
            await self._before.ended()
            self._before = None

    def end(self) -> None:
        self._reached.set()
        self._ended.set()


class _Waiting(Generic[T]):
    """What has come and is in no batch yet; as much as one batch, so that the source waits too."""

    def __init__(self, limit: int, within: float) -> None:
        self._limit = limit
        self._within = within
        self._queue: asyncio.Queue[T | None] = asyncio.Queue(limit)  # None: nothing more comes

    async def read(self, arrivals: AsyncIterator[T]) -> None:
        async for arrival in arrivals:
            await self._queue.put(arrival)
        await self._queue.put(None)

    async def batch(self) -> list[T]:
        """The next batch; empty at the end."""
        batch: list[T] = []
        arrival = await self._queue.get()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._within):
                while arrival is not None:
                    batch.append(arrival)
                    if len(batch) == self._limit:
                        return batch
                    arrival = await self._queue.get()
        if arrival is None:
            self._queue.put_nowait(None)  # for the next who asks
        return batch
