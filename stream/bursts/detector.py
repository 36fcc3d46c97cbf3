"""Finds bursts in one brand's messages per minute: a window-limited likelihood ratio scan. Pure;
all of the judging.

The detector is the generalised likelihood ratio chart of Hoehle & Paul, Computational Statistics &
Data Analysis 52 (2008) 4357, for negative binomial counts: at every minute, for windows of a few
lengths that end with it, how much likelier is what came under a raised rate than under the usual
one? (Window-limited: Lai, JRSS B 57 (1995) 613.) The usual is the season of
`stream.bursts.baseline` times the level of the last three hours, a gamma-Poisson posterior mean;
what is uncertain about both is the negative binomial's dispersion. So the same rule serves a brand
of which years are known and one that began this morning: without a season the level is all there
is, and it is trusted less.
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
# of the log likelihood ratio; chosen on seed 1 of `make bench-bursts`, reported on others
THRESHOLD = 13.0
FEWEST = 8  # negative messages in a window; fewer are never a burst
TIMES = 2.0  # as many as usual
LEVEL = 180  # minutes that tell the level, before the longest window
REST = 30  # minutes without a hot one end a burst; two nearer than this are one
LONGEST = 12 * 60  # minutes after which what is unusual has become the usual
HEARD = 30  # minutes that a brand must have been listened to, lest a new one begin with an alarm
TOGETHER = 30  # topics that turn hot within so many minutes of each other have one cause

_GUARD = max(WINDOWS)
LEAD = LEVEL + _GUARD  # minutes before the first judged one that the judgement needs

Counts = NDArray[np.integer]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Traffic:
    """Negative messages of one brand.

    start: the first minute, a whole hour. minutes: by topic, arrays of one length; `hours`: by
    topic, what the hours before `start` held (the last ends there), arrays of one length. since:
    the brand's first minute with any event.
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
    """One burst. start: where the change is likeliest to lie; found: the first hot minute, end: the
    last; peak: the fullest. topic: where it is plainest; topics: all in which it shows, with their
    negative messages.
    """

    topic: str
    topics: Mapping[str, int]
    start: datetime
    found: datetime
    peak: datetime
    end: datetime
    negative: int  # from start to end
    expected: float  # negative messages in that time, had it stayed usual

    @property
    def severity(self) -> int:
        """1-10: three times the usual with 16 more than that is 4; every doubling of either adds 1."""
        expected = max(self.expected, 1.0)
        excess = max(self.negative - self.expected, 1.0)
        return max(1, min(10, round(4 + log2(self.negative / expected / 3) + log2(excess / 16))))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Where one series is hot. Minutes count from the start of the traffic, both ends included."""

    topic: str  # '' is the whole brand
    start: int
    found: int
    end: int
    score: float
    usual: Floats  # what was expected of each minute from start to end


def find_bursts(traffic: Traffic, *, threshold: float = THRESHOLD) -> list[Burst]:
    """Every burst of one brand, by its start.

    The brand as a whole and each of its topics are judged against their own usual. Topics that turn
    hot within TOGETHER of each other are one burst; one that does so later, beside a burst that
    still goes on, is another.
    """
    if not traffic.length:
        return []
    whole = np.sum([traffic.minutes[topic] for topic in traffic.minutes], axis=0)
    past = np.sum([traffic.hours[topic] for topic in traffic.minutes], axis=0)
    stretches = list(_hot_stretches("", whole, past, traffic, threshold))
    for topic, minutes in traffic.minutes.items():
        stretches += _hot_stretches(topic, minutes, traffic.hours[topic], traffic, threshold)
    return [_burst(group, traffic, whole) for group in _grouped(stretches)]


def _hot_stretches(
    topic: str, minutes: Counts, past: Counts, traffic: Traffic, threshold: float
) -> Iterator[_Stretch]:
    if not _can_be_hot(minutes):
        return
    series = _Series(minutes, past, traffic)
    at = 0
    while (found := series.next_hot(at, threshold)) is not None:
        stretch = series.follow(topic, found, threshold)
        yield stretch
        at = stretch.end + REST


def _can_be_hot(minutes: Counts) -> bool:
    """A window with FEWEST in it, somewhere: most topics of most brands have none."""
    return bool(_ending(minutes.astype(np.float64), _GUARD).max() >= FEWEST)


class _Series:
    """One series with its usual. Minutes that were part of a burst do not tell the level."""

    def __init__(self, minutes: Counts, past: Counts, traffic: Traffic) -> None:
        n, self._before = len(minutes), len(past)
        since = int((traffic.since - traffic.start) / timedelta(minutes=1))
        self._counts = minutes.astype(np.float64)
        self._hours = np.concatenate((past, minutes[: n // 60 * 60].reshape(-1, 60).sum(axis=1)))
        self._known = min(max(0, -(-since // 60) + self._before), len(self._hours))
        self._season, self._trust, self._strays = self._expected()
        self._tells = np.arange(n) >= since
        self._heard = since + HEARD + _GUARD
        self._level, self._size = np.empty(n), np.empty(n)
        self._score, self._width, self._hot = (
            np.empty(n),
            np.empty(n, np.intp),
            np.zeros(n, np.bool_),
        )
        self._threshold = np.inf

    def _expected(self, hold: int | None = None) -> tuple[Floats, Floats, Floats]:
        """Of every minute: the season, how much it is trusted, and how far it is strayed from."""
        each: Usual = usual(self._hours, self._known, hold)
        minute, last = np.arange(len(self._counts)), len(each.rate) - 1
        hour = np.minimum(minute // 60 + self._before, last)
        middles = np.arange(-1, len(self._counts) // 60 + 2)
        rate = each.rate[np.clip(middles + self._before, 0, last)]
        return (
            np.interp(minute + 0.5, middles * 60 + 30, rate) / 60,
            each.trust[hour],
            each.strays[hour],
        )

    def next_hot(self, at: int, threshold: float) -> int | None:
        """The first hot minute from `at` on, under the running level."""
        if threshold != self._threshold:
            self._threshold = threshold
            self._judge(0, len(self._counts))
        hot = np.flatnonzero(self._hot[at:])
        return int(at + hot[0]) if len(hot) else None

    def follow(self, topic: str, found: int, threshold: float) -> _Stretch:
        """The burst that was found: as long as it is hot against the level at which it began."""
        start = found - int(self._width[found]) + 1
        level = self._level[found]
        last = min(len(self._counts), found + LONGEST)
        hour = found // 60 + self._before
        held = self._expected(hour)[0] if hour - self._known < RATE_HOURS else self._season
        counts, season = self._counts[start:last], held[start:last]
        score, _, hot = _judge(
            counts, season * level, np.full(len(counts), self._size[found]), threshold
        )
        ends = np.flatnonzero(hot)
        ends = ends[ends >= found - start] if len(ends) else np.array([found - start])
        gaps = np.flatnonzero(np.diff(ends) > REST)
        end = start + int(ends[gaps[0]] if len(gaps) else ends[-1]) if len(ends) else found
        if end < found + LONGEST - 1:
            self._tells[start : end + 1] = False
            self._judge(end + 1, min(len(self._counts), end + 1 + LEAD + REST + LONGEST))
        inside = slice(0, end - start + 1)
        return _Stretch(
            topic, start, found, end, float(score[inside].max()), (season * level)[inside]
        )

    def _judge(self, first: int, last: int) -> None:
        """Judge the minutes [first, last) by the level that the minutes before them tell."""
        if first >= last:
            return
        lead = max(0, first - LEAD)
        tells = self._tells[lead:last]
        seen = np.concatenate(([0.0], np.cumsum(self._counts[lead:last] * tells)))
        led = np.concatenate(([0.0], np.cumsum(self._season[lead:last] * tells)))
        at = np.arange(first, last) - lead
        upto, since = np.maximum(at + 1 - _GUARD, 0), np.maximum(at + 1 - LEAD, 0)
        trust = self._trust[first:last]
        worth = trust + seen[upto] - seen[since]
        self._level[first:last] = worth / (trust + led[upto] - led[since])
        self._size[first:last] = 1 / (self._strays[first:last] ** 2 + 1 / worth)
        early = max(0, first - _GUARD)
        level = np.concatenate(
            (np.full(first - early, self._level[first]), self._level[first:last])
        )
        size = np.concatenate((np.full(first - early, self._size[first]), self._size[first:last]))
        score, width, hot = _judge(
            self._counts[early:last],
            self._season[early:last] * level,
            size,
            self._threshold,
            own=level,
        )
        kept = slice(first - early, None)
        self._score[first:last], self._width[first:last], self._hot[first:last] = (
            score[kept],
            width[kept],
            hot[kept],
        )
        self._hot[: max(0, self._heard)] = False


def _judge(
    counts: Floats, expected: Floats, size: Floats, threshold: float, own: Floats | None = None
) -> tuple[Floats, NDArray[np.intp], Bools]:
    """The largest log likelihood ratio of the windows that end with each minute, its width, and
    whether it is hot.

    expected: of each minute; size: the negative binomial's, of a window's total. own: the level in
    `expected`, where it differs from minute to minute: a window is judged by the level of its last.
    """
    best, width, hot = (
        np.zeros(len(counts)),
        np.ones(len(counts), np.intp),
        np.zeros(len(counts), np.bool_),
    )
    for window in WINDOWS:
        total = _ending(counts, window)
        mean = _ending(expected if own is None else expected / own, window) * (
            1.0 if own is None else own
        )
        score = _ratio(total, mean, size)
        enough = (total >= FEWEST) & (total >= TIMES * np.maximum(mean, 1.0))
        better = enough & (score > best)
        best, width = np.where(better, score, best), np.where(better, window, width)
        hot |= enough & (score >= threshold)
    return best, width, hot


def _ratio(total: Floats, mean: Floats, size: Floats) -> Floats:
    """How much likelier, in logarithms, `total` is at its own mean than at `mean`; 0 where it is
    not above that.

    k log(k / m) - (k + r) log((k + r) / (m + r)) for a negative binomial count k of mean m and size
    r.
    """
    k, m = np.maximum(total, 1e-9), np.maximum(mean, 1e-9)
    raised = k * np.log(k / m) - (k + size) * np.log((k + size) / (m + size))
    return np.where(total > mean, raised, 0.0)


def _ending(values: Floats, window: int) -> Floats:
    """The sum of the `window` values that end with each (fewer at the beginning)."""
    sums = np.concatenate((np.zeros(window), np.cumsum(values)))
    result: Floats = sums[window:] - sums[:-window]
    return result


def _grouped(stretches: Sequence[_Stretch]) -> list[list[_Stretch]]:
    """Which stretches are one burst: see `find_bursts`. The whole brand's goes with the burst that
    it touches first, and so does a topic that flares up again.
    """
    groups: list[list[_Stretch]] = []
    for stretch in sorted(stretches, key=lambda each: (each.found, each.topic)):
        touched = [group for group in groups if _touch(stretch, group)]
        group = next((each for each in touched if _same_cause(stretch, each)), None)
        if group is None:
            groups.append([stretch])
        else:
            group.append(stretch)
    return sorted(groups, key=lambda group: min(each.start for each in group))


def _same_cause(stretch: _Stretch, group: Sequence[_Stretch]) -> bool:
    topics = {each.topic for each in group if each.topic}
    return (
        not stretch.topic
        or not topics
        or stretch.topic in topics
        or stretch.found - group[0].found <= TOGETHER
    )


def _touch(stretch: _Stretch, group: Sequence[_Stretch]) -> bool:
    return stretch.start <= max(each.end for each in group) + REST and min(
        each.start for each in group
    ) <= (stretch.end + REST)


def _burst(group: Sequence[_Stretch], traffic: Traffic, whole: Counts) -> Burst:
    start, end = min(each.start for each in group), max(each.end for each in group)
    inside = slice(start, end + 1)
    shown = [each for each in group if each.topic]
    counted = {each.topic: int(traffic.minutes[each.topic][inside].sum()) for each in shown}
    if not shown:
        counted = {topic: int(minutes[inside].sum()) for topic, minutes in traffic.minutes.items()}
    total = max(
        (each for each in group if not each.topic),
        key=lambda each: each.end - each.start,
        default=None,
    )
    plainest = max(shown, key=lambda each: (each.topic != UNNAMED, each.score)) if shown else None
    topic = (
        plainest.topic
        if plainest
        else max(counted, key=lambda each: (each != UNNAMED, counted[each]))
    )
    series = whole if total else np.sum([traffic.minutes[topic] for topic in counted], axis=0)
    told = [total] if total else list({each.topic: each for each in shown}.values())
    expected = sum(float(each.usual.mean()) * (end - start + 1) for each in told)
    minute = timedelta(minutes=1)
    first = start + int(np.flatnonzero(series[inside])[0])
    return Burst(
        topic=topic,
        topics=dict(sorted(((t, n) for t, n in counted.items() if n), key=lambda each: -each[1])),
        start=traffic.start + first * minute,
        found=traffic.start + min(each.found for each in group) * minute,
        peak=traffic.start + (start + int(np.argmax(series[inside]))) * minute,
        end=traffic.start + end * minute,
        negative=int(series[inside].sum()),
        expected=expected,
    )
