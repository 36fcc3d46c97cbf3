"""Single-flight cache of answers that live for some seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")

MAX_ANSWERS = 500  # beyond, the oldest go


class TtlCache:
    """Fifty open consoles ask the same every few seconds: the database is asked once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: dict[Hashable, tuple[float, asyncio.Task[Any]]] = {}

    async def get(
        self, key: Hashable, seconds: float, make: Callable[[], Coroutine[Any, Any, T]]
    ) -> T:
        """The answer of `make`, at most `seconds` old. Callers in the meantime wait for the same.

        An error goes to all who wait for it, and is not remembered.
        """
        made_at, task = self._answers.get(key, (0.0, None))
        if task is None or self._is_stale(task, made_at + seconds):
            task = asyncio.create_task(make())
            self._answers.pop(key, None)
            self._answers[key] = self._clock(), task
            while len(self._answers) > MAX_ANSWERS:
                del self._answers[next(iter(self._answers))]
        # A caller that gives up does not take the answer from the others.
        return cast(T, await asyncio.shield(task))

    def _is_stale(self, task: asyncio.Task[Any], ends: float) -> bool:
        if not task.done():
            return False
        return self._clock() >= ends or task.cancelled() or task.exception() is not None
