"""Spending on networks that charge, written down at once, so that a restart knows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.errors import DatabaseAway
from stream.postgres.database import reachable
from stream.postgres.tables import spend
from stream.records import AlertRecord


class Spend:
    """The table `spend` of one network. Counts that cannot be written now wait for the next."""

    def __init__(self, engine: AsyncEngine, network: str) -> None:
        self._engine = engine
        self._network = network
        self._unwritten: Counter[tuple[str, date, str]] = Counter()
        self._known: dict[tuple[str, date], int] = {}

    async def add(
        self, brand: str, day: date, counts: Mapping[str, int], prices: Mapping[str, int]
    ) -> int:
        """Add to a day's spending; returns its sum of all processes, in millionths of a dollar."""
        for kind, count in counts.items():
            self._unwritten[brand, day, kind] += count
        try:
            async with reachable(), self._engine.begin() as connection:
                for key, count in self._unwritten.items():
                    if count:
                        await self._write(connection, key, count, prices[key[2]] * count)
                query = select(func.coalesce(func.sum(spend.c.micros), 0)).where(
                    spend.c.network == self._network, spend.c.brand == brand, spend.c.day == day
                )
                self._known[brand, day] = int((await connection.execute(query)).scalar_one())
        except DatabaseAway:
            unwritten = sum(
                prices[kind] * count
                for (of_brand, of_day, kind), count in self._unwritten.items()
                if (of_brand, of_day) == (brand, day)
            )
            return self._known.get((brand, day), 0) + unwritten
        self._unwritten.clear()
        return self._known[brand, day]

    @property
    def spent_today(self) -> int:
        """Spending of all brands that was added here, in millionths of a dollar."""
        today = datetime.now(UTC).date()
        return sum(micros for (_, day), micros in self._known.items() if day == today)

    async def today(self) -> dict[tuple[str, str], float]:
        """Dollars paid today on this network, as (network, brand)."""
        query = (
            select(spend.c.brand, func.sum(spend.c.micros))
            .where(spend.c.network == self._network, spend.c.day == datetime.now(UTC).date())
            .group_by(spend.c.brand)
        )
        try:
            async with reachable(), self._engine.connect() as connection:
                return {
                    (self._network, brand): float(paid) / 1e6
                    for brand, paid in await connection.execute(query)
                }
        except DatabaseAway:
            return {}

    async def _write(
        self, connection: AsyncConnection, key: tuple[str, date, str], count: int, micros: int
    ) -> None:
        brand, day, kind = key
        put = upsert(spend).values(
            network=self._network,
            brand=brand,
            day=day,
            what=kind,
            count=count,
            micros=micros,
            updated_at=func.now(),
        )
        put = put.on_conflict_do_update(
            index_elements=["network", "brand", "day", "what"],
            set_={
                "count": spend.c.count + put.excluded.count,
                "micros": spend.c.micros + put.excluded.micros,
                "updated_at": func.now(),
            },
        )
        await connection.execute(put)


def spend_alert(
    network: str, brand: str, day: date, spent: int, budget: int, then: str
) -> AlertRecord:
    """The alert of a spent budget. spent, budget: in millionths of a dollar.

    Severity 6: no harm is done, but customers may go unheard.
    """
    return AlertRecord(
        id=f"spend:{network}:{brand or '-'}:{day.isoformat()}",
        kind="spend",
        severity=6,
        brand=brand or None,
        started_at=datetime.now(UTC),
        evidence={
            "network": network,
            "spent_dollars": spent / 1e6,
            "budget_dollars": budget / 1e6,
            "then": then,
        },
    )
