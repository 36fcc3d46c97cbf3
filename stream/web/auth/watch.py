"""Watch over callers with something open: it ends with their session, their key or their rights."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

from stream.errors import DatabaseAway

PACE = 1.5  # seconds between two looks; all callers are looked up together

C = TypeVar("C")
log = logging.getLogger(__name__)


class Watch(Generic[C]):
    """One task for all callers of the process, while there are any.

    ended: those of some callers who are no longer who they were; asks the database.
    """

    def __init__(self, ended: Callable[[Collection[C]], Awaitable[Collection[C]]]) -> None:
        self._ended = ended
        self._watched: dict[asyncio.Event, C] = {}
        self._soon = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def over(self, caller: C) -> Iterator[asyncio.Event]:
        """An event that is set within seconds of the end of the caller's session or rights."""
        ended = asyncio.Event()
        self._watched[ended] = caller
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_looking())
        try:
            yield ended
        finally:
            self._watched.pop(ended, None)
            if not self._watched:
                self._soon.set()

    def hurry(self) -> None:
        """Look now: somebody logged out here."""
        self._soon.set()

    async def _keep_looking(self) -> None:
        while self._watched:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._soon.wait(), PACE)
            self._soon.clear()
            try:
                await self._look()
            except DatabaseAway:
                continue  # nothing new can be shown meanwhile, either
            except Exception as error:
                # Whatever it is, the others are looked after.
                log.error("cannot look after open pages: %s", type(error).__name__)

    async def _look(self) -> None:
        ended_callers = (
            set(await self._ended(set(self._watched.values()))) if self._watched else set()
        )
        for ended, caller in list(self._watched.items()):
            if caller in ended_callers:
                ended.set()
