"""How many events were saved a second in the last minutes: counted as they come, never twice the
same stretch.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable

STEP = 5  # seconds
MINUTES = 10
_AGAIN = (
    30  # seconds that are counted anew: a save tells the time at which it began, and commits later
)
_KEEP = 2.0  # seconds

# A deletion was an event too; when it was saved is when its message was.
_COUNTED = text(f"""
    select coalesce(brand, '') as brand, date_bin('{STEP} seconds', received_at, 'epoch') as at, count(*) as events
    from events where received_at >= :since group by 1, 2
""")  # noqa: S608  our own numbers


@dataclass(frozen=True, slots=True)
class Rate:
    """at: the beginning of a step of STEP seconds; a_second: events saved in it, divided by STEP."""

    at: datetime
    a_second: float


class Rates:
    """What was saved, by step and brand, as far back as the page shows."""

    def __init__(
        self, engine: AsyncEngine, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._engine = engine
        self._now = now
        self._counts: dict[datetime, dict[str, int]] = {}
        self._read_at = -_KEEP
        self._since: datetime | None = None
        self._one = asyncio.Lock()

    async def read(self, brands: Sequence[str] | None) -> list[Rate]:
        """Every step of the last ten minutes that is over, the latest last. brands: None counts
        all.
        """
        async with self._one:
            if time.monotonic() - self._read_at >= _KEEP:
                await self._refresh()
                self._read_at = time.monotonic()
        return [Rate(at, _told(self._counts.get(at, {}), brands) / STEP) for at in self._steps()]

    def _steps(self) -> list[datetime]:
        last = _floor(self._now())
        return [
            last - timedelta(seconds=STEP * back) for back in range(MINUTES * 60 // STEP, 0, -1)
        ]

    async def _refresh(self) -> None:
        oldest = self._steps()[0]
        since = oldest if self._since is None else max(oldest, self._since)
        async with reachable(), self._engine.connect() as connection:
            rows = list(await connection.execute(_COUNTED, {"since": since}))
        kept = {at: counts for at, counts in self._counts.items() if oldest <= at < since}
        for row in rows:
            kept.setdefault(row.at, {})[row.brand] = int(row.events)
        self._counts = kept
        self._since = _floor(self._now() - timedelta(seconds=_AGAIN))


def _floor(moment: datetime) -> datetime:
    return moment - timedelta(seconds=moment.timestamp() % STEP)


def _told(counts: dict[str, int], brands: Sequence[str] | None) -> int:
    return sum(counts.values()) if brands is None else sum(counts.get(brand, 0) for brand in brands)
