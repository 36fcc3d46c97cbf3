"""Counts per minute and the alerts made of them; the rule that joins the two is `stream.bursts`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.database import reachable
from stream.records import AlertRecord
from stream.tables import alerts, events, signal_counts


@dataclass(frozen=True, slots=True)
class Signal:
    """One cell of `signal_counts`: what one brand's customers said about one topic in one minute; '' is unknown."""

    brand: str
    topic: str
    minute: datetime
    events: int
    negative: int
    complaints: int
    dissatisfaction_sum: float
    updated_at: datetime


class Stretch(NamedTuple):
    """From one minute to another, both included."""

    first: datetime
    last: datetime


_WRITTEN = ("version", "severity", "peak_at", "ended_at", "evidence")


class Signals:
    """What the burst evaluator reads and writes."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def changed_brands(self, since: datetime | None) -> tuple[dict[str, Stretch], datetime]:
        """The brands whose counts changed after `since` (None: all), with the minutes that did, and the moment to ask
        for the next time.

        That moment lies before every save that is not committed yet, so a brand may be told twice, never missed.
        """
        moment = func.coalesce(
            select(func.min(text("xact_start")))
            .select_from(text("pg_stat_activity where datname = current_database() and backend_xid is not null"))
            .scalar_subquery(),
            func.now(),
        )
        cells = signal_counts.c
        changed = select(cells.brand, func.min(cells.minute), func.max(cells.minute)).group_by(cells.brand)
        if since is not None:
            changed = changed.where(cells.updated_at >= since)
        async with reachable(), self._engine.connect() as connection:
            following: datetime = (await connection.execute(select(moment))).scalar_one()
            rows = await connection.execute(changed)
            return {brand: Stretch(first, last) for brand, first, last in rows}, following

    async def read_signals(self, brand: str | None, since: datetime, until: datetime) -> list[Signal]:
        """The cells of one brand (None: of all) with events in them, since <= minute < until, by brand and minute."""
        cells = signal_counts.c
        query = (
            select(signal_counts)
            .where(cells.minute >= since, cells.minute < until, cells.events > 0)
            .order_by(cells.brand, cells.minute, cells.topic)
        )
        if brand is not None:
            query = query.where(cells.brand == brand)
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings()
            return [Signal(**{**row, "dissatisfaction_sum": float(row["dissatisfaction_sum"])}) for row in rows]

    async def first_minute(self, brand: str) -> datetime | None:
        """The brand's first minute with an event."""
        query = select(func.min(signal_counts.c.minute)).where(
            signal_counts.c.brand == brand, signal_counts.c.events > 0
        )
        async with reachable(), self._engine.connect() as connection:
            found: datetime | None = (await connection.execute(query)).scalar_one()
            return found

    async def put_alert(self, record: AlertRecord) -> AlertRecord:
        """Store the alert, or what is new about it; the version rises only if something is. Returns what is stored."""
        row = record.model_dump(include=set(alerts.c.keys()))
        put = upsert(alerts).values(row | {"version": 1})
        new = put.excluded
        differs = func.row(*(alerts.c[name] for name in _WRITTEN[1:])).is_distinct_from(
            func.row(*(new[name] for name in _WRITTEN[1:]))
        )
        put = put.on_conflict_do_update(
            index_elements=["id"],
            set_={name: new[name] for name in _WRITTEN[1:]}
            | {"version": alerts.c.version + 1, "updated_at": func.now()},
            where=differs,
        )
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(put)
            stored = (await connection.execute(select(alerts).where(alerts.c.id == record.id))).mappings().one()
        return AlertRecord(**stored)

    async def end_alert(self, alert_id: str, ended_at: datetime) -> AlertRecord | None:
        """Mark the alert as over; None when there is no such alert."""
        end = (
            update(alerts)
            .where(alerts.c.id == alert_id, alerts.c.ended_at.is_distinct_from(ended_at))
            .values(ended_at=ended_at, version=alerts.c.version + 1, updated_at=func.now())
        )
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(end)
            stored = (await connection.execute(select(alerts).where(alerts.c.id == alert_id))).mappings().first()
        return None if stored is None else AlertRecord(**stored)

    async def list_alerts(self, since: datetime | None = None, kind: str | None = None) -> list[AlertRecord]:
        """Alerts stored at `since` or later, in the order in which they were raised."""
        query = select(alerts).order_by(alerts.c.created_at, alerts.c.id)
        if since is not None:
            query = query.where(alerts.c.created_at >= since)
        if kind is not None:
            query = query.where(alerts.c.kind == kind)
        async with reachable(), self._engine.connect() as connection:
            return [AlertRecord(**row) for row in (await connection.execute(query)).mappings()]

    async def list_bursts(self, brand: str, since: datetime, until: datetime) -> list[AlertRecord]:
        """The brand's bursts that touch the time from `since` to `until`, the earliest first."""
        ends = func.coalesce(alerts.c.ended_at, alerts.c.started_at)
        query = (
            select(alerts)
            .where(alerts.c.kind == "burst", alerts.c.brand == brand, alerts.c.started_at <= until, ends >= since)
            .order_by(alerts.c.started_at, alerts.c.id)
        )
        async with reachable(), self._engine.connect() as connection:
            return [AlertRecord(**row) for row in (await connection.execute(query)).mappings()]

    async def worst_events(self, brand: str, since: datetime, until: datetime, limit: int = 3) -> list[str]:
        """The ids of the brand's most dissatisfied messages, since <= occurred_at < until."""
        query = (
            select(events.c.id)
            .where(
                events.c.brand == brand,
                events.c.occurred_at >= since,
                events.c.occurred_at < until,
                events.c.sentiment == "negative",
            )
            .order_by(events.c.dissatisfaction.desc().nulls_last(), events.c.id)
            .limit(limit)
        )
        async with reachable(), self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())

    @asynccontextmanager
    async def sole(self, name: str) -> AsyncIterator[bool]:
        """Whether this process is the only one that does `name` until the block ends. Never waits.

        The lock belongs to a connection, and goes with it: what the block writes must bear being written twice.
        """
        key = f"earshot {name}"
        async with reachable():
            connection = await self._engine.connect()
        try:
            async with reachable():
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                mine = await connection.scalar(select(func.pg_try_advisory_lock(func.hashtextextended(key, 0))))
            try:
                yield bool(mine)
            finally:
                if mine:
                    with suppress(DBAPIError, OSError):  # the connection broke, and the lock with it
                        await connection.execute(select(func.pg_advisory_unlock(func.hashtextextended(key, 0))))
        finally:
            with suppress(DBAPIError, OSError):
                await connection.close()
