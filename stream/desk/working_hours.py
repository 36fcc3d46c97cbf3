"""The brands' working hours, from brands.toml into the database, where promises run by them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.brands import Brand
from stream.postgres.database import reachable
from stream.postgres.tables import desk_clocks, desk_shifts

_LOCK = text("select pg_advisory_xact_lock(hashtextextended('earshot clocks', 0))")
_STORED = text("""
    select brand, time_zone, coalesce(array_agg(array[weekday, opens, closes] order by weekday, opens)
        filter (where weekday is not null), '{}') as shifts
    from desk_clocks left join desk_shifts using (brand) group by brand, time_zone
""")
_RUN_ANEW = text(
    "update tickets set level = level where brand = any(:brands) and state <> 'resolved'"
)


async def set_clocks(engine: AsyncEngine, brands: Iterable[Brand]) -> list[str]:
    """Store the hours of these brands, and only theirs; returns those whose hours changed.

    The promises of their open tickets are reckoned anew.
    """
    wanted = {
        brand.name: (
            brand.time_zone.key,
            [[shift.weekday, shift.opens, shift.closes] for shift in sorted(brand.hours)],
        )
        for brand in brands
        if brand.hours
    }
    async with reachable(), engine.begin() as connection:
        await connection.execute(_LOCK)
        stored = {
            row.brand: (row.time_zone, [list(shift) for shift in row.shifts])
            for row in await connection.execute(_STORED)
        }
        changed = sorted(
            name for name in wanted.keys() | stored.keys() if wanted.get(name) != stored.get(name)
        )
        if not changed:
            return []
        await connection.execute(
            delete(desk_clocks).where(desk_clocks.c.brand.in_(changed))
        )  # its shifts go along
        for name in changed:
            if name in wanted:
                zone, shifts = wanted[name]
                await connection.execute(insert(desk_clocks).values(brand=name, time_zone=zone))
                rows = [
                    dict(zip(("brand", "weekday", "opens", "closes"), (name, *shift), strict=True))
                    for shift in shifts
                ]
                await connection.execute(insert(desk_shifts), rows)
        await connection.execute(_RUN_ANEW, {"brands": changed})
    return changed
