"""Who has a ticket open: said to the database every few seconds, and at once to the other pages of
this process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from stream.desk.tickets import Desk

HEARTBEAT = 8.0  # seconds; after 30 without one somebody is gone

Tell = Callable[[], Awaitable[None]]


class Rooms:
    """One room a ticket. whoever enters or leaves is told to those within."""

    def __init__(self, desk: Desk, changed: Callable[[], None]) -> None:
        self._desk, self._changed = desk, changed
        self._within: dict[str, dict[object, tuple[str, Tell]]] = {}

    async def enter(self, ticket: str, page: object, who: str, tell: Tell) -> list[str]:
        """Returns who else is within. May be said again and again."""
        room = self._within.setdefault(ticket, {})
        new = page not in room
        room[page] = (who, tell)
        others = await self._desk.enter(ticket, who)
        if new:
            await self._spread(ticket, page)
        return others

    async def leave(self, ticket: str, page: object) -> None:
        room = self._within.get(ticket, {})
        who, _ = room.pop(page, ("", None))
        if not room:
            self._within.pop(ticket, None)
        if who and not any(other == who for other, _ in room.values()):
            await self._desk.leave(ticket, who)
            await self._spread(ticket, page)

    async def _spread(self, ticket: str, page: object) -> None:
        self._changed()
        for other, (_, tell) in list(self._within.get(ticket, {}).items()):
            if other is not page:
                await tell()
