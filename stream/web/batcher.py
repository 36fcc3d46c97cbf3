"""Many requests, one model: whatever waits when it is free is one batch, a fair share of each
request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Busy(Exception):
    """More waits than can be answered in good time. retry_after: seconds until it may be less."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"more waits than can be answered; try again in {retry_after:.0f} s")
        self.retry_after = retry_after


@dataclass(eq=False)
class _Request(Generic[Item, Result]):
    items: Sequence[Item]
    answer: asyncio.Future[list[Result]]
    results: dict[int, Result] = field(default_factory=dict)
    taken: int = 0  # items that were given to the model

    @property
    def left(self) -> int:
        return len(self.items) - self.taken


class Batcher(Generic[Item, Result]):
    """Gathers the items of concurrent requests into batches, and gives each request its results in
    order.

    run: a batch in, its results out, in order. most: items of a batch. within: seconds that a batch
    may wait to fill; while one runs the next fills by itself. waiting: items that may wait;
    patience: seconds that they may wait, at the speed of late; beyond either a request is refused,
    not kept. runners: batches under way at once.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], Awaitable[Sequence[Result]]],
        *,
        most: int = 32,
        within: float = 0.0,
        waiting: int = 1024,
        patience: float = 2.0,
        runners: int = 1,
    ) -> None:
        self._run = run
        self._most = most
        self._within = within
        self._bound = waiting
        self._patience = patience
        self._runners = runners
        self._queue: deque[_Request[Item, Result]] = deque()
        self._arrived = asyncio.Event()
        # items a second, by the latest batch that was half full or more; 0 before there was one
        self._speed = 0.0
        self.waiting = 0

    async def __call__(self, items: Sequence[Item]) -> list[Result]:
        """The results of `items`, in order. Raises Busy. Cancelled, what the model has not begun is
        never begun.
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
        loop = asyncio.get_running_loop()
        while True:
            while not self.waiting:
                self._arrived.clear()
                await self._arrived.wait()
            if self._within and self.waiting < self._most:
                await asyncio.sleep(self._within)
            places = self._take()
            if not places:
                continue
            started = loop.time()
            try:
                results = await self._run([request.items[at] for request, at in places])
            except Exception as error:
                # It goes to those who asked for this batch: the others must still be answered.
                for request, _ in places:
                    if not request.answer.done():
                        request.answer.set_exception(error)
                continue
            if 2 * len(places) >= self._most:
                self._speed = self._runners * len(places) / max(loop.time() - started, 1e-6)
            for (request, at), result in zip(places, results, strict=True):
                request.results[at] = result
                if len(request.results) == len(request.items) and not request.answer.done():
                    request.answer.set_result(
                        [request.results[place] for place in range(len(request.items))]
                    )

    def _take(self) -> list[tuple[_Request[Item, Result], int]]:
        """The next batch: one item of each request in turn, so that a large request does not hold
        up a small one.
        """
        places: list[tuple[_Request[Item, Result], int]] = []
        while self._queue and len(places) < self._most:
            request = self._queue.popleft()
            places.append((request, request.taken))
            request.taken += 1
            if request.left:
                self._queue.append(request)
        self.waiting -= len(places)
        return places
