"""What the monitor shows: how much comes in, how people feel, what rises, which model judged, what
waits.

Every part is one bounded query: over the counts per minute where that will do, over the latest
events otherwise. Parts are remembered for some seconds, so that fifty open consoles cost what one
does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.monitor.cache import Remembered
from stream.monitor.drift import drift
from stream.monitor.rates import Rate, Rates
from stream.monitor.records import (
    HOUR,
    LENGTH,
    NO_BRAND,
    NO_TOPIC,
    Asked,
    Behind,
    Mixes,
    Point,
    Span,
    Spent,
    Taught,
    Traffic,
    Versions,
    Window,
    window_of,
)
from stream.monitor.trending import PAST_HOURS, Rising, rising
from stream.postgres.database import reachable

SAMPLE = 20_000  # the latest messages from which mixes are counted
_MOST_CELLS = 50_000
_SECONDS = 15  # that a query may take

_KEEP: Mapping[Span, float] = {"1h": 3.0, "24h": 10.0, "7d": 30.0}  # seconds
_KEEP_MIX, _KEEP_RISING, _KEEP_LAG = 20.0, 60.0, 10.0
_BEFORE = timedelta(days=7)  # whose mix of topics is held against the present one


class Monitor:
    """lag: how many messages wait in Kafka; raises where it cannot be asked. taught: None where no
    model is at hand.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        lag: Callable[[], Awaitable[int]] | None = None,
        taught: Taught | None = None,
    ) -> None:
        self._engine = engine
        self._lag = lag
        self._taught = taught
        self._remembered = Remembered()
        self._rates = Rates(engine)

    async def rates(self, asked: Asked) -> list[Rate]:
        """Events saved a second, of the last ten minutes."""
        return await self._rates.read(asked.scope)

    async def window(self, asked: Asked) -> Window:
        """The time that is looked at."""
        key = ("latest", _key(asked))
        latest = await self._remembered.get(key, _KEEP["1h"], lambda: self._latest(asked))
        return window_of(asked.span, latest, datetime.now(UTC))

    async def traffic(self, asked: Asked) -> Traffic:
        """How many said what, how, when."""
        window = await self.window(asked)
        key = ("traffic", asked.span, _key(asked))
        return await self._remembered.get(
            key, _KEEP[asked.span], lambda: self._traffic(asked, window)
        )

    async def rising(self, asked: Asked) -> list[Rising]:
        """Topics of which more is heard than their own past leads one to expect."""
        window = await self.window(asked)
        key = ("rising", asked.span, _key(asked))
        return await self._remembered.get(key, _KEEP_RISING, lambda: self._rising(asked, window))

    async def mixes(self, asked: Asked) -> Mixes:
        """Which model judged the latest messages of the window, and how far their mix has drifted."""
        window = await self.window(asked)
        key = ("mixes", asked.span, _key(asked))
        return await self._remembered.get(key, _KEEP_MIX, lambda: self._mixes(asked, window))

    async def behind(self) -> Behind:
        return await self._remembered.get("behind", _KEEP_LAG, self._behind)

    async def spent(self, asked: Asked) -> list[Spent]:
        """What networks that charge were paid today, the most first."""
        key = ("spent", _key(asked))
        return await self._remembered.get(key, _KEEP["24h"], lambda: self._spent(asked))

    async def brands(self, asked: Asked) -> list[str]:
        """The brands that can be chosen: those that were ever heard of and that the person may see."""
        everything = Asked(brands=asked.brands)
        found = await self._remembered.get(
            ("brands", _key(everything)), 60.0, lambda: self._brands(everything)
        )
        return [brand for brand in found if asked.brands is None or brand in asked.brands]

    async def _latest(self, asked: Asked) -> datetime | None:
        [row] = await self._ask(_LATEST, {"scope": asked.scope})
        latest: datetime | None = row.latest
        return latest

    async def _traffic(self, asked: Asked, window: Window) -> Traffic:
        rows = await self._ask(
            _TRAFFIC, _stretch(asked, window) | {"step": timedelta(seconds=window.step)}
        )
        brands: dict[str, list[Point]] = {}
        topics: dict[str, list[Point]] = {}
        for row in rows:
            name = (row.brand or NO_BRAND) if row.of_brand else (row.topic or NO_TOPIC)
            point = Point(
                row.at, row.messages, row.negative, row.complaints, round(row.dissatisfaction, 1)
            )
            (brands if row.of_brand else topics).setdefault(name, []).append(point)
        return Traffic(window, brands, topics)

    async def _rising(self, asked: Asked, window: Window) -> list[Rising]:
        judged = int(LENGTH[asked.span] / HOUR)
        whole = PAST_HOURS + judged
        past = {"since": window.until - whole * HOUR, "until": window.until, "scope": asked.scope}
        hours: dict[str, list[int]] = {}
        known = whole
        for row in await self._ask(_HOURS, past):
            at = whole - 1 - min(row.age, whole - 1)
            known = min(known, at)
            if row.topic:
                hours.setdefault(row.topic, [0] * whole)[at] += row.messages
        # the first hour that was heard was not heard from its beginning, unless more came before it
        known = known if known == 0 else known + 1
        return await asyncio.to_thread(rising, hours, known, judged)

    async def _mixes(self, asked: Asked, window: Window) -> Mixes:
        now = await self._mix(asked, window.since, window.until)
        before = await self._mix(asked, window.since - _BEFORE, window.since)
        judged = sum(now["model"].values())
        [*latest] = await self._ask(_LATEST_MODEL, _stretch(asked, window))
        shares = {name: round(count / judged, 4) for name, count in now["model"].items()}
        versions = Versions(latest[0].model_version if latest else None, judged, shares)
        taught = self._taught
        same = taught is not None and taught.sentiment and versions.in_use in (None, taught.version)
        return Mixes(
            versions,
            drift(now["sentiment"], taught.sentiment) if taught is not None and same else None,
            drift(now["topic"], before["topic"]),
        )

    async def _mix(
        self, asked: Asked, since: datetime, until: datetime
    ) -> dict[str, dict[str, int]]:
        told: dict[str, dict[str, int]] = {"sentiment": {}, "topic": {}, "model": {}}
        for row in await self._ask(
            _MIX, {"scope": asked.scope, "since": since, "until": until, "most": SAMPLE}
        ):
            told[row.of][row.name] = row.messages
        return told

    async def _behind(self) -> Behind:
        found = await self._ask(_SAVED, {})
        row = found[0]
        return Behind(
            await self._waiting(),
            row.idle,
            row.late if row.late is not None and row.late < 3600 else None,
        )

    async def _spent(self, asked: Asked) -> list[Spent]:
        rows = await self._ask(_SPENT, {"scope": asked.scope})
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

    async def _brands(self, asked: Asked) -> list[str]:
        return [row.brand for row in await self._ask(_BRANDS, {"scope": asked.scope})]

    async def _ask(self, query: Any, values: Mapping[str, Any]) -> list[Any]:
        async with reachable(), self._engine.begin() as connection:
            await connection.exec_driver_sql(f"set local statement_timeout = '{_SECONDS}s'")
            return list(await connection.execute(query, dict(values)))


def _key(asked: Asked) -> tuple[str, ...] | None:
    return None if asked.scope is None else tuple(asked.scope)


def _stretch(asked: Asked, window: Window) -> dict[str, Any]:
    return {"scope": asked.scope, "since": window.since, "until": window.until}


_SEEN = "(cast(:scope as text[]) is null or brand = any(cast(:scope as text[])))"
_LATEST = text(f"""
    select max(minute) as latest from signal_counts
    where events > 0 and minute < now() + interval '1 day' and {_SEEN}
""")  # noqa: S608  our own words
_TRAFFIC = text(f"""
    select grouping(topic) = 1 as of_brand, brand, topic,
           date_bin(cast(:step as interval), minute, cast(:since as timestamptz)) as at,
           sum(events)::integer as messages, sum(negative)::integer as negative, sum(complaints)::integer as complaints,
           (sum(dissatisfaction_sum) / sum(events))::float as dissatisfaction
    from signal_counts
    where minute >= :since and minute < :until and events > 0 and {_SEEN}
    group by grouping sets ((brand, at), (topic, at))
    order by at limit {_MOST_CELLS}
""")  # noqa: S608
_HOURS = text(f"""
    select topic, floor(extract(epoch from cast(:until as timestamptz) - minute - interval '1 minute') / 3600)::integer
               as age,
           sum(events)::integer as messages
    from signal_counts
    where minute >= :since and minute < :until and events > 0 and {_SEEN}
    group by 1, 2 limit {_MOST_CELLS}
""")  # noqa: S608
# The limit comes before the brands: a look at a small brand must not read the whole range.
_MIX = text(f"""
    with lately as (
        select sentiment, topic, model_version, brand from events
        where occurred_at >= :since and occurred_at < :until and direction = 'inbound' and model_version is not null
        order by occurred_at desc limit :most
    )
    select case when grouping(sentiment) = 0 then 'sentiment' when grouping(topic) = 0 then 'topic' else 'model' end
               as of,
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
        where occurred_at >= :since and occurred_at < :until and direction = 'inbound' and model_version is not null
        order by occurred_at desc limit {SAMPLE}
    ) as lately where {_SEEN} limit 1
""")  # noqa: S608
_SAVED = text("""
    with lately as (select occurred_at, received_at from events order by received_at desc limit 200)
    select extract(epoch from now() - max(received_at))::float as idle,
           (percentile_cont(0.5) within group (order by extract(epoch from received_at - occurred_at)))::float as late
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
        select (select min(brand) from signal_counts where brand > found.brand) from found where brand is not null
    )
    select brand from found where brand is not null and {_SEEN} order by brand limit 1000
""")  # noqa: S608
