"""Feeds of what several open pages show alike: read once for all, when something changed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from stream.errors import DatabaseAway
from stream.web.live import Hub

T = TypeVar("T")
log = logging.getLogger(__name__)

SOONEST = 0.3  # seconds between two reads
SHARE = 3  # a read may take no more than one part in so many of the time
LATEST = 5.0  # seconds after which it is read in any case: clocks run, people come and go


@dataclass(frozen=True, slots=True)
class Quick(Generic[T]):
    """A cheap part that cannot wait for the whole. add: puts it into the whole as last read."""

    read: Callable[[], Awaitable[T]]
    add: Callable[[T, T], T]


class Feed(Generic[T]):
    """One thing that is read again and again while anybody watches it."""

    def __init__(
        self,
        read: Callable[[], Awaitable[T]],
        hub: Hub,
        brands: frozenset[str] | None,
        pace: float,
        quick: Quick[T] | None = None,
    ) -> None:
        self._read, self._quick = read, quick
        self._hub, self._brands, self._pace = hub, brands, pace
        self._whole: T | None = None
        self._added: tuple[T, float] | None = None  # and when its reading began
        self._current: T | None = None
        self._number = 0
        self._arrived = asyncio.Condition()
        self.away = False  # what is shown was read before the database went away
        self._changed, self._stirred = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.watchers = 0

    def start(self) -> None:
        self._changed.set()
        self._tasks = [
            asyncio.create_task(self._hear()),
            asyncio.create_task(self._keep(self._once, self._changed)),
        ]
        if self._quick is not None:
            self._tasks.append(asyncio.create_task(self._keep(self._quickly, self._stirred)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hurry(self) -> None:
        """Read again soon: something changed without a notification of the database."""
        self._changed.set()

    async def next(self, seen: int) -> tuple[T | None, int]:
        """The latest reading, as soon as its number is above `seen`; 0: the present one.

        None: nothing was read so far, as the database is away.
        """
        async with self._arrived:
            await self._arrived.wait_for(lambda: self._number > seen)
            return self._current, self._number

    async def _hear(self) -> None:
        with self._hub.subscribe(self._brands) as changes:
            async for _ in changes:
                self._changed.set()
                self._stirred.set()

    async def _keep(self, work: Callable[[], Awaitable[None]], when: asyncio.Event) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(when.wait(), LATEST)
            when.clear()
            began = time.monotonic()
            try:
                await work()
            except DatabaseAway:
                await self._show(self._current, away=True)
                await asyncio.sleep(1.0)
                when.set()
                continue
            except Exception as error:
                # Whatever it is, the pages go on with what they have; the error's own words may
                # quote a customer.
                log.error("a feed cannot be read: %s", type(error).__name__)
                await asyncio.sleep(LATEST)
                continue
            await asyncio.sleep(max(self._pace, SHARE * (time.monotonic() - began)))

    async def _once(self) -> None:
        began = time.monotonic()
        self._whole = whole = await self._read()
        if self._quick is not None and self._added is not None and self._added[1] > began:
            whole = self._quick.add(whole, self._added[0])
        await self._show(whole)

    async def _quickly(self) -> None:
        if self._quick is None or self._whole is None:
            return
        began = time.monotonic()
        self._added = (await self._quick.read(), began)
        await self._show(self._quick.add(self._whole, self._added[0]))

    async def _show(self, latest: T | None, *, away: bool = False) -> None:
        async with self._arrived:
            self._current, self.away, self._number = latest, away, self._number + 1
            self._arrived.notify_all()


class Feeds:
    """The feeds that are watched, each made with its first watcher and ended after its last."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._feeds: dict[Hashable, Feed[Any]] = {}

    async def follow(
        self,
        key: Hashable,
        read: Callable[[], Awaitable[T]],
        brands: frozenset[str] | None,
        show: Callable[[T], None],
        *,
        pace: float = SOONEST,
        quick: Quick[T] | None = None,
        tell: Callable[[bool], None] = lambda away: None,
    ) -> None:
        """Show the reading, now and after each change, until cancelled. tell: is it away?"""
        feed: Feed[T] | None = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = Feed(read, self._hub, brands, pace, quick)
            feed.start()
        feed.watchers += 1
        try:
            number = 0
            while True:
                latest, number = await feed.next(number)
                tell(feed.away)
                if latest is not None:
                    show(latest)
        finally:
            feed.watchers -= 1
            if not feed.watchers:
                self._feeds.pop(key, None)
                await asyncio.shield(feed.stop())

    def hurry(self) -> None:
        for feed in self._feeds.values():
            feed.hurry()
