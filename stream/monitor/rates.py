"""Events saved a second in the last ten minutes, counted step by step."""

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
# Seconds that are counted anew: a save carries the time at which it began, and commits later.
_AGAIN = 30
_KEEP = 2.0  # seconds

# A deletion was an event too; when it was saved is when its message was.
_COUNTED = text(f"""
    select coalesce(brand, '') as brand, date_bin('{STEP} seconds', received_at, 'epoch') as at,
        count(*) as events
    from events where received_at >= :since group by 1, 2
""")  # noqa: S608  our own numbers


@dataclass(frozen=True, slots=True)
class Rate:
    """at: the beginning of a step of STEP seconds; a_second: its saved events, divided by STEP."""

    at: datetime
    a_second: float


class Rates:
    """Counts of saved events by step and brand, as far back as the page shows."""

    def __init__(
        self, engine: AsyncEngine, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._engine = engine
        self._now = now
        self._counts: dict[datetime, dict[str, int]] = {}
        self._read_at = -_KEEP
        self._since: datetime | None = None
        self._reading = asyncio.Lock()

    async def read(self, brands: Sequence[str] | None) -> list[Rate]:
        """Every step of the last ten minutes that is over, the latest last. brands: None counts
        all.
        """
        async with self._reading:
            if time.monotonic() - self._read_at >= _KEEP:
                await self._refresh()
                self._read_at = time.monotonic()
        rates = []
        for at in self._steps():
            events = _count(self._counts.get(at, {}), brands)
            rates.append(Rate(at, events / STEP))
        return rates

    def _steps(self) -> list[datetime]:
        last = _floor(self._now())
        count = MINUTES * 60 // STEP
        return [last - timedelta(seconds=STEP * back) for back in range(count, 0, -1)]

    async def _refresh(self) -> None:
        oldest = self._steps()[0]
        since = oldest if self._since is None else max(oldest, self._since)
        async with reachable(), self._engine.connect() as connection:
            rows = list(await connection.execute(_COUNTED, {"since": since}))
        counts_by_step = {at: counts for at, counts in self._counts.items() if oldest <= at < since}
        for row in rows:
            counts_by_step.setdefault(row.at, {})[row.brand] = int(row.events)
        self._counts = counts_by_step
        self._since = _floor(self._now() - timedelta(seconds=_AGAIN))


def _floor(moment: datetime) -> datetime:
    return moment - timedelta(seconds=moment.timestamp() % STEP)


def _count(counts: dict[str, int], brands: Sequence[str] | None) -> int:
    if brands is None:
        return sum(counts.values())
    return sum(counts.get(brand, 0) for brand in brands)
