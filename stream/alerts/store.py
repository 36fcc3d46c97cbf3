"""Alert store: the table of alerts, with the findings of the evaluator and the acts of people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import column, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.alerts.grouping import TOGETHER
from stream.postgres.database import reachable
from stream.postgres.tables import Moment, alerts, events
from stream.records import AlertRecord

# The evaluator may change these later; an alert keeps its id, its brand and its topic, and the
# columns that people set.
_FINDINGS = ("severity", "started_at", "peak_at", "ended_at", "recovered_at", "evidence")


@dataclass(frozen=True, slots=True)
class OpenBurst:
    """A burst that is not over.

    latest: the brand's last minute with a message. touched_at: the time of its last change.
    """

    alert: AlertRecord
    latest: datetime
    touched_at: datetime


class Alerts:
    """The table `alerts`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def put_alert(self, record: AlertRecord) -> AlertRecord:
        """Store the alert, or its news; its version rises only then. Returns the row."""
        row = record.model_dump(include={"id", "kind", "brand", "topic", "ticket_id", *_FINDINGS})
        put = upsert(alerts).values(row | {"version": 1})
        new = put.excluded
        differs = func.row(*(alerts.c[name] for name in _FINDINGS)).is_distinct_from(
            func.row(*(new[name] for name in _FINDINGS))
        )
        put = put.on_conflict_do_update(
            index_elements=["id"],
            set_={name: new[name] for name in _FINDINGS}
            | {"version": alerts.c.version + 1, "updated_at": func.now()},
            where=differs,
        )
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(put)
            stored = (
                (await connection.execute(select(alerts).where(alerts.c.id == record.id)))
                .mappings()
                .one()
            )
        return AlertRecord(**stored)

    async def recover(self, alert_id: str, at: datetime) -> AlertRecord | None:
        """Mark the alert as over; None when there is no such alert."""
        return await self._change(
            alert_id, alerts.c.recovered_at.is_distinct_from(at), recovered_at=at
        )

    async def end_surges(self, since: datetime) -> list[AlertRecord]:
        """Mark the surges as over that no further P1 ticket joined for an hour; returns those that
        are over since then.
        """
        query = select(alerts).where(alerts.c.kind == "surge", alerts.c.recovered_at >= since)
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(_END_SURGES, {"quiet": TOGETHER})
            rows = (await connection.execute(query.order_by(alerts.c.id))).mappings().all()
        return [AlertRecord(**row) for row in rows]

    async def acknowledge(self, alert_id: str, actor: str) -> AlertRecord | None:
        """A person has seen it: the first one stays. None when there is no such alert."""
        first = alerts.c.acknowledged_at.is_(None)
        return await self._change(
            alert_id, first, acknowledged_by=actor, acknowledged_at=func.now()
        )

    async def snooze(self, alert_id: str, actor: str, until: datetime | None) -> AlertRecord | None:
        """No message about it until then; None ends that.

        Nor about others of its brand and topic (of its ticket).
        """
        values = {"snoozed_by": actor if until else None, "snoozed_until": until}
        return await self._change(
            alert_id, alerts.c.snoozed_until.is_distinct_from(until), **values
        )

    async def show_alert(self, alert_id: str) -> AlertRecord | None:
        async with reachable(), self._engine.connect() as connection:
            row = (
                (await connection.execute(select(alerts).where(alerts.c.id == alert_id)))
                .mappings()
                .first()
            )
            return None if row is None else AlertRecord(**row)

    async def list_alerts(
        self,
        since: datetime | None = None,
        kind: str | None = None,
        *,
        unacknowledged: bool = False,
        limit: int | None = None,
        brands: frozenset[str] | None = None,
    ) -> list[AlertRecord]:
        """Alerts stored at `since` or later (the latest so many), in the order of their raising.

        brands: only of these; None: all.
        """
        query = select(alerts).order_by(alerts.c.created_at.desc(), alerts.c.id.desc()).limit(limit)
        if since is not None:
            query = query.where(alerts.c.created_at >= since)
        if kind is not None:
            query = query.where(alerts.c.kind == kind)
        if unacknowledged:
            query = query.where(alerts.c.acknowledged_at.is_(None))
        if brands is not None:
            query = query.where(alerts.c.brand.in_(sorted(brands)))
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [AlertRecord(**row) for row in reversed(rows)]

    async def list_bursts(self, brand: str, since: datetime, until: datetime) -> list[AlertRecord]:
        """The brand's bursts that touch the time from `since` to `until`, the earliest first."""
        ends = func.coalesce(alerts.c.ended_at, alerts.c.started_at)
        query = (
            select(alerts)
            .where(
                alerts.c.kind == "burst",
                alerts.c.brand == brand,
                alerts.c.started_at <= until,
                ends >= since,
            )
            .order_by(alerts.c.started_at, alerts.c.id)
        )
        async with reachable(), self._engine.connect() as connection:
            return [AlertRecord(**row) for row in (await connection.execute(query)).mappings()]

    async def open_bursts(self) -> list[OpenBurst]:
        """The bursts that are not over."""
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(_OPEN)).mappings()
            return [
                OpenBurst(
                    AlertRecord(**row),
                    row["latest"] or row["started_at"],
                    row["touched_at"] or row["updated_at"],
                )
                for row in rows
            ]

    async def example_texts(self, ids: list[str]) -> dict[str, str]:
        """The texts of these messages as they are now; a deleted one is left out."""
        query = select(events.c.id, events.c.text).where(
            events.c.id.in_(ids), events.c.text.is_not(None)
        )
        async with reachable(), self._engine.connect() as connection:
            texts = {row.id: row.text for row in await connection.execute(query)}
        return {id: texts[id] for id in ids if id in texts}

    async def _change(self, alert_id: str, news: Any, **values: Any) -> AlertRecord | None:
        changed = (
            update(alerts)
            .where(alerts.c.id == alert_id, news)
            .values(**values, version=alerts.c.version + 1, updated_at=func.now())
        )
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(changed)
            stored = (
                (await connection.execute(select(alerts).where(alerts.c.id == alert_id)))
                .mappings()
                .first()
            )
        return None if stored is None else AlertRecord(**stored)


_END_SURGES = text("""
    update alerts a
    set recovered_at = now(), ended_at = now(), version = a.version + 1, updated_at = now()
    where a.kind = 'surge' and a.recovered_at is null and not exists (
        select from alert_tickets j
        where j.alert_id = a.id and j.joined_at > now() - cast(:quiet as interval)
    )
""")
_OPEN = text("""
    select alerts.*, lately.latest, lately.touched_at
    from alerts
    left join lateral (
        select max(minute) as latest, max(signal_counts.updated_at) as touched_at
        from signal_counts
        where signal_counts.brand = alerts.brand and events > 0
          and minute >= coalesce(alerts.ended_at, alerts.started_at)
    ) as lately on true
    where kind = 'burst' and recovered_at is null
    order by alerts.id
""").columns(*alerts.c, column("latest", Moment), column("touched_at", Moment))
