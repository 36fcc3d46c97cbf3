"""What a series of messages usually brings, hour by hour, and how far it strays from that: pure
statistics.

The usual is robust to yesterday's crisis. Each hour is compared with the same hour of past weeks
(their midmean: the largest and the smallest quarter are left out), shrunk towards the same hour of
past days, and that towards the overall rate: a brand of which little is known borrows from what is.
The idea of a baseline from comparable weeks in which old outbreaks weigh little is that of
Farrington et al., JRSS A 159 (1996) 547, and Noufaily et al., Statistics in Medicine 32 (2013)
1206; the shrinkage is the posterior mean under pseudo-observations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WEEKS = 8  # of the same hour of the week
DAYS = 14  # of the same hour of the day
RATE_HOURS = 28 * 24  # of the overall rate, and of the straying
LOOKBACK_HOURS = WEEKS * 168 + RATE_HOURS  # no hour older than this changes anything
FIRST_RATE = 48.0  # an hour: what is expected of a series of which nothing is known

_WEEKS_OWED, _DAYS_OWED, _HOURS_OWED = 2.0, 3.0, 1.0  # pseudo-observations of the coarser estimate
_LEVEL_HOURS = 3
_FEWEST_USUAL = 5.0  # an hour with less tells nothing about straying
_ENOUGH_HOURS = 48
_STRAYS_LEAST, STRAYS_UNKNOWN = 0.2, 0.3  # coefficient of variation

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Usual:
    """What is expected of every hour, from the hours before it alone.

    rate: (n + 1,), messages an hour; the last is of the hour after the last one given. trust: (n +
    1,), how many messages the rate is worth against what the last hours said. strays: (n + 1,),
    coefficient of variation of an hour around its expectation, beyond chance.
    """

    rate: Floats
    trust: Floats
    strays: Floats


def usual(
    hours: NDArray[np.integer],
    known: int,
    hold: int | None = None,
    *,
    first_rate: float = FIRST_RATE,
) -> Usual:
    """The usual of one series. hours: (n,), counts; known: the first hour that was listened to from
    its beginning.

    hold: from this hour on the overall rate stays, lest a crisis that goes on become its own
    measure. first_rate: what is expected of a series of which nothing is known, an hour.
    """
    counts = hours.astype(np.float64)
    at = np.arange(len(counts) + 1)
    overall = _overall(counts, known, at if hold is None else np.minimum(at, hold), first_rate)
    daily, days = _midmean(counts, known, at, 24, DAYS)
    weekly, weeks = _midmean(counts, known, at, 168, WEEKS)
    rate = (days * daily + _DAYS_OWED * overall) / (days + _DAYS_OWED)
    rate = (weeks * weekly + _WEEKS_OWED * rate) / (weeks + _WEEKS_OWED)
    rate = np.maximum(rate, 0.05)
    trust = 2.0 + np.clip((at - known) / 24, 0, 10)
    return Usual(rate, trust, _strays(counts, known, rate, trust))


def _overall(counts: Floats, known: int, at: NDArray[np.intp], first_rate: float) -> Floats:
    sums = np.concatenate(([0.0], np.cumsum(counts)))
    first = np.minimum(np.maximum(at - RATE_HOURS, known), at)
    result: Floats = (sums[at] - sums[first] + _HOURS_OWED * first_rate) / (
        at - first + _HOURS_OWED
    )
    return result


def _midmean(
    counts: Floats, known: int, at: NDArray[np.intp], period: int, most: int
) -> tuple[Floats, Floats]:
    """The mean of what came `period`, 2 `period`, ... hours before, without its extremes; and of
    how many it is.
    """
    before = at[:, None] - period * np.arange(1, most + 1)  # (n + 1, most)
    there = before >= known
    values = np.where(there, counts[np.maximum(before, 0)] if len(counts) else 0.0, np.inf)
    values = np.sort(values, axis=1)
    found = there.sum(axis=1)
    dropped = np.where(found >= 3, np.ceil(found / 4), 0).astype(np.intp)
    sums = np.cumsum(np.where(np.isfinite(values), values, 0.0), axis=1)
    sums = np.concatenate((np.zeros((len(at), 1)), sums), axis=1)
    rows = np.arange(len(at))
    kept = found - 2 * dropped
    total = sums[rows, found - dropped] - sums[rows, dropped]
    return np.where(kept > 0, total / np.maximum(kept, 1), 0.0), found.astype(np.float64)


def _strays(counts: Floats, known: int, rate: Floats, trust: Floats) -> Floats:
    """How far an hour strays from what the usual and the three hours before it lead one to expect.

    The robust spread (1.4826 times the median absolute deviation, normal-consistent) of the
    relative error over four weeks, less what chance alone would give (a Poisson count's 1 / mean);
    anew each day.
    """
    n = len(counts)
    seen, led = (np.concatenate(([0.0], np.cumsum(each))) for each in (counts, rate[:n]))
    at = np.arange(n)
    first = np.minimum(np.maximum(at - _LEVEL_HOURS, known), at)
    level = (trust[:n] + seen[at] - seen[first]) / (trust[:n] + led[at] - led[first])
    expected = level * rate[:n]
    error = np.abs(counts / expected - 1)
    telling = (expected >= _FEWEST_USUAL) & (at >= known + 24)
    strays = np.full(n + 1, STRAYS_UNKNOWN)
    for day in range(0, n + 1, 24):
        past = slice(max(0, day - RATE_HOURS), day)
        errors, means = error[past][telling[past]], expected[past][telling[past]]
        if len(errors) >= _ENOUGH_HOURS:
            beyond = (1.4826 * np.median(errors)) ** 2 - np.median(1 / means)
            strays[day : day + 24] = max(_STRAYS_LEAST, np.sqrt(max(0.0, beyond)))
    return strays
