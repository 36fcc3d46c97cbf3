"""Updates of an open page: props go out when they differ, and readings wait for changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from nicegui import background_tasks
from nicegui.element import Element

from stream.errors import DatabaseAway
from stream.web.console.shell import Visit
from stream.web.live import MISSED

LOGGED_OUT = "You are logged out. Load the page again to log in."
SOON = 3.0  # seconds until a database that is away is asked again
AWAY = "The database cannot be reached; this is what was last seen."


class View(Element):
    """A component in the browser, to which only props that differ are sent."""

    def __init__(self, **props: Any) -> None:
        super().__init__()
        self.tell(note="", **props)

    def tell(self, **props: Any) -> None:
        news = {
            name: value
            for name, value in props.items()
            if name not in self._props or self._props[name] != value
        }
        for name, value in news.items():
            self._props[name] = value
        if news:
            self.update()


def keep_telling(
    visit: Visit,
    view: View,
    show: Callable[[], Awaitable[None]],
    again: asyncio.Event,
    every: float,
) -> None:
    """Show now, whenever `again` is set, and every so many seconds, until the visit ends."""

    async def run() -> None:
        while True:
            again.clear()
            wait = every
            try:
                if await visit.services.callers.again(visit.caller) is None:
                    view.tell(note=LOGGED_OUT)
                    return
                await show()
                view.tell(note="")
            except DatabaseAway:
                view.tell(note=AWAY)
                wait = min(every, SOON)
            with suppress(TimeoutError):
                await asyncio.wait_for(again.wait(), wait)

    running = background_tasks.create(run())
    visit.client.on_delete(running.cancel)


def hear(visit: Visit, tables: frozenset[str], again: asyncio.Event) -> None:
    """Set `again` when something of these tables changes that the caller may see."""

    async def run() -> None:
        with visit.services.hub.subscribe(visit.caller.brands) as changes:
            async for change in changes:
                if change.table in tables or change.table == MISSED.table:
                    again.set()

    running = background_tasks.create(run())
    visit.client.on_delete(running.cancel)
