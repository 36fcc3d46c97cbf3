"""Batches of concurrent requests for one model, with a fair share for each request."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Busy(Exception):
    """More waits than can be answered in good time. retry_after: seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"more waits than can be answered; try again in {retry_after:.0f} s")
        self.retry_after = retry_after


@dataclass(eq=False)
class _Request(Generic[Item, Result]):
    items: Sequence[Item]
    answer: asyncio.Future[list[Result]]
    results: dict[int, Result] = field(default_factory=dict)
    begun: int = 0  # items that are in a batch or done

    @property
    def left(self) -> int:
        return len(self.items) - self.begun

    def put(self, at: int, result: Result) -> None:
        """Keep the result of an item; the last one answers the request."""
        self.results[at] = result
        if len(self.results) == len(self.items) and not self.answer.done():
            self.answer.set_result([self.results[place] for place in range(len(self.items))])


class Batcher(Generic[Item, Result]):
    """Gathers the items of concurrent requests into batches, and returns their results in order.

    run: a batch in, its results out, in order. limit: items of a batch; while
    one runs the next fills by itself. waiting: items that may wait; patience: seconds that they may
    wait, at the latest speed. Beyond either a request is refused. runners: batches that run at the
    same time.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], Awaitable[Sequence[Result]]],
        *,
        limit: int = 32,
        waiting: int = 1024,
        patience: float = 2.0,
        runners: int = 1,
    ) -> None:
        self._run = run
        self._limit = limit
        self._bound = waiting
        self._patience = patience
        self._runners = runners
        self._queue: deque[_Request[Item, Result]] = deque()
        self._arrived = asyncio.Event()
        # items a second, by the latest batch that was half full or more; 0 before there was one
        self._speed = 0.0
        self.waiting = 0

    async def __call__(self, items: Sequence[Item]) -> list[Result]:
        """The results of `items`, in order. Raises Busy.

        Items of a cancelled request that the model has not begun are never begun.
        """
        wait = self.waiting / self._speed if self._speed else 0.0
        if self.waiting + len(items) > self._bound or wait > self._patience:
            raise Busy(wait or 1.0)
        request: _Request[Item, Result] = _Request(
            items, asyncio.get_running_loop().create_future()
        )
        self._queue.append(request)
        self.waiting += len(items)
        self._arrived.set()
        try:
            return await request.answer
        finally:
            if request.left:  # cancelled, or one of its batches failed
                self.waiting -= request.left
                self._queue.remove(request)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While inside, batches are run."""
        tasks = [asyncio.create_task(self._serve()) for _ in range(self._runners)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self) -> None:
        while True:
            places = await self._next_batch()
            if not places:
                continue
            started = time.monotonic()
            try:
                results = await self._run([request.items[at] for request, at in places])
            except Exception as error:
                # It goes to the requests of this batch: the others must still be answered.
                for request, _ in places:
                    if not request.answer.done():
                        request.answer.set_exception(error)
                continue
            self._measure(len(places), time.monotonic() - started)
            for (request, at), result in zip(places, results, strict=True):
                request.put(at, result)

    async def _next_batch(self) -> list[tuple[_Request[Item, Result], int]]:
        """Waits for items; empty where their requests were cancelled meanwhile."""
        while not self.waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._take()

    def _measure(self, count: int, seconds: float) -> None:
        if 2 * count >= self._limit:
            self._speed = self._runners * count / max(seconds, 1e-6)

    def _take(self) -> list[tuple[_Request[Item, Result], int]]:
        """The next batch: an item of each request in turn, so that no large one holds up others."""
        places: list[tuple[_Request[Item, Result], int]] = []
        while self._queue and len(places) < self._limit:
            request = self._queue.popleft()
            places.append((request, request.begun))
            request.begun += 1
            if request.left:
                self._queue.append(request)
        self.waiting -= len(places)
        return places
