"""Figures of one day by brand, read from Postgres, and their words for a daily summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable

Row = dict[str, Any]

MOST_BRANDS = 20  # lines of one summary

# Messages and tickets count by when they came here, answers by when they were given; what is open,
# late or drafted is as it stands when this is read.
_FIGURES = text("""
    with messages as (
        select coalesce(brand, '') as brand, count(*)::int as messages,
               (count(*) filter (where sentiment = 'negative'))::int as negative
        from events
        where received_at >= :begin and received_at < :end and direction = 'inbound'
          and kind <> 'deleted'
        group by 1
    ),
    of_tickets as (
        select coalesce(brand, '') as brand,
            (count(*) filter (where created_at >= :begin and created_at < :end))::int as new,
            (count(*) filter (where created_at >= :begin and created_at < :end
                              and level = 'P1'))::int as p1,
            (count(*) filter (where answered_at >= :begin and answered_at < :end))::int as answered,
            (count(*) filter (where answered_at >= :begin and answered_at < :end
                              and answered_at <= sla_due_at))::int as kept,
            (count(*) filter (where state in ('resolved', 'settled')
                and state_changed_at >= :begin and state_changed_at < :end))::int as resolved,
            (count(*) filter (where state not in ('resolved', 'settled')))::int as open,
            (count(*) filter (where state not in ('resolved', 'settled') and answered_at is null
                              and sla_due_at < now()))::int as late,
            mode() within group (order by topic) filter (
                where created_at >= :begin and created_at < :end) as topic
        from tickets group by 1
    ),
    drafted as (
        select coalesce(t.brand, '') as brand, count(*)::int as drafts
        from replies r join tickets t on t.id = r.ticket_id
        where r.state = 'draft' and t.answered_at is null
          and t.state not in ('resolved', 'settled')
        group by 1
    ),
    bursting as (
        select coalesce(brand, '') as brand, count(*)::int as bursts from alerts
        where kind = 'burst' and started_at >= :begin and started_at < :end group by 1
    )
    select coalesce(m.brand, t.brand, b.brand) as brand,
           coalesce(messages, 0) as messages, coalesce(negative, 0) as negative,
           coalesce(new, 0) as new, coalesce(p1, 0) as p1, coalesce(answered, 0) as answered,
           coalesce(kept, 0) as kept, coalesce(resolved, 0) as resolved,
           coalesce(open, 0) as open, coalesce(late, 0) as late, topic,
           coalesce(drafts, 0) as drafts, coalesce(bursts, 0) as bursts
    from messages m full join of_tickets t using (brand) full join bursting b using (brand)
    left join drafted d using (brand)
    where (cast(:brands as text[]) is null
           or coalesce(m.brand, t.brand, b.brand) = any(cast(:brands as text[])))
      and coalesce(messages, 0) + coalesce(new, 0) + coalesce(open, 0) + coalesce(answered, 0)
          + coalesce(bursts, 0) > 0
    order by messages desc, brand
""")


@dataclass(frozen=True, slots=True)
class Day:
    """A day of some time zone. begin, end: its first moment, and the next day's."""

    date: date
    begin: datetime
    end: datetime


def day_of(day: date, zone: ZoneInfo) -> Day:
    """The day as it is lived there, of 23 to 25 hours."""
    begin = datetime.combine(day, time.min, zone)
    return Day(day, begin, datetime.combine(day + timedelta(days=1), time.min, zone))


async def read_figures(engine: AsyncEngine, day: Day, brands: Sequence[str] = ()) -> list[Row]:
    """A row for each brand with anything to tell, the busiest first. brands: none: all."""
    values = {"begin": day.begin, "end": day.end, "brands": list(brands) or None}
    async with reachable(), engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(_FIGURES, values)).mappings()]


def title_of(day: Day, rows: Sequence[Row]) -> str:
    """One line, also for those who read nothing else."""
    tickets, late = sum(row["new"] for row in rows), sum(row["late"] for row in rows)
    words = f"{day.date:%A, %d %B}: {_count(tickets, 'new ticket')}"
    return f"{words}, {late} late now" if late else f"{words}, nothing is late"


def facts_of(rows: Sequence[Row]) -> tuple[tuple[str, str], ...]:
    """A line for each brand."""
    lines = [(row["brand"] or "no brand", _line(row)) for row in rows[:MOST_BRANDS]]
    if len(rows) > MOST_BRANDS:
        lines.append(("and", f"{len(rows) - MOST_BRANDS} more brands"))
    return tuple(lines)


def _line(row: Row) -> str:
    parts = [_messages(row), _tickets(row)]
    if row["answered"]:
        parts.append(f"{row['answered']} answered, {row['kept']} of them in time")
    if row["resolved"]:
        parts.append(f"{row['resolved']} resolved")
    parts.append(f"now {row['open']} open" + (f", {row['late']} late" if row["late"] else ""))
    if row["drafts"]:
        parts.append(f"{_count(row['drafts'], 'draft')} to approve")
    if row["bursts"]:
        parts.append(_count(row["bursts"], "burst"))
    return "; ".join(parts)


def _messages(row: Row) -> str:
    words = _count(row["messages"], "message")
    if not row["messages"]:
        return words
    return f"{words} ({round(100 * row['negative'] / row['messages'])} % negative)"


def _tickets(row: Row) -> str:
    words = _count(row["new"], "new ticket")
    if row["p1"]:
        words += f" ({row['p1']} P1)"
    return f"{words}, mostly {row['topic']}" if row["topic"] else words


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
