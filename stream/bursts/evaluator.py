"""Burst evaluator: turns the counts per minute that changed since its last look into alerts.

The statistics are those of `stream.bursts.detector` (a window-limited likelihood ratio of negative
binomial counts) on the season of `stream.bursts.baseline` (midmeans of the same hour of past weeks,
shrunk); its words are those of `stream.bursts.distinctive_words`. Judging goes by the messages' own
time, so a replay of last year detects last year's bursts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from stream.alerts.store import Alerts, OpenBurst
from stream.bursts.baseline import LOOKBACK_HOURS
from stream.bursts.counts import Cell, Signals, Stretch
from stream.bursts.detector import (
    LEAD,
    LONGEST,
    REST,
    TOGETHER,
    USUAL,
    Burst,
    Sensitivity,
    Traffic,
    find_bursts,
)
from stream.bursts.distinctive_words import AuthoredText, distinctive_words, examples
from stream.records import UNNAMED, AlertRecord

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
QUIET = REST * MINUTE  # a burst is over when so much time has passed without it

_LEAD, _LONGEST = LEAD * MINUTE, LONGEST * MINUTE
_REUSE = 600.0  # seconds that the counts of past weeks are not read again
_USUAL_DAYS = timedelta(days=3)  # from which the usual words are
MOST_TOPICS = 5  # of a burst, by how many of its messages are about them
_MAX_TEXTS, _ENOUGH_TEXTS = 1000, 200
# Weeks before and days after a judged minute must exist: a message may be dated in any year.
_FIRST_DATE, _LAST_DATE = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


class BurstJudge:
    """Looks at the counts that changed since its last look.

    Any number may run: an advisory lock lets one at a time judge.
    """

    def __init__(
        self,
        counts: Signals,
        alerts: Alerts,
        since: datetime | None = None,
        *,
        exact: bool = False,
    ) -> None:
        """since: of the first look; by default an hour ago.

        That hour is for alerts that a process stored, and died before it published them. exact:
        return every change of a running burst, not only news.
        """
        self._counts = counts
        self._alerts = alerts
        self._since = since or datetime.now(UTC) - timedelta(hours=1)
        self._exact = exact
        self._sensitivity: Callable[[str], Sensitivity] = lambda brand: USUAL
        self._firsts: dict[str, tuple[float, datetime | None]] = {}
        self._hours: dict[tuple[str, datetime], tuple[float, list[Cell]]] = {}

    def become(self, sensitivity: Callable[[str], Sensitivity]) -> None:
        """Judge each brand so from the next look on."""
        self._sensitivity = sensitivity

    async def look(self) -> list[AlertRecord]:
        """The bursts that are new, changed or over, and surges that are over, as they are stored.

        The same burst may come twice; then it has the same id and version. None come where another
        process looks at this moment.
        """
        return await self.look_alone() or []

    async def look_alone(self) -> list[AlertRecord] | None:
        """As `look`; None where another process looks at this moment: it may have begun before the
        latest counts were there.
        """
        raised: list[AlertRecord] = []
        async with self._counts.sole("bursts") as alone:
            if not alone:
                return None
            changed, following = await self._counts.changed_brands(self._since)
            for brand, stretches in sorted(changed.items()):
                for stretch in filter(_is_datable, stretches):
                    raised += await self._judge(brand, stretch, exact=self._exact)
            for burst in await self._alerts.open_bursts():
                raised += await self._recover(burst)
            raised += await self._alerts.end_surges(self._since)
            self._since = following
        return raised

    async def _judge(self, brand: str, changed: Stretch, *, exact: bool) -> list[AlertRecord]:
        known = await self._alerts.list_bursts(
            brand, changed.first - 2 * _LEAD, changed.last + _LEAD
        )
        records: list[AlertRecord] = []
        for burst in await self._touched(brand, changed, known):
            same = _same_alert(burst, known)
            if same is not None:
                known.remove(same)
            if same is None or exact or _is_news(same, burst):
                records.append(await self._alerts.put_alert(await self._alert(brand, burst, same)))
        return records

    async def _touched(
        self, brand: str, changed: Stretch, known: Sequence[AlertRecord]
    ) -> list[Burst]:
        """The bursts that touch the stretch, read far enough to see each as a whole."""
        first, last = changed.first - _LEAD - QUIET, changed.last + _LEAD
        # Minutes of a burst do not set the level: the beginning of each known one must be read.
        for alert in reversed(known):
            if _end(alert) >= first - QUIET and alert.started_at <= last:
                first = min(first, alert.started_at - _LEAD)
        begin = first.replace(minute=0)
        while True:
            bursts = await self._find(brand, begin, last + MINUTE)
            touched = [burst for burst in bursts if _touches(burst, changed)]
            is_cut = any(burst.end > last - QUIET for burst in touched)
            if not is_cut or last > changed.last + 2 * _LONGEST:
                return touched
            last += _LONGEST

    async def _find(self, brand: str, begin: datetime, until: datetime) -> list[Burst]:
        since = await self._first_minute(brand)
        if since is None:
            return []
        minutes = await self._counts.negatives(brand, begin, until, "minute")
        hours = await self._past_hours(brand, begin)
        counted = traffic(minutes, hours, begin, until, since)
        return await asyncio.to_thread(find_bursts, counted, self._sensitivity(brand))

    async def _first_minute(self, brand: str) -> datetime | None:
        """Read anew now and then: an older message may come late, but it changes little."""
        now = time.monotonic()
        read_at, first = self._firsts.get(brand, (-_REUSE, None))
        if first is None or now - read_at >= _REUSE:
            first = await self._counts.first_minute(brand)
            self._firsts[brand] = now, first
        return first

    async def _past_hours(self, brand: str, begin: datetime) -> list[Cell]:
        now = time.monotonic()
        read_at, cells = self._hours.get((brand, begin), (-_REUSE, []))
        if now - read_at >= _REUSE:
            lookback = LOOKBACK_HOURS * HOUR
            cells = await self._counts.negatives(brand, begin - lookback, begin, "hour")
            fresh = {key: hours for key, hours in self._hours.items() if now - hours[0] < _REUSE}
            self._hours = {**fresh, (brand, begin): (now, cells)}
        return cells

    async def _alert(self, brand: str, burst: Burst, known: AlertRecord | None) -> AlertRecord:
        """The burst as an alert. One that grew, or began earlier than was known, keeps its id."""
        messages = await self._counts.texts(
            brand, burst.start, burst.end + MINUTE, _MAX_TEXTS, negative=True
        )
        usual = await self._usual_texts(brand, burst)
        words = await asyncio.to_thread(distinctive_words, messages, usual, exclude=[brand])
        record = AlertRecord(
            id=f"burst:{brand}:{burst.topic}:{burst.start:%Y-%m-%dT%H:%MZ}",
            kind="burst",
            severity=burst.severity,
            brand=brand,
            topic=burst.topic,
            started_at=burst.start,
            peak_at=burst.peak,
            ended_at=burst.end,
            evidence={
                "negative": burst.negative,
                "expected": round(burst.expected, 1),
                "topics": dict(list(burst.topics.items())[:MOST_TOPICS]),
                "words": words,
                "examples": examples(messages, words),
            },
        )
        if known is None:
            return record
        grown = known.ended_at != burst.end  # a late message may bring it back to life
        return record.model_copy(
            update={
                "id": known.id,
                "topic": known.topic,
                "started_at": min(known.started_at, burst.start),
                "recovered_at": None if grown else known.recovered_at,
            }
        )

    async def _usual_texts(self, brand: str, burst: Burst) -> list[AuthoredText]:
        """Texts of the brand's customers before; of any brand's, where those are few."""
        before = burst.start - _USUAL_DAYS
        own = await self._counts.texts(brand, before, burst.start, _MAX_TEXTS)
        if len(own) >= _ENOUGH_TEXTS:
            return own
        messages = await self._counts.texts(brand, burst.start, burst.end + MINUTE, _MAX_TEXTS)
        during = {message.id for message in messages}
        any_brand = await self._counts.texts(
            None, before, burst.end + MINUTE, _MAX_TEXTS + len(during)
        )
        return [message for message in any_brand if message.id not in during]

    async def _recover(self, burst: OpenBurst) -> list[AlertRecord]:
        """Mark the burst as over when it has been quiet for QUIET.

        That goes by the brand's own later messages, or by the clock where none came.
        """
        alert = burst.alert
        ended, now = _end(alert), datetime.now(UTC)
        silent = min(now - burst.touched_at, now - ended) >= QUIET
        if burst.latest < ended + QUIET and not silent:
            return []
        records = await self._judge(alert.brand or "", Stretch(alert.started_at, ended), exact=True)
        last = next((_end(record) for record in records if record.id == alert.id), ended)
        if last > ended and burst.latest < last + QUIET and not silent:
            return records
        recovered = await self._alerts.recover(alert.id, last + QUIET)
        if recovered is None:
            return records
        return [*(record for record in records if record.id != recovered.id), recovered]


def _is_datable(stretch: Stretch) -> bool:
    """Whether its past and its future lie within the calendar."""
    return stretch.first >= _FIRST_DATE and stretch.last <= _LAST_DATE


def traffic(
    minutes: Iterable[Cell],
    hours: Iterable[Cell],
    begin: datetime,
    until: datetime,
    since: datetime,
) -> Traffic:
    """Cells as arrays.

    begin: a whole hour. hours: cells of the hours before it, LOOKBACK_HOURS at most.
    """
    past = min(LOOKBACK_HOURS, max(0, int((begin - since) / HOUR)))
    by_minute = _arrays(minutes, begin, MINUTE, int((until - begin) / MINUTE))
    by_hour = _arrays(hours, begin - past * HOUR, HOUR, past)
    for topic in by_minute.keys() | by_hour.keys():
        by_minute.setdefault(topic, np.zeros(int((until - begin) / MINUTE), np.int64))
        by_hour.setdefault(topic, np.zeros(past, np.int64))
    return Traffic(begin, by_minute, by_hour, since)


def _arrays(
    cells: Iterable[Cell], start: datetime, unit: timedelta, length: int
) -> dict[str, NDArray[np.integer]]:
    """The counts of each topic, one a unit from `start` on."""
    arrays: dict[str, NDArray[np.integer]] = {}
    for cell in cells:
        counts = arrays.setdefault(cell.topic or UNNAMED, np.zeros(length, np.int64))
        place = int((cell.at - start) / unit)
        if 0 <= place < length:
            counts[place] += cell.negative
    return arrays


def _touches(burst: Burst, changed: Stretch) -> bool:
    return burst.end >= changed.first - QUIET and burst.start <= changed.last + 10 * MINUTE


def _same_alert(burst: Burst, alerts: Sequence[AlertRecord]) -> AlertRecord | None:
    """The alert of this burst; one of its own topic before another."""
    same = [alert for alert in alerts if _is_of(alert, burst)]
    return min(same, key=lambda alert: alert.topic != burst.topic, default=None)


def _is_of(alert: AlertRecord, burst: Burst) -> bool:
    """Whether this burst is the one of the alert: one topic, or one cause as in `find_bursts`."""
    if alert.started_at - QUIET > burst.end or burst.start > _end(alert) + QUIET:
        return False
    near = abs(alert.started_at - burst.start) <= TOGETHER * MINUTE
    return alert.topic == burst.topic or (
        near and not burst.topics.keys().isdisjoint(alert.evidence.get("topics", ()))
    )


def _is_news(known: AlertRecord, burst: Burst) -> bool:
    """Whether a person would call it a change: a running burst changes with every message."""
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
