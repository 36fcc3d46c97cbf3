"""Bell in the header of every page: how much a person is to know, and when it rings."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from nicegui import Client, background_tasks
from nicegui.element import Element

from stream.errors import DatabaseAway
from stream.web.auth.callers import Caller
from stream.web.console.cards import stamp
from stream.web.desk_services import DeskServices
from stream.web.live import MISSED

PACE = 3.0  # seconds between two looks while the desk is busy
EVERY = 15.0  # clocks run out without a change
LATEST = 5  # notices that a browser may show by itself
LONGEST = 120  # characters of a notice


class Bell(Element, component="desk_bell.js"):
    """The bell in the browser. What it shows is told only where it differs."""

    def tell(self, bell: dict[str, Any]) -> None:
        if self._props.get("bell") != bell:
            self._props["bell"] = bell
            self.update()


def add_bell(services: DeskServices, caller: Caller, client: Client) -> None:
    """The bell, kept fresh for as long as the page is open and its visitor logged in."""
    bell, stirred = Bell(), asyncio.Event()

    async def hear() -> None:
        with services.hub.subscribe(caller.brands) as changes:
            async for change in changes:
                if change.table in ("tickets", MISSED.table):
                    stirred.set()

    async def run() -> None:
        while True:
            stirred.clear()
            with suppress(DatabaseAway):
                if await services.callers.again(caller) is None:
                    return
                bell.tell(await _read(services, caller))
            await asyncio.sleep(PACE)
            with suppress(TimeoutError):
                await asyncio.wait_for(stirred.wait(), EVERY - PACE)

    for task in (background_tasks.create(hear()), background_tasks.create(run())):
        client.on_delete(task.cancel)


async def _read(services: DeskServices, caller: Caller) -> dict[str, Any]:
    notices = services.of(caller).notices
    counts = await notices.counts(caller.name, caller.brands)
    latest = []
    if counts.unread:
        latest = await notices.of(caller.name, caller.brands, unread=True, limit=LATEST)
    late = await notices.late_soon(caller.name, caller.brands) if caller.may("agent") else []
    return {
        "unread": counts.unread,
        "latest": [notice_for_browser(row) for row in latest],
        "late": [late_for_browser(row, caller.name) for row in late],
    }


def notice_for_browser(row: dict[str, Any]) -> dict[str, Any]:
    """A notice as JSON: what happened in a line, the words, and where to go."""
    is_mention = row["kind"] == "mention"
    return {
        "id": row["id"],
        "kind": row["kind"],
        "title": f"{row['actor']} names you" if is_mention else f"{row['actor']} gave you a ticket",
        "words": _shortened(row["words"] or "" if is_mention else row["excerpt"]),
        "ticket": row["ticket_id"],
        "href": f"/tickets/{quote(row['ticket_id'], safe='')}",
        "level": row["level"],
        "brand": row["brand"],
        "at": stamp(row["at"]),
        "read": row["read_at"] is not None,
    }


def late_for_browser(row: dict[str, Any], person: str) -> dict[str, Any]:
    """A ticket that will be late soon."""
    fields = ("id", "level", "brand", "state")
    return {name: row[name] for name in fields} | {
        "mine": row["owner"] == person,
        "words": _shortened(row["excerpt"]),
        "due": stamp(row["sla_due_at"]),
        "href": f"/tickets/{quote(row['id'], safe='')}",
    }


def _shortened(words: str) -> str:
    """Not longer than a notice, and with a sign where something is left out."""
    return words if len(words) <= LONGEST else words[: LONGEST - 1].rstrip() + "…"
