"""Retention: months of events and counts older than the limit are dropped."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable

log = logging.getLogger(__name__)

_ROWS = 5_000

# What is dropped is known for ever by its id: `event_ids` keeps the highest revision, a deletion's
# too, so that neither comes back. What people did (`ticket_changes`) and the tickets themselves
# stay.
_OLD = text("""
    select parent.relname, child.relname
    from pg_inherits
    join pg_class parent on parent.oid = inhparent
    join pg_class child on child.oid = inhrelid
    where parent.oid in ('events'::regclass, 'signal_counts'::regclass)
      and child.relname ~ ('^' || parent.relname || '_[0-9]{4}_[0-9]{2}$')
      and right(child.relname, 7) < to_char(cast(:end as timestamptz) at time zone 'UTC', 'YYYY_MM')
    order by child.relname
""")
_END = text(
    "select (date_trunc('month', now() at time zone 'UTC') - make_interval(months => :months))"
    " at time zone 'UTC'"
)
# Dropping a partition locks its parent for a moment. Who would have to wait longer tries again at
# the next upkeep: behind a waiting lock every save would wait too.
_BRIEFLY = text("set local lock_timeout = '3s'")
# What processes keep of conversations counts no more; a save that reads one now is waited for.
_UNKEPT = (
    text("lock table conversation_stamps in exclusive mode"),
    text("delete from conversation_stamps"),
)
# What came with the time of a month long past was never in a partition of its own.
_STRAY = {
    "events": text("""
        delete from events_default
        where ctid = any(array(
            select ctid from events_default where occurred_at < :end limit :most
        ))
    """),
    "signal_counts": text("""
        delete from signal_counts_default
        where ctid = any(array(
            select ctid from signal_counts_default where minute < :end limit :most
        ))
    """),
}


@dataclass(slots=True)
class Dropped:
    """partitions: by name. rows: of what lay outside of them."""

    partitions: list[str]
    rows: int = 0


async def drop_old(engine: AsyncEngine, months: int | None) -> Dropped:
    """Drop what was said before the month that lies `months` before this one; None: nothing. Raises
    DatabaseAway.
    """
    if months is None:
        return Dropped([])
    async with reachable(), engine.connect() as connection:
        end = (await connection.execute(_END, {"months": months})).scalar_one()
        old = [name for _, name in await connection.execute(_OLD, {"end": end})]
    done = Dropped(old)
    for name in old:
        async with reachable(), engine.begin() as connection:
            await connection.execute(_BRIEFLY)
            await connection.execute(text(f'drop table "{name}"'))  # matched by the pattern above
        # By itself: a save locks the stamps before it writes events, a drop the other way round.
        async with reachable(), engine.begin() as connection:
            for statement in _UNKEPT:
                await connection.execute(statement)
    for statement in _STRAY.values():
        removed = _ROWS
        while removed == _ROWS:
            async with reachable(), engine.begin() as connection:
                removed = (
                    await connection.execute(statement, {"end": end, "most": _ROWS})
                ).rowcount
            done.rows += removed
    if old or done.rows:
        log.info(
            "dropped what is older than %d months: %s, and %d rows",
            months,
            ", ".join(old) or "no month",
            done.rows,
        )
    return done
