"""Page of the notices of one person: mentions, given tickets, promises, and how to be told."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui.events import GenericEventArguments

from stream.errors import DatabaseAway
from stream.web.console.notice_bell import late_for_browser, notice_for_browser
from stream.web.console.shell import Visit, add_page, say
from stream.web.console.updates import View, hear, keep_telling
from stream.web.desk_services import DeskServices

EVERY = 10.0  # seconds; changes are told as they come
_TABLES = frozenset({"tickets"})


class NoticesView(View, component="desk_notices.js"):
    """The lists in the browser."""


class NoticesPage:
    """One browser's notices."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._again = asyncio.Event()
        self.view = NoticesView(me=visit.caller.name)
        self.view.on("read", self._read)

    def start(self) -> None:
        hear(self._visit, _TABLES, self._again)
        keep_telling(self._visit, self.view, self._show, self._again, EVERY)

    async def _show(self) -> None:
        caller, notices = self._visit.caller, self._visit.services.notices
        counts = await notices.counts(caller.name, caller.brands)
        late = await notices.late_soon(caller.name, caller.brands)
        self.view.tell(
            notices=[
                notice_for_browser(row) for row in await notices.of(caller.name, caller.brands)
            ],
            late=[late_for_browser(row, caller.name) for row in late],
            unread=counts.unread,
            assigned=counts.assigned,
        )
        await asyncio.sleep(0.3)  # many changes at once are one look

    async def _read(self, event: GenericEventArguments) -> None:
        """Mark one as read, or all."""
        caller = await self._visit.still("viewer")
        if caller is None:
            return
        number: Any = event.args
        ids = [number] if isinstance(number, int) else None
        try:
            await self._visit.services.notices.mark_read(caller.name, ids=ids)
        except DatabaseAway:
            say("The database cannot be reached just now; nothing was changed.", bad=True)
        self._again.set()


def add_notices(services: DeskServices) -> None:
    """The page `/notices`."""

    async def build(visit: Visit) -> None:
        NoticesPage(visit).start()

    add_page(services, "/notices", "Notices", build)
