"""Answers that many ask for at once: made once, told to all for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")

MOST = 500  # answers; beyond, the oldest go


class Remembered:
    """Fifty open consoles ask the same every few seconds: the database is asked once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, asyncio.Task[Any]]] = {}

    async def get(self, key: Hashable, seconds: float, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` told less than `seconds` ago, or tells now. Whoever comes meanwhile waits for
        the same answer.

        An error is told to all who wait for it, and not remembered.
        """
        made_at, task = self._kept.get(key, (0.0, None))
        if task is None or (task.done() and (self._clock() - made_at >= seconds or _failed(task))):
            task = asyncio.create_task(_told(make))
            self._kept.pop(key, None)
            self._kept[key] = self._clock(), task
            while len(self._kept) > MOST:
                del self._kept[next(iter(self._kept))]
        return cast(T, await asyncio.shield(task))  # who gives up does not take it from the others


async def _told(make: Callable[[], Awaitable[T]]) -> T:
    return await make()


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.cancelled() or task.exception() is not None
