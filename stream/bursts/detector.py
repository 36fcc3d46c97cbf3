"""Burst detector over per-minute counts of one brand: a window-limited likelihood ratio scan. Pure.

The detector is the generalised likelihood ratio chart of Hoehle & Paul, Computational Statistics &
Data Analysis 52 (2008) 4357, for negative binomial counts: at every minute, for windows of a few
lengths that end with it, it compares the likelihood of the counts under a raised rate with that
under the usual one. (Window-limited: Lai, JRSS B 57 (1995) 613.) The usual is the season of
`stream.bursts.baseline` times the level of the last three hours, a gamma-Poisson posterior mean;
the uncertainty of both is the negative binomial's dispersion. So the same rule serves a brand of
which years are known and one that began this morning: without a season the level is all there is,
and it is trusted less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log2

import numpy as np
from numpy.typing import NDArray

from stream.bursts.baseline import RATE_HOURS, Usual, usual
from stream.records import UNNAMED

WINDOWS = (1, 2, 3, 5, 10)  # minutes
# Of the log likelihood ratio; chosen on seed 1 of `make bench-bursts`, reported on others.
THRESHOLD = 13.0
FEWEST = 8  # negative messages in a window; fewer are never a burst
TIMES = 2.0  # as many as usual
LEVEL = 180  # minutes that set the level, before the longest window
REST = 30  # minutes without a hot one end a burst; two nearer than this are one
LONGEST = 12 * 60  # minutes after which the unusual has become the usual
WARM_UP = 30  # minutes of listening before a new brand may raise an alarm
TOGETHER = 30  # topics that turn hot within so many minutes of each other have one cause

_GUARD = max(WINDOWS)
LEAD = LEVEL + _GUARD  # minutes before the first judged one that the judgement needs


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What makes a minute hot. threshold: of the log likelihood ratio; fewest: negative messages in
    a window; times: as many as usual.
    """

    threshold: float = THRESHOLD
    fewest: int = FEWEST
    times: float = TIMES


USUAL = Sensitivity()

Counts = NDArray[np.integer]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Traffic:
    """Negative messages of one brand.

    start: the first minute, a whole hour. minutes: by topic, arrays of one length. hours: by topic,
    counts of the hours before `start` (the last ends there), arrays of one length. since: the
    brand's first minute with any event.
    """

    start: datetime
    minutes: Mapping[str, Counts]
    hours: Mapping[str, Counts]
    since: datetime

    @property
    def length(self) -> int:
        return len(next(iter(self.minutes.values()), ()))


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst.

    start: the likeliest minute of the change. detected: the first hot minute, end: the last; peak:
    the fullest. topic: with the plainest sign; topics: all that show it, with their negative
    messages.
    """

    topic: str
    topics: Mapping[str, int]
    start: datetime
    detected: datetime
    peak: datetime
    end: datetime
    negative: int  # from start to end
    expected: float  # negative messages in that time, had it stayed usual

    @property
    def severity(self) -> int:
        """1-10: three times the usual with 16 more than that is 4.

        Twice as many times the usual adds 0.7, twice as many more 0.5: a step for each doubling
        put three of four bursts of a large brand on 10. `tests/unit/test_alert_severity.py` has
        the histogram.
        """
        expected = max(self.expected, 1.0)
        excess = max(self.negative - self.expected, 1.0)
        times = log2(self.negative / expected / 3)
        return max(1, min(10, round(4 + 0.7 * times + 0.5 * log2(excess / 16))))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A hot stretch of one series. Minutes count from the start of the traffic, ends included."""

    topic: str  # '' is the whole brand
    start: int
    detected: int
    end: int
    score: float
    usual: Floats  # expected of each minute from start to end


def find_bursts(traffic: Traffic, sensitivity: Sensitivity = USUAL) -> list[Burst]:
    """Every burst of one brand, by its start.

    The brand as a whole and each of its topics are judged against their own usual. Topics that turn
    hot within TOGETHER of each other are one burst; one that does so later, beside a burst that
    still goes on, is another.
    """
    if not traffic.length:
        return []
    whole = np.sum([traffic.minutes[topic] for topic in traffic.minutes], axis=0)
    past = np.sum([traffic.hours[topic] for topic in traffic.minutes], axis=0)
    stretches = list(_hot_stretches("", whole, past, traffic, sensitivity))
    for topic, minutes in traffic.minutes.items():
        stretches += _hot_stretches(topic, minutes, traffic.hours[topic], traffic, sensitivity)
    return [_burst(group, traffic, whole) for group in _grouped(stretches)]


def _hot_stretches(
    topic: str, minutes: Counts, past: Counts, traffic: Traffic, sensitivity: Sensitivity
) -> Iterator[_Stretch]:
    if not _can_be_hot(minutes, sensitivity.fewest):
        return
    series = _Series(minutes, past, traffic, sensitivity)
    at = 0
    while (detected := series.next_hot(at)) is not None:
        stretch = series.follow(topic, detected)
        yield stretch
        at = stretch.end + REST


def _can_be_hot(minutes: Counts, fewest: int) -> bool:
    """Whether any window holds so many: most topics of most brands have none."""
    return bool(_ending(minutes.astype(np.float64), _GUARD).max() >= fewest)


class _Series:
    """One series with its usual. Minutes that were part of a burst do not count for the level."""

    def __init__(
        self, minutes: Counts, past: Counts, traffic: Traffic, sensitivity: Sensitivity
    ) -> None:
        n, self._before = len(minutes), len(past)
        since = int((traffic.since - traffic.start) / timedelta(minutes=1))
        self._counts = minutes.astype(np.float64)
        self._hours = np.concatenate((past, minutes[: n // 60 * 60].reshape(-1, 60).sum(axis=1)))
        self._known = min(max(0, -(-since // 60) + self._before), len(self._hours))
        self._season, self._strength, self._dispersion = self._expected()
        self._sets_level = np.arange(n) >= since
        self._warm_at = since + WARM_UP + _GUARD
        self._level, self._size = np.empty(n), np.empty(n)
        self._score, self._width = np.empty(n), np.empty(n, np.intp)
        self._hot = np.zeros(n, np.bool_)
        self._sensitivity, self._is_judged = sensitivity, False

    def _expected(self, hold: int | None = None) -> tuple[Floats, Floats, Floats]:
        """Of every minute: the season, the strength of the prior, and the dispersion."""
        hourly: Usual = usual(self._hours, self._known, hold)
        minute, last = np.arange(len(self._counts)), len(hourly.rate) - 1
        hour = np.minimum(minute // 60 + self._before, last)
        middles = np.arange(-1, len(self._counts) // 60 + 2)
        rate = hourly.rate[np.clip(middles + self._before, 0, last)]
        season = np.interp(minute + 0.5, middles * 60 + 30, rate) / 60
        return season, hourly.prior_strength[hour], hourly.dispersion[hour]

    def next_hot(self, at: int) -> int | None:
        """The first hot minute from `at` on, under the running level."""
        if not self._is_judged:
            self._is_judged = True
            self._judge(0, len(self._counts))
        hot = np.flatnonzero(self._hot[at:])
        return int(at + hot[0]) if len(hot) else None

    def follow(self, topic: str, detected: int) -> _Stretch:
        """The burst that begins there: as long as it is hot against the level of its beginning."""
        start = detected - int(self._width[detected]) + 1
        last = min(len(self._counts), detected + LONGEST)
        hour = detected // 60 + self._before
        # A young series would learn its own crisis: then the season of the beginning stays.
        is_young = hour - self._known < RATE_HOURS
        season = self._expected(hour)[0] if is_young else self._season
        expected = season[start:last] * self._level[detected]
        size = np.full(last - start, self._size[detected])
        level = np.ones(last - start)
        score, _, hot = _judge(self._counts[start:last], expected, level, size, self._sensitivity)
        end = start + _hot_until(hot, detected - start)
        if end < detected + LONGEST - 1:
            self._sets_level[start : end + 1] = False
            self._judge(end + 1, min(len(self._counts), end + 1 + LEAD + REST + LONGEST))
        inside = slice(0, end - start + 1)
        return _Stretch(topic, start, detected, end, float(score[inside].max()), expected[inside])

    def _judge(self, first: int, last: int) -> None:
        """Judge the minutes [first, last) by the level of the minutes before them."""
        if first >= last:
            return
        lead = max(0, first - LEAD)
        counted = self._sets_level[lead:last]
        actual = np.concatenate(([0.0], np.cumsum(self._counts[lead:last] * counted)))
        usual = np.concatenate(([0.0], np.cumsum(self._season[lead:last] * counted)))
        at = np.arange(first, last) - lead
        until, since = np.maximum(at + 1 - _GUARD, 0), np.maximum(at + 1 - LEAD, 0)
        strength = self._strength[first:last]
        worth = strength + actual[until] - actual[since]
        self._level[first:last] = worth / (strength + usual[until] - usual[since])
        self._size[first:last] = 1 / (self._dispersion[first:last] ** 2 + 1 / worth)

        early = max(0, first - _GUARD)  # the first windows begin before the first minute
        level = _extended(self._level[first:last], first - early)
        size = _extended(self._size[first:last], first - early)
        score, width, hot = _judge(
            self._counts[early:last], self._season[early:last], level, size, self._sensitivity
        )
        judged = slice(first - early, None)
        self._score[first:last] = score[judged]
        self._width[first:last] = width[judged]
        self._hot[first:last] = hot[judged]
        self._hot[: max(0, self._warm_at)] = False


def _hot_until(hot: Bools, at: int) -> int:
    """The last hot minute from `at` on before a REST without a hot one; `at` without any."""
    if not hot.any():
        return at
    minutes = np.flatnonzero(hot)
    minutes = minutes[minutes >= at]
    gaps = np.flatnonzero(np.diff(minutes) > REST)
    if len(gaps):
        return int(minutes[gaps[0]])
    return int(minutes[-1]) if len(minutes) else at


def _extended(values: Floats, before: int) -> Floats:
    """The values with `before` copies of the first in front."""
    extended: Floats = np.concatenate((np.full(before, values[0]), values))
    return extended


def _judge(
    counts: Floats, season: Floats, level: Floats, size: Floats, sensitivity: Sensitivity
) -> tuple[Floats, NDArray[np.intp], Bools]:
    """The largest log likelihood ratio of the windows that end with each minute.

    Besides, its width, and whether the minute is hot. season: expected of each minute at a level
    of 1. level: of each minute; a window is judged by the level of its last one. size: the
    negative binomial's, of a window's total.
    """
    best = np.zeros(len(counts))
    width = np.ones(len(counts), np.intp)
    hot = np.zeros(len(counts), np.bool_)
    for window in WINDOWS:
        total = _ending(counts, window)
        mean = _ending(season, window) * level
        score = _ratio(total, mean, size)
        enough = (total >= sensitivity.fewest) & (
            total >= sensitivity.times * np.maximum(mean, 1.0)
        )
        better = enough & (score > best)
        best, width = np.where(better, score, best), np.where(better, window, width)
        hot |= enough & (score >= sensitivity.threshold)
    return best, width, hot


def _ratio(total: Floats, mean: Floats, size: Floats) -> Floats:
    """The log likelihood ratio of `total` at its own mean and at `mean`; 0 where it is not above.

    k log(k / m) - (k + r) log((k + r) / (m + r)) for a negative binomial count k of mean m and size
    r.
    """
    k, m = np.maximum(total, 1e-9), np.maximum(mean, 1e-9)
    raised = k * np.log(k / m) - (k + size) * np.log((k + size) / (m + size))
    return np.where(total > mean, raised, 0.0)


def _ending(values: Floats, window: int) -> Floats:
    """The sum of the `window` values that end with each (fewer at the beginning)."""
    sums = np.concatenate((np.zeros(window), np.cumsum(values)))
    ending: Floats = sums[window:] - sums[:-window]
    return ending


def _grouped(stretches: Sequence[_Stretch]) -> list[list[_Stretch]]:
    """The stretches of each burst: see `find_bursts`.

    The whole brand's stretch goes with the burst that it touches first, and so does a topic that
    flares up again.
    """
    groups: list[list[_Stretch]] = []
    for stretch in sorted(stretches, key=lambda stretch: (stretch.detected, stretch.topic)):
        for group in groups:
            if _touch(stretch, group) and _same_cause(stretch, group):
                group.append(stretch)
                break
        else:
            groups.append([stretch])
    return sorted(groups, key=_start)


def _same_cause(stretch: _Stretch, group: Sequence[_Stretch]) -> bool:
    topics = {other.topic for other in group if other.topic}
    if not stretch.topic or not topics or stretch.topic in topics:
        return True
    return stretch.detected - group[0].detected <= TOGETHER


def _touch(stretch: _Stretch, group: Sequence[_Stretch]) -> bool:
    return stretch.start <= _end(group) + REST and _start(group) <= stretch.end + REST


def _start(group: Sequence[_Stretch]) -> int:
    return min(stretch.start for stretch in group)


def _end(group: Sequence[_Stretch]) -> int:
    return max(stretch.end for stretch in group)


def _burst(group: Sequence[_Stretch], traffic: Traffic, whole: Counts) -> Burst:
    start, end = _start(group), _end(group)
    inside = slice(start, end + 1)
    of_topics = {stretch.topic: stretch for stretch in group if stretch.topic}
    counts = {
        topic: int(minutes[inside].sum())
        for topic, minutes in traffic.minutes.items()
        if not of_topics or topic in of_topics
    }
    of_brand = [stretch for stretch in group if not stretch.topic]
    if of_brand:
        series = whole
        measured = [max(of_brand, key=lambda stretch: stretch.end - stretch.start)]
    else:
        series = np.sum([traffic.minutes[topic] for topic in counts], axis=0)
        measured = list(of_topics.values())
    minute = timedelta(minutes=1)
    first = start + int(np.flatnonzero(series[inside])[0])
    return Burst(
        topic=_plainest(group, counts),
        topics=_by_count(counts),
        start=traffic.start + first * minute,
        detected=traffic.start + min(stretch.detected for stretch in group) * minute,
        peak=traffic.start + (start + int(np.argmax(series[inside]))) * minute,
        end=traffic.start + end * minute,
        negative=int(series[inside].sum()),
        expected=sum(float(stretch.usual.mean()) * (end - start + 1) for stretch in measured),
    )


def _plainest(group: Sequence[_Stretch], counts: Mapping[str, int]) -> str:
    """The topic with the highest score, or the fullest where only the brand as a whole is hot."""
    of_topics = [stretch for stretch in group if stretch.topic]
    if of_topics:
        best = max(of_topics, key=lambda stretch: (stretch.topic != UNNAMED, stretch.score))
        return best.topic
    return max(counts, key=lambda topic: (topic != UNNAMED, counts[topic]))


def _by_count(counts: Mapping[str, int]) -> dict[str, int]:
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return {topic: count for topic, count in ordered if count}
