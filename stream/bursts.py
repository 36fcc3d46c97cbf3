"""When a brand's customers turn angry all at once: a simple rule over the counts per minute, one evaluator."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from math import log2
from typing import Protocol

from stream.records import AlertRecord
from stream.signals import Signal, Stretch

WINDOW = timedelta(minutes=10)  # a burst is judged over this long
BASELINE = timedelta(hours=3)  # against the brand's own time before the window
FEWEST = 8  # negative messages in a window; fewer are never a burst
TIMES = 3.0  # as many as the baseline leads one to expect
REST = timedelta(minutes=30)  # two bursts nearer than this are one

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst. start: its first negative message's minute; peak: the fullest minute; end: the last hot minute."""

    start: datetime
    peak: datetime
    end: datetime
    negative: int  # from start to end
    expected: float  # negative messages in that time, had it stayed as it was before

    @property
    def severity(self) -> int:
        """1-10: three times the expected is 4, and every doubling adds 2."""
        return max(1, min(10, round(4 + 2 * log2(self.negative / max(self.expected, 1.0) / TIMES))))


def find_bursts(negatives: Mapping[datetime, int], since: datetime) -> list[Burst]:
    """Every burst in one brand's negative messages per minute (UTC, whole minutes; a missing minute is zero).

    A minute is hot when the WINDOW that ends with it holds at least FEWEST negative messages and at least TIMES what
    the BASELINE before that window had per window (taken as at least one). Hot minutes nearer than REST are one burst.
    since: the brand's first minute with any event. A past shorter than BASELINE counts for as long as it is; one
    shorter than WINDOW tells nothing, and FEWEST is expected then, lest every new brand begin with an alarm.
    """
    counts = _Counts(negatives)
    hot: list[tuple[datetime, float]] = []
    for minute in counts.minutes:
        opens = minute + _MINUTE - WINDOW
        window = counts.between(opens, minute)
        past = min(BASELINE, opens - since)
        expected = counts.between(opens - past, opens - _MINUTE) / (past / WINDOW) if past >= WINDOW else FEWEST
        if window >= FEWEST and window >= TIMES * max(expected, 1.0):
            hot.append((minute, expected))
    return [counts.burst(run) for run in _runs(hot)]


class _Counts:
    """Counts per minute that can be summed over any stretch in the time of a look-up."""

    def __init__(self, negatives: Mapping[datetime, int]) -> None:
        self.minutes = sorted(minute for minute, count in negatives.items() if count > 0)
        self._counts = [negatives[minute] for minute in self.minutes]
        self._sums = [0, *accumulate(self._counts)]

    def between(self, first: datetime, last: datetime) -> int:
        """How many from minute `first` to minute `last`, both included."""
        return self._sums[bisect_left(self.minutes, last + _MINUTE)] - self._sums[bisect_left(self.minutes, first)]

    def burst(self, run: Sequence[tuple[datetime, float]]) -> Burst:
        (first_hot, expected), end = run[0], run[-1][0]
        start = self.minutes[bisect_left(self.minutes, first_hot + _MINUTE - WINDOW)]
        inside = range(bisect_left(self.minutes, start), bisect_left(self.minutes, end + _MINUTE))
        return Burst(
            start=start,
            peak=self.minutes[max(inside, key=lambda at: self._counts[at])],
            end=end,
            negative=self.between(start, end),
            expected=expected * ((end + _MINUTE - start) / WINDOW),
        )


def _runs(hot: Sequence[tuple[datetime, float]]) -> Iterator[list[tuple[datetime, float]]]:
    run: list[tuple[datetime, float]] = []
    for minute, expected in hot:
        if run and minute - run[-1][0] > REST:
            yield run
            run = []
        run.append((minute, expected))
    if run:
        yield run


class Signals(Protocol):
    """The counts and the alerts; `stream.store.Store` in earnest."""

    def sole(self, name: str) -> AbstractAsyncContextManager[bool]: ...
    async def changed_brands(self, since: datetime | None) -> tuple[dict[str, Stretch], datetime]: ...
    async def first_minute(self, brand: str) -> datetime | None: ...
    async def read_signals(self, brand: str | None, since: datetime, until: datetime) -> list[Signal]: ...
    async def list_bursts(self, brand: str, since: datetime, until: datetime) -> list[AlertRecord]: ...
    async def worst_events(self, brand: str, since: datetime, until: datetime) -> list[str]: ...
    async def put_alert(self, record: AlertRecord) -> AlertRecord: ...


class BurstJudge:
    """Looks at what changed since its last look. Any number may run: an advisory lock lets one at a time judge."""

    def __init__(self, signals: Signals, since: datetime | None = None) -> None:
        """since: the first look sees what changed from then on; by default the last hour, for alerts that a judge
        who died has stored but not published."""
        self._signals = signals
        self._since = since or datetime.now(UTC) - timedelta(hours=1)

    async def look(self) -> list[AlertRecord]:
        """The bursts in what changed, as they are stored. One that is told twice has the same id and version."""
        raised: list[AlertRecord] = []
        async with self._signals.sole("bursts") as mine:
            if mine:
                changed, following = await self._signals.changed_brands(self._since)
                for brand, stretch in sorted(changed.items()):
                    raised += await self._judge(brand, stretch)
                self._since = following
        return raised

    async def _judge(self, brand: str, changed: Stretch) -> list[AlertRecord]:
        since, until = changed.first - BASELINE - 2 * WINDOW - REST, changed.last + BASELINE + 2 * WINDOW
        signals = await self._signals.read_signals(brand, since, until)
        negatives: Counter[datetime] = Counter()
        for signal in signals:
            negatives[signal.minute] += signal.negative
        known_since = await self._signals.first_minute(brand) or since
        stored = await self._signals.list_bursts(brand, since - REST, until + REST)
        return [
            await self._signals.put_alert(await self._alert(brand, burst, signals, stored))
            for burst in find_bursts(negatives, known_since)
            # A burst at the edge of what was read is seen in part only, and did not change.
            if burst.end >= changed.first - WINDOW and burst.start <= changed.last + WINDOW
        ]

    async def _alert(
        self, brand: str, burst: Burst, signals: Sequence[Signal], stored: Sequence[AlertRecord]
    ) -> AlertRecord:
        """The burst as an alert. One that grew, or began earlier than was known, keeps its id."""
        topics: Counter[str] = Counter()
        for signal in signals:
            if signal.negative and burst.start <= signal.minute <= burst.end:
                topics[signal.topic or "other"] += signal.negative
        topic = topics.most_common(1)[0][0]
        known = next((alert for alert in stored if _meet(alert, burst)), None)
        return AlertRecord(
            id=known.id if known else f"burst:{brand}:{topic}:{burst.start:%Y-%m-%dT%H:%MZ}",
            kind="burst",
            severity=burst.severity,
            brand=brand,
            topic=known.topic if known else topic,
            started_at=known.started_at if known else burst.start,
            peak_at=burst.peak,
            ended_at=burst.end,
            evidence={
                "negative": burst.negative,
                "expected": round(burst.expected, 1),
                "topics": dict(topics.most_common(5)),
                "examples": await self._signals.worst_events(brand, burst.start, burst.end + _MINUTE),
            },
        )


def _meet(alert: AlertRecord, burst: Burst) -> bool:
    ended = alert.ended_at or alert.started_at
    return alert.started_at - REST <= burst.end and burst.start <= ended + REST
