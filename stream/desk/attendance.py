"""Attendance: who has the console open, and who of them takes tickets now."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable

PRESENT_SECONDS = 60.0  # seconds after its last sign of life that a console counts as open

_SEEN = text("""
    insert into attendance (name) values (:name)
    on conflict (name) do update set seen_at = now()
    returning away
""")
_AWAY = text("""
    insert into attendance (name, away) values (:name, :away)
    on conflict (name) do update set away = :away, seen_at = now()
""")
_LIST = text("""
    select name, seen_at, away, seen_at > now() - make_interval(secs => :here) as here
    from attendance order by name
""")


class Attendance:
    """The table `attendance`, which the owner role alone can read."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def seen(self, name: str) -> bool:
        """Their console is open; returns whether they said that they take no tickets now."""
        async with reachable(), self._engine.begin() as connection:
            return bool((await connection.execute(_SEEN, {"name": name})).scalar_one())

    async def set_away(self, name: str, away: bool) -> None:
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(_AWAY, {"name": name, "away": away})

    async def list(self) -> list[dict[str, Any]]:
        """Everybody who ever had it open: name, seen_at, away, here."""
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(_LIST, {"here": PRESENT_SECONDS})).mappings()
            return [dict(row) for row in rows]
