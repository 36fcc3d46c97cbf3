"""The monitor: traffic, mood, trending topics, model versions, drift and lag, cached for seconds.

Every part is one bounded query: over the counts per minute where that will do, over the latest
events otherwise. The cache makes fifty open consoles cost as much as one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.monitor.cache import TtlCache
from stream.monitor.drift import Drift, drift
from stream.monitor.rates import Rate, Rates
from stream.monitor.records import (
    HOUR,
    LENGTH,
    NO_BRAND,
    NO_TOPIC,
    Lag,
    Mixes,
    MonitorQuery,
    Point,
    Span,
    Spent,
    Traffic,
    TrainingMix,
    Versions,
    Window,
    window_of,
)
from stream.monitor.trending import PAST_HOURS, TrendingTopic, trending_topics
from stream.postgres.database import reachable

SAMPLE = 20_000  # the latest messages from which mixes are counted
_MOST_CELLS = 50_000
_SECONDS = 15  # that a query may take

_KEEP: Mapping[Span, float] = {
    "1h": 3.0,
    "24h": 10.0,
    "7d": 30.0,
    "30d": 120.0,
    "90d": 300.0,
}  # seconds
_KEEP_MIX, _KEEP_TRENDING, _KEEP_LAG = 20.0, 60.0, 10.0
_BEFORE = timedelta(days=7)  # whose mix of topics is held against the present one


class Monitor:
    """Reads the parts of the monitor.

    lag: how many messages wait in Kafka; raises where Kafka does not answer. training_mix: None
    where this process has no model.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        lag: Callable[[], Awaitable[int]] | None = None,
        training_mix: TrainingMix | None = None,
    ) -> None:
        self._engine = engine
        self._lag = lag
        self._training_mix = training_mix
        self._cache = TtlCache()
        self._rates = Rates(engine)

    async def rates(self, query: MonitorQuery) -> list[Rate]:
        """Events saved a second, of the last ten minutes."""
        return await self._rates.read(query.scope)

    async def window(self, query: MonitorQuery) -> Window:
        """The time that is looked at."""
        key = ("latest", _key(query))
        latest = await self._cache.get(key, _KEEP["1h"], lambda: self._latest(query))
        return window_of(query.span, latest, datetime.now(UTC))

    async def traffic(self, query: MonitorQuery) -> Traffic:
        """Messages by brand and by topic, by time."""
        window = await self.window(query)
        key = ("traffic", query.span, _key(query))
        return await self._cache.get(key, _KEEP[query.span], lambda: self._traffic(query, window))

    async def trending(self, query: MonitorQuery) -> list[TrendingTopic]:
        """Topics with more messages than their own past lets expect."""
        window = await self.window(query)
        key = ("rising", query.span, _key(query))
        return await self._cache.get(key, _KEEP_TRENDING, lambda: self._trending(query, window))

    async def mixes(self, query: MonitorQuery) -> Mixes:
        """The models that judged the latest messages of the window, and the drift of their mix."""
        window = await self.window(query)
        key = ("mixes", query.span, _key(query))
        return await self._cache.get(key, _KEEP_MIX, lambda: self._mixes(query, window))

    async def lag(self) -> Lag:
        """How far the stream is behind."""
        return await self._cache.get("behind", _KEEP_LAG, self._read_lag)

    async def spent(self, query: MonitorQuery) -> list[Spent]:
        """What networks that charge were paid today, the most first."""
        key = ("spent", _key(query))
        return await self._cache.get(key, _KEEP["24h"], lambda: self._spent(query))

    async def brands(self, query: MonitorQuery) -> list[str]:
        """The brands that ever had a message and that the person may see."""
        every_brand = MonitorQuery(brands=query.brands)
        names = await self._cache.get(
            ("brands", _key(every_brand)), 60.0, lambda: self._brands(every_brand)
        )
        return [brand for brand in names if query.brands is None or brand in query.brands]

    async def _latest(self, query: MonitorQuery) -> datetime | None:
        [row] = await self._ask(_LATEST, {"scope": query.scope})
        latest: datetime | None = row.latest
        return latest

    async def _traffic(self, query: MonitorQuery, window: Window) -> Traffic:
        rows = await self._ask(
            _TRAFFIC, _stretch(query, window) | {"step": timedelta(seconds=window.step)}
        )
        brands: dict[str, list[Point]] = {}
        topics: dict[str, list[Point]] = {}
        for row in rows:
            point = Point(
                row.at, row.messages, row.negative, row.complaints, round(row.dissatisfaction, 1)
            )
            if row.of_brand:
                brands.setdefault(row.brand or NO_BRAND, []).append(point)
            else:
                topics.setdefault(row.topic or NO_TOPIC, []).append(point)
        return Traffic(window, brands, topics)

    async def _trending(self, query: MonitorQuery, window: Window) -> list[TrendingTopic]:
        judged = int(LENGTH[query.span] / HOUR)
        whole = PAST_HOURS + judged
        past = {"since": window.until - whole * HOUR, "until": window.until, "scope": query.scope}
        hours: dict[str, list[int]] = {}
        known = whole
        for row in await self._ask(_HOURS, past):
            at = whole - 1 - min(row.age, whole - 1)
            known = min(known, at)
            if row.topic:
                hours.setdefault(row.topic, [0] * whole)[at] += row.messages
        # The first hour with a message was not listened to from its beginning, unless the past ends
        # before it.
        known = known if known == 0 else known + 1
        return await asyncio.to_thread(trending_topics, hours, known, judged)

    async def _mixes(self, query: MonitorQuery, window: Window) -> Mixes:
        now = await self._mix(query, window.since, window.until)
        before = await self._mix(query, window.since - _BEFORE, window.since)
        judged = sum(now["model"].values())
        shares = {name: round(count / judged, 4) for name, count in now["model"].items()}
        latest = await self._ask(_LATEST_MODEL, _stretch(query, window))
        versions = Versions(latest[0].model_version if latest else None, judged, shares)
        return Mixes(
            versions,
            self._drift_from_training(now["sentiment"], versions.in_use),
            drift(now["topic"], before["topic"]),
        )

    def _drift_from_training(self, now: Mapping[str, int], in_use: str | None) -> Drift | None:
        """None where the model in use is another one, or its training mix is unknown."""
        mix = self._training_mix
        if mix is None or not mix.sentiment or in_use not in (None, mix.version):
            return None
        return drift(now, mix.sentiment)

    async def _mix(
        self, query: MonitorQuery, since: datetime, until: datetime
    ) -> dict[str, dict[str, int]]:
        counts: dict[str, dict[str, int]] = {"sentiment": {}, "topic": {}, "model": {}}
        for row in await self._ask(
            _MIX, {"scope": query.scope, "since": since, "until": until, "most": SAMPLE}
        ):
            counts[row.of][row.name] = row.messages
        return counts

    async def _read_lag(self) -> Lag:
        [row] = await self._ask(_SAVED, {})
        is_live = row.late is not None and row.late < 3600
        return Lag(await self._waiting(), row.idle, row.late if is_live else None)

    async def _spent(self, query: MonitorQuery) -> list[Spent]:
        rows = await self._ask(_SPENT, {"scope": query.scope})
        return [Spent(row.network, row.brand, row.dollars) for row in rows]

    async def _waiting(self) -> int | None:
        if self._lag is None:
            return None
        try:
            async with asyncio.timeout(3):
                return await self._lag()
        except Exception:
            # Whatever keeps the broker from answering, the rest of the monitor is worth showing.
            return None

    async def _brands(self, query: MonitorQuery) -> list[str]:
        return [row.brand for row in await self._ask(_BRANDS, {"scope": query.scope})]

    async def _ask(self, statement: Any, values: Mapping[str, Any]) -> list[Any]:
        async with reachable(), self._engine.begin() as connection:
            await connection.exec_driver_sql(f"set local statement_timeout = '{_SECONDS}s'")
            return list(await connection.execute(statement, dict(values)))


def _key(query: MonitorQuery) -> tuple[str, ...] | None:
    return None if query.scope is None else tuple(query.scope)


def _stretch(query: MonitorQuery, window: Window) -> dict[str, Any]:
    return {"scope": query.scope, "since": window.since, "until": window.until}


_SEEN = "(cast(:scope as text[]) is null or brand = any(cast(:scope as text[])))"
_LATEST = text(f"""
    select max(minute) as latest from signal_counts
    where events > 0 and minute < now() + interval '1 day' and {_SEEN}
""")  # noqa: S608  our own words
_TRAFFIC = text(f"""
    select grouping(topic) = 1 as of_brand, brand, topic,
           date_bin(cast(:step as interval), minute, cast(:since as timestamptz)) as at,
           sum(events)::integer as messages, sum(negative)::integer as negative,
           sum(complaints)::integer as complaints,
           (sum(dissatisfaction_sum) / sum(events))::float as dissatisfaction
    from signal_counts
    where minute >= :since and minute < :until and events > 0 and {_SEEN}
    group by grouping sets ((brand, at), (topic, at))
    order by at limit {_MOST_CELLS}
""")  # noqa: S608
_HOURS = text(f"""
    select topic,
           floor(extract(epoch from cast(:until as timestamptz) - minute - interval '1 minute')
                 / 3600)::integer as age,
           sum(events)::integer as messages
    from signal_counts
    where minute >= :since and minute < :until and events > 0 and {_SEEN}
    group by 1, 2 limit {_MOST_CELLS}
""")  # noqa: S608
# The limit comes before the brands: a look at a small brand must not read the whole range.
_MIX = text(f"""
    with lately as (
        select sentiment, topic, model_version, brand from events
        where occurred_at >= :since and occurred_at < :until and direction = 'inbound'
            and model_version is not null
        order by occurred_at desc limit :most
    )
    select case when grouping(sentiment) = 0 then 'sentiment'
                when grouping(topic) = 0 then 'topic' else 'model' end as of,
           coalesce(sentiment, topic, model_version) as name, count(*)::integer as messages
    from lately
    where {_SEEN}
    group by grouping sets ((sentiment), (topic), (model_version))
    having coalesce(sentiment, topic, model_version) is not null
    order by 3 desc, 2
""")  # noqa: S608
_LATEST_MODEL = text(f"""
    select model_version from (
        select model_version, brand from events
        where occurred_at >= :since and occurred_at < :until and direction = 'inbound'
            and model_version is not null
        order by occurred_at desc limit {SAMPLE}
    ) as lately where {_SEEN} limit 1
""")  # noqa: S608
_SAVED = text("""
    with lately as (select occurred_at, received_at from events order by received_at desc limit 200)
    select extract(epoch from now() - max(received_at))::float as idle,
           (percentile_cont(0.5)
               within group (order by extract(epoch from received_at - occurred_at)))::float as late
    from lately
""")
_SPENT = text(f"""
    select network, brand, (sum(micros) / 1e6)::float as dollars from spend
    where day = (now() at time zone 'UTC')::date and {_SEEN}
    group by network, brand order by 3 desc, 1, 2 limit 50
""")  # noqa: S608
# From one brand to the next by the index: a distinct would read every cell.
_BRANDS = text(f"""
    with recursive found as (
        select min(brand) as brand from signal_counts where brand > ''
        union all
        select (select min(brand) from signal_counts where brand > found.brand)
            from found where brand is not null
    )
    select brand from found where brand is not null and {_SEEN} order by brand limit 1000
""")  # noqa: S608
