"""Presence: the people who have a ticket open, by heartbeats in the database and this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from stream.desk.tickets import Desk

HEARTBEAT = 8.0  # seconds; after 30 without one a person counts as gone

Tell = Callable[[], Awaitable[None]]


class Rooms:
    """One room a ticket. The pages within learn of each person who enters or leaves."""

    def __init__(self, desk: Desk, changed: Callable[[], None]) -> None:
        self._desk, self._changed = desk, changed
        self._within: dict[str, dict[object, tuple[str, Tell]]] = {}

    async def enter(self, ticket: str, page: object, person: str, tell: Tell) -> list[str]:
        """Returns the colleagues within. May be called again and again."""
        room = self._within.setdefault(ticket, {})
        new = page not in room
        room[page] = (person, tell)
        colleagues = await self._desk.enter(ticket, person)
        if new:
            await self._spread(ticket, page)
        return colleagues

    async def leave(self, ticket: str, page: object) -> None:
        room = self._within.get(ticket, {})
        person, _ = room.pop(page, ("", None))
        if not room:
            self._within.pop(ticket, None)
        if person and not any(other == person for other, _ in room.values()):
            await self._desk.leave(ticket, person)
            await self._spread(ticket, page)

    async def _spread(self, ticket: str, page: object) -> None:
        self._changed()
        for other, (_, tell) in list(self._within.get(ticket, {}).items()):
            if other is not page:
                await tell()
