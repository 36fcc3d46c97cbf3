"""Working hours of the brands, from brands.toml into the database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete, insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.brands import Brand
from stream.postgres.database import reachable
from stream.postgres.tables import desk_clocks, desk_shifts

_LOCK = text("select pg_advisory_xact_lock(hashtextextended('earshot clocks', 0))")
_STORED = text("""
    select brand, time_zone,
        coalesce(array_agg(array[weekday, opens, closes] order by weekday, opens)
        filter (where weekday is not null), '{}') as shifts
    from desk_clocks left join desk_shifts using (brand) group by brand, time_zone
""")
_RUN_ANEW = text(
    "update tickets set level = level"
    " where brand = any(:brands) and state not in ('resolved', 'settled')"
)


async def set_clocks(engine: AsyncEngine, brands: Iterable[Brand]) -> list[str]:
    """Store the hours of these brands, and only theirs; returns those whose hours changed.

    The promises of their open tickets are reckoned anew.
    """
    configured = {brand.name: _hours(brand) for brand in brands if brand.hours}
    async with reachable(), engine.begin() as connection:
        await connection.execute(_LOCK)
        stored = {
            row.brand: (row.time_zone, [list(shift) for shift in row.shifts])
            for row in await connection.execute(_STORED)
        }
        names = configured.keys() | stored.keys()
        changed = sorted(name for name in names if configured.get(name) != stored.get(name))
        if not changed:
            return []
        # The shifts go along with their clocks.
        await connection.execute(delete(desk_clocks).where(desk_clocks.c.brand.in_(changed)))
        for name in changed:
            if name not in configured:
                continue
            zone, shifts = configured[name]
            await connection.execute(insert(desk_clocks).values(brand=name, time_zone=zone))
            rows = [
                {"brand": name, "weekday": weekday, "opens": opens, "closes": closes}
                for weekday, opens, closes in shifts
            ]
            await connection.execute(insert(desk_shifts), rows)
        await connection.execute(_RUN_ANEW, {"brands": changed})
    return changed


def _hours(brand: Brand) -> tuple[str, list[list[Any]]]:
    """Its time zone, and its shifts as [weekday, opens, closes] in order."""
    shifts = [[shift.weekday, shift.opens, shift.closes] for shift in sorted(brand.hours)]
    return brand.time_zone.key, shifts
