"""Turns the counts per minute into alerts: one evaluator, which judges whatever changed since its
last look.

The statistics are those of `stream.bursts.detector` (a window-limited likelihood ratio of negative
binomial counts) on the season of `stream.bursts.baseline` (midmeans of the same hour of past weeks,
shrunk); its words are those of `stream.bursts.distinctive_words`. Judging goes by the messages' own
time, so a replay of last year finds last year's bursts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from stream.alerts.store import Alerts, Open
from stream.bursts.baseline import LOOKBACK_HOURS
from stream.bursts.counts import Cell, Signals, Stretch
from stream.bursts.detector import (
    LEAD,
    LONGEST,
    REST,
    TOGETHER,
    Burst,
    Traffic,
    find_bursts,
)
from stream.bursts.distinctive_words import Said, examples, words_apart
from stream.records import UNNAMED, AlertRecord

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
QUIET = REST * MINUTE  # a burst is over when so much time has passed without it

_LEAD, _LONGEST = LEAD * MINUTE, LONGEST * MINUTE
_HOURS_KEPT = 600.0  # seconds that the counts of past weeks are not read again
_USUAL_DAYS = timedelta(days=3)  # from which the usual words are
_MOST_TEXTS, _ENOUGH_TEXTS = 1000, 200


class BurstJudge:
    """Looks at what changed since its last look. Any number may run: an advisory lock lets one at a
    time judge.
    """

    def __init__(
        self,
        counts: Signals,
        alerts: Alerts,
        since: datetime | None = None,
        *,
        exact: bool = False,
    ) -> None:
        """since: the first look sees what changed from then on; by default the last hour, for
        alerts that a judge who died has stored but not published. exact: tell every change of a
        running burst, not only what is news.
        """
        self._counts = counts
        self._alerts = alerts
        self._since = since or datetime.now(UTC) - timedelta(hours=1)
        self._exact = exact
        self._firsts: dict[str, tuple[float, datetime | None]] = {}
        self._hours: dict[tuple[str, datetime], tuple[float, list[Cell]]] = {}

    async def look(self) -> list[AlertRecord]:
        """The bursts in what changed, and those that are over, as they are stored.

        One that is told twice has the same id and version.
        """
        raised: list[AlertRecord] = []
        async with self._counts.sole("bursts") as mine:
            if mine:
                changed, following = await self._counts.changed_brands(self._since)
                for brand, stretches in sorted(changed.items()):
                    for stretch in stretches:
                        raised += await self._judge(brand, stretch, exact=self._exact)
                for each in await self._alerts.open_bursts():
                    raised += await self._recover(each)
                self._since = following
        return raised

    async def _judge(self, brand: str, changed: Stretch, *, exact: bool) -> list[AlertRecord]:
        known = await self._alerts.list_bursts(
            brand, changed.first - 2 * _LEAD, changed.last + _LEAD
        )
        first, last = changed.first - _LEAD - QUIET, changed.last + _LEAD
        for alert in reversed(
            known
        ):  # what was part of a burst does not tell the level: its beginning must be seen
            if _end(alert) >= first - QUIET and alert.started_at <= last:
                first = min(first, alert.started_at - _LEAD)
        begin = first.replace(minute=0)
        while True:
            bursts = await self._find(brand, begin, last + MINUTE)
            touched = [each for each in bursts if _touches(each, changed)]
            if (
                not any(each.end > last - QUIET for each in touched)
                or last > changed.last + 2 * _LONGEST
            ):
                break
            last += _LONGEST  # a burst at the edge of what was read is seen in part only
        free = list(known)
        records = []
        for burst in touched:
            same = next(
                iter(
                    sorted((a for a in free if _is(a, burst)), key=lambda a: a.topic != burst.topic)
                ),
                None,
            )
            if same is not None:
                free.remove(same)
            if same is None or exact or _is_news(same, burst):
                records.append(await self._alerts.put_alert(await self._alert(brand, burst, same)))
        return records

    async def _find(self, brand: str, begin: datetime, until: datetime) -> list[Burst]:
        since = await self._first_minute(brand)
        if since is None:
            return []
        minutes = await self._counts.negatives(brand, begin, until, "minute")
        hours = await self._past_hours(brand, begin)
        return await asyncio.to_thread(find_bursts, traffic(minutes, hours, begin, until, since))

    async def _first_minute(self, brand: str) -> datetime | None:
        """Read anew now and then: an older message may come late, but it changes little."""
        now = time.monotonic()
        read_at, first = self._firsts.get(brand, (-_HOURS_KEPT, None))
        if first is None or now - read_at >= _HOURS_KEPT:
            first = await self._counts.first_minute(brand)
            self._firsts[brand] = now, first
        return first

    async def _past_hours(self, brand: str, begin: datetime) -> list[Cell]:
        now = time.monotonic()
        read_at, cells = self._hours.get((brand, begin), (-_HOURS_KEPT, []))
        if now - read_at >= _HOURS_KEPT:
            cells = await self._counts.negatives(
                brand, begin - LOOKBACK_HOURS * HOUR, begin, "hour"
            )
            self._hours = {
                key: kept for key, kept in self._hours.items() if now - kept[0] < _HOURS_KEPT
            }
            self._hours[brand, begin] = now, cells
        return cells

    async def _alert(self, brand: str, burst: Burst, known: AlertRecord | None) -> AlertRecord:
        """The burst as an alert. One that grew, or began earlier than was known, keeps its id."""
        topic = known.topic if known else burst.topic
        apart = await self._counts.texts(
            brand, burst.start, burst.end + MINUTE, _MOST_TEXTS, negative=True
        )
        usual = await self._usual_texts(brand, burst)
        words = await asyncio.to_thread(words_apart, apart, usual, without=brand)
        return AlertRecord(
            id=known.id if known else f"burst:{brand}:{topic}:{burst.start:%Y-%m-%dT%H:%MZ}",
            kind="burst",
            severity=burst.severity,
            brand=brand,
            topic=topic,
            started_at=min(known.started_at, burst.start) if known else burst.start,
            peak_at=burst.peak,
            ended_at=burst.end,
            # a late message may bring it back to life
            recovered_at=known.recovered_at if known and known.ended_at == burst.end else None,
            evidence={
                "negative": burst.negative,
                "expected": round(burst.expected, 1),
                "topics": dict(list(burst.topics.items())[:5]),
                "words": words,
                "examples": examples(apart, words),
            },
        )

    async def _usual_texts(self, brand: str, burst: Burst) -> list[Said]:
        """What the brand's customers write otherwise; where that is little, what any brand's do."""
        before = burst.start - _USUAL_DAYS
        own = await self._counts.texts(brand, before, burst.start, _MOST_TEXTS)
        if len(own) >= _ENOUGH_TEXTS:
            return own
        apart = await self._counts.texts(brand, burst.start, burst.end + MINUTE, _MOST_TEXTS)
        during = {said.id for said in apart}
        others = await self._counts.texts(
            None, before, burst.end + MINUTE, _MOST_TEXTS + len(during)
        )
        return [said for said in others if said.id not in during]

    async def _recover(self, burst: Open) -> list[AlertRecord]:
        """Over is what has been quiet for QUIET: by the brand's own later messages, or by the clock
        where none came.
        """
        ended, now = _end(burst.alert), datetime.now(UTC)
        silent = min(now - burst.touched_at, now - ended) >= QUIET
        if burst.latest < ended + QUIET and not silent:
            return []
        told = await self._judge(
            burst.alert.brand or "", Stretch(burst.alert.started_at, ended), exact=True
        )
        last = next((_end(each) for each in told if each.id == burst.alert.id), ended)
        if last > ended and burst.latest < last + QUIET and not silent:
            return told
        recovered = await self._alerts.recover(burst.alert.id, last + QUIET)
        return [
            *(each for each in told if recovered is None or each.id != recovered.id),
            *filter(None, [recovered]),
        ]


def traffic(
    minutes: Iterable[Cell],
    hours: Iterable[Cell],
    begin: datetime,
    until: datetime,
    since: datetime,
) -> Traffic:
    """Cells as arrays. begin: a whole hour; the hours before it, LOOKBACK_HOURS at most, are those
    of `hours`.
    """
    past = min(LOOKBACK_HOURS, max(0, int((begin - since) / HOUR)))
    n = int((until - begin) / MINUTE)
    by_minute: dict[str, NDArray[np.integer]] = {}
    by_hour: dict[str, NDArray[np.integer]] = {}
    for cells, unit, start, length, into in (
        (minutes, MINUTE, begin, n, by_minute),
        (hours, HOUR, begin - past * HOUR, past, by_hour),
    ):
        for named, at, count in cells:
            topic = named or UNNAMED
            for known, size in ((by_minute, n), (by_hour, past)):
                known.setdefault(topic, np.zeros(size, np.int64))
            place = int((at - start) / unit)
            if 0 <= place < length:
                into[topic][place] += count
    return Traffic(begin, by_minute, by_hour, since)


def _touches(burst: Burst, changed: Stretch) -> bool:
    return burst.end >= changed.first - QUIET and burst.start <= changed.last + 10 * MINUTE


def _is(alert: AlertRecord, burst: Burst) -> bool:
    """Is this burst the one of the alert? One topic, or one cause: see `find_bursts`."""
    if alert.started_at - QUIET > burst.end or burst.start > _end(alert) + QUIET:
        return False
    near = abs(alert.started_at - burst.start) <= TOGETHER * MINUTE
    return alert.topic == burst.topic or (
        near and not burst.topics.keys().isdisjoint(alert.evidence.get("topics", ()))
    )


def _is_news(known: AlertRecord, burst: Burst) -> bool:
    """A running burst changes with every message; told is what a person would call a change, and
    its end in full.
    """
    before = int(known.evidence.get("negative", 0))
    return (
        known.severity != burst.severity
        or not before <= burst.negative < 1.1 * before
        or burst.start < known.started_at
        or burst.end >= _end(known) + 5 * MINUTE
        or (known.recovered_at is not None and burst.end != known.ended_at)
    )


def _end(alert: AlertRecord) -> datetime:
    return alert.ended_at or alert.started_at
