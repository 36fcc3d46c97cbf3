"""Counts per minute and texts of customers, as the burst evaluator reads them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.bursts.distinctive_words import AuthoredText
from stream.postgres.advisory_lock import sole
from stream.postgres.database import reachable
from stream.postgres.tables import events, signal_counts


class Stretch(NamedTuple):
    """From one minute to another, both included."""

    first: datetime
    last: datetime


class Cell(NamedTuple):
    """Negative messages of one topic in one minute or hour."""

    topic: str
    at: datetime
    negative: int


class Signals:
    """What the burst evaluator reads and writes."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def changed_brands(
        self, since: datetime | None
    ) -> tuple[dict[str, list[Stretch]], datetime]:
        """The brands whose counts changed after `since` (None: all), with the stretches of time.

        The second is the moment to ask for the next time. It lies before every save that is not
        committed yet, so that a brand may come twice, but is never missed.
        """
        cells = signal_counts.c
        day = func.date_trunc("day", cells.minute, "UTC")
        changed = select(cells.brand, func.min(cells.minute), func.max(cells.minute)).group_by(
            cells.brand, day
        )
        if since is not None:
            changed = changed.where(cells.updated_at >= since)
        async with reachable(), self._engine.connect() as connection:
            following: datetime = (await connection.execute(_MOMENT)).scalar_one()
            days = await connection.execute(changed.order_by(cells.brand, func.min(cells.minute)))
            return _joined((brand, Stretch(first, last)) for brand, first, last in days), following

    async def first_minute(self, brand: str) -> datetime | None:
        """The brand's first minute with an event."""
        query = select(func.min(signal_counts.c.minute)).where(
            signal_counts.c.brand == brand, signal_counts.c.events > 0
        )
        async with reachable(), self._engine.connect() as connection:
            first: datetime | None = (await connection.execute(query)).scalar_one()
            return first

    async def negatives(
        self, brand: str, since: datetime, until: datetime, unit: str
    ) -> list[Cell]:
        """Negative messages by topic and `unit` (minute or hour), since <= minute < until."""
        cells = signal_counts.c
        at = cells.minute if unit == "minute" else func.date_trunc(unit, cells.minute, "UTC")
        query = (
            select(cells.topic, at, func.sum(cells.negative))
            .where(
                cells.brand == brand,
                cells.minute >= since,
                cells.minute < until,
                cells.negative > 0,
            )
            .group_by(cells.topic, at)
        )
        async with reachable(), self._engine.connect() as connection:
            return [
                Cell(topic, moment, int(count))
                for topic, moment, count in await connection.execute(query)
            ]

    async def texts(
        self,
        brand: str | None,
        since: datetime,
        until: datetime,
        limit: int,
        *,
        negative: bool = False,
    ) -> list[AuthoredText]:
        """The latest messages of customers, since <= occurred_at < until. brand: None for all."""
        query = (
            select(
                events.c.id,
                events.c.text,
                func.coalesce(events.c.author, events.c.conversation),
                func.coalesce(events.c.dissatisfaction, 0),
            )
            .where(
                events.c.direction == "inbound",
                events.c.occurred_at >= since,
                events.c.occurred_at < until,
            )
            .order_by(events.c.occurred_at.desc(), events.c.id)
            .limit(limit)
        )
        if brand is not None:
            query = query.where(events.c.brand.is_not_distinct_from(brand or None))
        if negative:
            query = query.where(events.c.sentiment == "negative")
        async with reachable(), self._engine.connect() as connection:
            rows = await connection.execute(query)
            return [
                AuthoredText(id, words, author, float(weight)) for id, words, author, weight in rows
            ]

    def sole(self, name: str) -> AbstractAsyncContextManager[bool]:
        """Whether this process alone does `name` until the block ends. Never waits."""
        return sole(self._engine, name)


def _joined(days: Iterable[tuple[str, Stretch]]) -> dict[str, list[Stretch]]:
    """Days that follow each other are one stretch. days: by brand and time."""
    joined: dict[str, list[Stretch]] = {}
    for brand, day in days:
        stretches = joined.setdefault(brand, [])
        if stretches and day.first - stretches[-1].last <= timedelta(days=1):
            stretches[-1] = Stretch(stretches[-1].first, day.last)
        else:
            stretches.append(day)
    return joined


# The start of the oldest transaction that writes: nothing before it is uncommitted.
_MOMENT = text("""
    select coalesce(
        (select min(xact_start) from pg_stat_activity
         where datname = current_database() and backend_xid is not null),
        now()
    )
""")
