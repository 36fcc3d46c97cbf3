"""Baseline of a series of messages: the usual rate of every hour, and its dispersion. Pure.

The usual is robust to yesterday's crisis. Each hour is compared with the same hour of past weeks
(their midmean: the largest and the smallest quarter are left out), shrunk towards the same hour of
past days, and that towards the overall rate, so that a brand with little history borrows from its
coarser rates. The idea of a baseline from comparable weeks in which old outbreaks weigh little is
that of Farrington et al., JRSS A 159 (1996) 547, and Noufaily et al., Statistics in Medicine 32
(2013) 1206; the shrinkage is the posterior mean under pseudo-observations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WEEKS = 8  # of the same hour of the week
DAYS = 14  # of the same hour of the day
RATE_HOURS = 28 * 24  # of the overall rate, and of the dispersion
LOOKBACK_HOURS = WEEKS * 168 + RATE_HOURS  # no hour older than this changes anything
FIRST_RATE = 48.0  # an hour: expected of a series without history

_WEEKS_OWED, _DAYS_OWED, _HOURS_OWED = 2.0, 3.0, 1.0  # pseudo-observations of the coarser estimate
_LEVEL_HOURS = 3
_FEWEST_USUAL = 5.0  # an hour with less does not count for the dispersion
_ENOUGH_HOURS = 48
_MIN_DISPERSION, _UNKNOWN_DISPERSION = 0.2, 0.3  # coefficients of variation

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Usual:
    """The expectation of every hour, from the hours before it alone.

    rate: (n + 1,), messages an hour; the last is of the hour after the last one of the counts.
    prior_strength: (n + 1,), how many messages the rate is worth against those of the last hours.
    dispersion: (n + 1,), coefficient of variation of an hour around its expectation, beyond chance.
    """

    rate: Floats
    prior_strength: Floats
    dispersion: Floats


def usual(
    hours: NDArray[np.integer],
    known: int,
    hold: int | None = None,
    *,
    first_rate: float = FIRST_RATE,
) -> Usual:
    """The usual of one series.

    hours: (n,), counts. known: the first hour that was listened to from its beginning. hold: from
    this hour on the overall rate stays, lest a crisis that goes on become its own measure.
    first_rate: an hour, expected of a series without history.
    """
    counts = hours.astype(np.float64)
    at = np.arange(len(counts) + 1)
    overall = _overall(counts, known, at if hold is None else np.minimum(at, hold), first_rate)
    daily, days = _midmean(counts, known, at, 24, DAYS)
    weekly, weeks = _midmean(counts, known, at, 168, WEEKS)
    rate = (days * daily + _DAYS_OWED * overall) / (days + _DAYS_OWED)
    rate = (weeks * weekly + _WEEKS_OWED * rate) / (weeks + _WEEKS_OWED)
    rate = np.maximum(rate, 0.05)
    strength = 2.0 + np.clip((at - known) / 24, 0, 10)
    return Usual(rate, strength, _dispersion(counts, known, rate, strength))


def _overall(counts: Floats, known: int, at: NDArray[np.intp], first_rate: float) -> Floats:
    sums = _running_sums(counts)
    first = np.minimum(np.maximum(at - RATE_HOURS, known), at)
    hours = at - first + _HOURS_OWED
    rates: Floats = (sums[at] - sums[first] + _HOURS_OWED * first_rate) / hours
    return rates


def _midmean(
    counts: Floats, known: int, at: NDArray[np.intp], period: int, periods: int
) -> tuple[Floats, Floats]:
    """The mean of the hours `period`, 2 `period` ... before, without extremes; their number."""
    before = at[:, None] - period * np.arange(1, periods + 1)  # (n + 1, periods)
    is_known = before >= known
    values = np.where(is_known, counts[np.maximum(before, 0)] if len(counts) else 0.0, np.inf)
    values = np.sort(values, axis=1)
    size = is_known.sum(axis=1)
    dropped = np.where(size >= 3, np.ceil(size / 4), 0).astype(np.intp)
    sums = np.cumsum(np.where(np.isfinite(values), values, 0.0), axis=1)
    sums = np.concatenate((np.zeros((len(at), 1)), sums), axis=1)
    rows = np.arange(len(at))
    remaining = size - 2 * dropped
    total = sums[rows, size - dropped] - sums[rows, dropped]
    mean = np.where(remaining > 0, total / np.maximum(remaining, 1), 0.0)
    return mean, size.astype(np.float64)


def _dispersion(counts: Floats, known: int, rate: Floats, strength: Floats) -> Floats:
    """How far an hour lies from the expectation of the usual and the three hours before it.

    The robust spread (1.4826 times the median absolute deviation, normal-consistent) of the
    relative error over four weeks, less the share of chance alone (a Poisson count's 1 / mean);
    anew each day.
    """
    n = len(counts)
    actual, predicted = _running_sums(counts), _running_sums(rate[:n])
    at = np.arange(n)
    first = np.minimum(np.maximum(at - _LEVEL_HOURS, known), at)
    level = (strength[:n] + actual[at] - actual[first]) / (
        strength[:n] + predicted[at] - predicted[first]
    )
    expected = level * rate[:n]
    error = np.abs(counts / expected - 1)
    counts_for = (expected >= _FEWEST_USUAL) & (at >= known + 24)
    dispersion = np.full(n + 1, _UNKNOWN_DISPERSION)
    for day in range(0, n + 1, 24):
        past = slice(max(0, day - RATE_HOURS), day)
        errors, means = error[past][counts_for[past]], expected[past][counts_for[past]]
        if len(errors) >= _ENOUGH_HOURS:
            beyond = (1.4826 * np.median(errors)) ** 2 - np.median(1 / means)
            dispersion[day : day + 24] = max(_MIN_DISPERSION, np.sqrt(max(0.0, beyond)))
    return dispersion


def _running_sums(values: Floats) -> Floats:
    """(n + 1,): the sum of the values before each place."""
    sums: Floats = np.concatenate(([0.0], np.cumsum(values)))
    return sums
