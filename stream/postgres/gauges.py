"""Figures of the database for Prometheus: queue, dead letters, outbox, sources, size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import BigInteger, Float, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable

# Asked every few seconds for years: nothing here may read a table that grows with the events. Where
# there are many of them, Postgres's own estimate is told.
_FIGURES = text("""
    with estimate as (
        select coalesce(sum(greatest(reltuples, 0)), 0)::bigint as events
        from pg_inherits join pg_class on pg_class.oid = inhrelid
        where inhparent = 'events'::regclass
    ),
    queue as (
        select level, count(*) as open, count(*) filter (where sla_left < interval '0') as late
        from open_tickets group by level
    ),
    letters as (
        select state, count(*) as n from dead_letters where state <> 'resolved' group by state
    ),
    waiting as (
        select state, count(*) as n,
               extract(epoch from now() - min(coalesce(approved_at, updated_at))) as age
        from replies where state in ('approved', 'sending', 'failed', 'uncertain') group by state
    ),
    told as (
        select state, count(*) as n, extract(epoch from now() - min(created_at)) as age
        from alert_deliveries
        -- What was given up on is told for a day: nobody could put an older one right.
        where state in ('queued', 'sending')
           or (state = 'failed' and updated_at > now() - interval '1 day')
        group by state
    ),
    paid as (
        select network, brand, sum(micros) / 1e6 as dollars
        from spend where day = (now() at time zone 'UTC')::date group by network, brand
    )
    select
        case when events > 100000 then events
             else (select count(*) from events where kind <> 'deleted') end as events,
        pg_database_size(current_database()) as database_bytes,
        (select coalesce(jsonb_object_agg(level, open), '{}') from queue) as open_tickets,
        (select coalesce(jsonb_object_agg(level, late), '{}') from queue) as late_tickets,
        (select coalesce(jsonb_object_agg(state, n), '{}') from letters) as dead_letters,
        (select coalesce(jsonb_object_agg(state, n), '{}') from waiting) as outbox,
        (select coalesce(max(age), 0) from waiting where state in ('approved', 'sending'))
            as outbox_seconds,
        (select coalesce(jsonb_object_agg(source, extract(epoch from now() - updated_at)), '{}')
            from cursors where source not in ('erasure', 'rebuild', 'rebuild began', 'rebuilt'))
            as sources,
        (select coalesce(jsonb_object_agg(state, n), '{}') from told) as deliveries,
        (select coalesce(max(age), 0) from told where state in ('queued', 'sending'))
            as deliveries_seconds,
        (select coalesce(jsonb_agg(jsonb_build_array(network, brand, dollars)), '[]') from paid)
            as spend
    from estimate
""").columns(
    events=BigInteger,
    database_bytes=BigInteger,
    open_tickets=JSONB,
    late_tickets=JSONB,
    dead_letters=JSONB,
    outbox=JSONB,
    outbox_seconds=Float,
    sources=JSONB,
    deliveries=JSONB,
    deliveries_seconds=Float,
    spend=JSONB,
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What is stored now. events: an estimate where there are many.

    open_tickets, late_tickets: by level. dead_letters: by state, those that are not resolved.
    outbox: replies on their way, by state; outbox_seconds: how long the oldest has been approved
    and not sent. sources: seconds since each source's cursor moved. deliveries: of alerts to
    people, by state; deliveries_seconds: how long the oldest waits. spend: (network, brand,
    dollars) of today, UTC.
    """

    events: int
    database_bytes: int
    outbox_seconds: float = 0.0
    deliveries_seconds: float = 0.0
    open_tickets: Mapping[str, int] = field(default_factory=dict)
    late_tickets: Mapping[str, int] = field(default_factory=dict)
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    outbox: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, float] = field(default_factory=dict)
    deliveries: Mapping[str, int] = field(default_factory=dict)
    spend: Sequence[tuple[str, str, float]] = ()


async def read_figures(engine: AsyncEngine) -> Figures:
    """Raises DatabaseAway."""
    async with reachable(), engine.connect() as connection:
        row = (await connection.execute(_FIGURES)).mappings().one()
    return Figures(**row)
