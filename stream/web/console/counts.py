"""Counts beside the choices of one page's filters, followed once for all filters of a domain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from nicegui import background_tasks

from stream.desk.facets import Alike, Facets, count
from stream.desk.filters import Filter, domain
from stream.desk.queue import QueueReader
from stream.web.console.feeds import Feeds

EVERY = 2.0  # seconds


class Counts:
    """Shows the counts of a filter, and of the next one at once where it is of the same domain."""

    def __init__(self, queue: QueueReader, feeds: Feeds, show: Callable[[Facets], None]) -> None:
        self._queue, self._feeds, self._show = queue, feeds, show
        self._filter = Filter()
        self._groups: Sequence[Alike] | None = None
        self._following: asyncio.Task[None] | None = None
        self._followed: Filter | None = None

    def follow(self, filter: Filter) -> None:
        """From now on the counts of this filter. Its search can be read."""
        self._filter = filter
        basis = domain(filter)
        if self._following is None or self._followed != basis:
            self.stop()
            self._followed = basis
            self._following = background_tasks.create(self._follow(basis))
        elif self._groups is not None:
            self._show(count(self._groups, filter))

    def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
        self._following = self._groups = None

    async def _follow(self, basis: Filter) -> None:
        async def read() -> list[Alike]:
            return await self._queue.alike(basis)

        await self._feeds.follow(("alike", basis), read, basis.brands, self._take, pace=EVERY)

    def _take(self, groups: Sequence[Alike]) -> None:
        self._groups = groups
        self._show(count(groups, self._filter))
