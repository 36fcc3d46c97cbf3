"""Drift alarm: a brand's sentiments and topics of a week against the four weeks before, as alerts.

One model judged both, so that what moved is what customers write. A day counts with its latest
messages alone: the question stays small however much comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.alerts.store import Alerts
from stream.monitor.drift import Drift, drift
from stream.postgres.advisory_lock import sole
from stream.postgres.database import reachable
from stream.records import AlertRecord

Field = Literal["sentiment", "topic"]

LATELY, BEFORE = timedelta(days=7), timedelta(days=28)
A_DAY = 1_000  # messages of a day that are counted, its latest
SEVERITY = 4  # look at it today: the judgements may be worse than they were
CLASSES = 3  # that moved the most, told with the alert
COMMANDS = (
    "earshot export corrections --field heads",
    "earshot train complaints --from-corrections --out runs/corrected",
    "earshot model shadow runs/corrected/model",
    "earshot model use runs/corrected/model",
)
_SECONDS = 15  # that the query may take

# (brand, field): the mixes of the week and of the weeks before it
Mixes = dict[tuple[str, Field], tuple[dict[str, int], dict[str, int]]]


class DriftAlarm:
    """Any number may run: an advisory lock lets one at a time look."""

    def __init__(self, engine: AsyncEngine, alerts: Alerts) -> None:
        self._engine = engine
        self._alerts = alerts

    async def look(self) -> list[AlertRecord]:
        """The drifts that are new, and those that are over, as they are stored."""
        async with sole(self._engine, "drift") as alone:
            if not alone:
                return []
            now = datetime.now(UTC)
            model, mixes = await self._mixes(now)
            if model is None:
                return []
            drifts = {key: drift(*pair) for key, pair in mixes.items()}
            going_on = await self._going_on()
            over = await self._ended(model, drifts, going_on, now)
            news = [
                await self._alerts.put_alert(drift_alert(*key, model, seen, now))
                for key, seen in drifts.items()
                if seen.verdict == "drifted" and not _is_of(going_on.get(key), model)
            ]
        return [*over, *news]

    async def _going_on(self) -> dict[tuple[str, str], AlertRecord]:
        """The drifts that are not over, by brand and field."""
        return {
            (alert.brand or "", str(alert.evidence["of"])): alert
            for alert in await self._alerts.list_alerts(kind="drift")
            if alert.recovered_at is None
        }

    async def _ended(
        self,
        model: str,
        drifts: Mapping[tuple[str, Field], Drift],
        going_on: Mapping[tuple[str, str], AlertRecord],
        now: datetime,
    ) -> list[AlertRecord]:
        """The drifts that are over: the mix is steady, or another model is in use."""
        steady = {key for key, seen in drifts.items() if seen.verdict == "steady"}
        ended = [
            await self._alerts.recover(alert.id, now)
            for key, alert in going_on.items()
            if key in steady or not _is_of(alert, model)
        ]
        return [alert for alert in ended if alert is not None]

    async def _mixes(self, now: datetime) -> tuple[str | None, Mixes]:
        """The model in use, and the mixes of each brand that it judged messages of."""
        times = {"now": now, "lately": now - LATELY, "since": now - LATELY - BEFORE}
        async with reachable(), self._engine.begin() as connection:
            await connection.exec_driver_sql(f"set local statement_timeout = '{_SECONDS}s'")
            model = await connection.scalar(_MODEL, {"now": now, "since": times["lately"]})
            if model is None:
                return None, {}
            rows = await connection.execute(_MIXES, times | {"model": model, "limit": A_DAY})
            mixes: Mixes = {}
            for row in rows:
                pair = mixes.setdefault((row.brand, row.field), ({}, {}))
                pair[0 if row.is_lately else 1][row.name] = row.messages
        return str(model), mixes


def _is_of(alert: AlertRecord | None, model: str) -> bool:
    return alert is not None and alert.evidence["model"] == model


def drift_alert(brand: str, field: Field, model: str, seen: Drift, now: datetime) -> AlertRecord:
    """The alert of a drift, with the commands that teach a model what customers write now."""
    return AlertRecord(
        id=f"drift:{brand or '-'}:{field}:{model}:{now:%Y-%m-%d}",
        kind="drift",
        severity=SEVERITY,
        brand=brand or None,
        started_at=now,
        evidence={
            "of": field,
            "model": model,
            "index": seen.index,
            "chance": seen.chance,
            "messages": seen.messages,
            "messages_before": seen.messages_then,
            "moved": moved(seen),
            "commands": list(COMMANDS),
        },
    )


def moved(seen: Drift) -> dict[str, list[float]]:
    """The classes whose shares moved the most: the share before, and now."""
    by_size = sorted(seen.now, key=lambda name: (-abs(seen.now[name] - seen.then[name]), name))
    return {name: [seen.then[name], seen.now[name]] for name in by_size[:CLASSES]}


_MODEL = text("""
    select model_version from events
    where occurred_at >= :since and occurred_at < :now and direction = 'inbound'
        and model_version is not null
    order by occurred_at desc limit 1
""")
_MIXES = text("""
    with days as (
        select day from generate_series(
            cast(:since as timestamptz), cast(:now as timestamptz) - interval '1 second',
            interval '1 day') as day
    ),
    counted as (
        select coalesce(brand, '') as brand, sentiment, topic, day >= :lately as is_lately
        from days cross join lateral (
            select brand, sentiment, topic, model_version from events
            where occurred_at >= day and occurred_at < least(day + interval '1 day', :now)
                and direction = 'inbound' and model_version is not null
            order by occurred_at desc limit :limit
        ) as of_day
        where model_version = :model
    )
    select brand, is_lately,
           case when grouping(sentiment) = 0 then 'sentiment' else 'topic' end as field,
           coalesce(sentiment, topic) as name, count(*)::integer as messages
    from counted
    group by grouping sets ((brand, is_lately, sentiment), (brand, is_lately, topic))
    having coalesce(sentiment, topic) is not null
""")
