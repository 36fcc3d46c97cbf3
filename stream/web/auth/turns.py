"""Turns at a few places: whoever asks how often, the others wait for one turn of theirs each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class TooBusy(Exception):
    """So many wait already that another one would wait too long."""


class Turns:
    """places: used at the same time. limit: that wait. limit_of_caller: of theirs that wait."""

    def __init__(self, places: int, *, limit: int = 64, limit_of_caller: int = 16) -> None:
        self._free, self._limit, self._limit_of_caller = places, limit, limit_of_caller
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}  # by caller, the next one first
        self._waiting = 0

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """A place, for as long as it lasts. Raises TooBusy."""
        await self._take(caller)
        try:
            yield
        finally:
            self._give()

    async def _take(self, caller: str) -> None:
        if self._free:
            self._free -= 1
            return
        if (
            self._waiting >= self._limit
            or len(self._queues.get(caller, ())) >= self._limit_of_caller
        ):
            raise TooBusy
        place = asyncio.get_running_loop().create_future()
        self._queues.setdefault(caller, deque()).append(place)
        self._waiting += 1
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # it had just come free for this one
                self._give()
            raise

    def _give(self) -> None:
        """To the next caller, who then is the last; of theirs to the one that waits longest."""
        while self._queues:
            caller = next(iter(self._queues))
            queue = self._queues.pop(caller)
            place = queue.popleft()
            self._waiting -= 1
            if queue:
                self._queues[caller] = queue
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
