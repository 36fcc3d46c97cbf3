"""A simulated brand's negative messages per minute, with planted bursts.

It has what makes real traffic hard: nights and weekends, growth, days that are better or worse than
others, an unrest that lasts for hours, news that lift the traffic slowly and are no burst,
holidays, clumps of messages, and crises that spoil the hours from which the usual is learnt.
Seeded: the same seed is the same year.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from stream.bursts.detector import Traffic

START = datetime(2025, 1, 6, tzinfo=UTC)  # a Monday
TOPICS = (
    "delay",
    "cancellation",
    "baggage",
    "booking",
    "billing",
    "refund",
    "app",
    "staff",
    "seats",
    "price",
    "other",
    "fraud",
)

_SHARE = 0.7 ** np.arange(len(TOPICS))  # of the messages, the largest topic first
_NEGATIVE = 0.35  # of all messages, on average
_DAY = 1440

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Planted:
    """One planted burst, in minutes from START.

    start: its first minute with an extra message expected. end: the minute where it has faded.
    peak: extra messages a minute at its height, in all topics together. times: the peak as a
    multiple of the usual rate of these topics.
    """

    start: int
    end: int
    topics: tuple[str, ...]
    peak: float
    times: float


@dataclass(frozen=True)
class Year:
    traffic: Traffic
    planted: tuple[Planted, ...]


def simulate(
    seed: int, *, days: int = 365, events_a_day: float = 50_000, bursts_a_week: float = 3.0
) -> Year:
    """Simulate `days` of one brand. Bursts start at any time, more than five hours apart."""
    dice = np.random.default_rng(seed)
    n = days * _DAY
    share = _SHARE / _SHARE.sum()
    base = events_a_day * _NEGATIVE / _DAY * _season(days) * _mood(dice, n)
    minutes: dict[str, NDArray[np.integer]] = {}
    rates = {}
    for topic, part in zip(TOPICS, share, strict=True):
        own = np.exp(
            _wander(dice, n, hours=3.0, spread=0.2) + np.repeat(dice.normal(0, 0.15, days), _DAY)
        )
        rates[topic] = base * part * own
        minutes[topic] = _clumped(dice, rates[topic])
    planted = tuple(_plant(dice, days, rates, minutes, bursts_a_week))
    no_hours = {topic: np.zeros(0, np.int64) for topic in TOPICS}
    return Year(Traffic(START, minutes, no_hours, START), planted)


def _season(days: int) -> Floats:
    """Shares of the average minute, (days * 1440,).

    Quiet nights, two humps a day, weekends at 60 %, growth by a quarter.
    """
    minute = np.arange(_DAY) / 60
    day = (
        0.15
        + np.exp(-(((minute - 10.5) / 3.0) ** 2))
        + 0.8 * np.exp(-(((minute - 19.0) / 2.5) ** 2))
    )
    week = np.repeat([1.1, 1.1, 1.0, 1.1, 1.1, 0.65, 0.6], _DAY) * np.tile(day, 7)
    shape = np.resize(week / week.mean(), days * _DAY)
    return shape * np.linspace(0.9, 1.15, days * _DAY)


def _mood(dice: np.random.Generator, n: int) -> Floats:
    """Factors on all topics together, (n,): days, hours, news, holidays."""
    days = n // _DAY
    mood = np.repeat(dice.normal(0, 0.15, days), _DAY) + _wander(dice, n, hours=4.0, spread=0.15)
    # news: up over two hours or more, and down again
    for at in dice.integers(0, n, size=days // 15):
        rise, fall = int(dice.uniform(120, 360)), int(dice.uniform(240, 900))
        shape = np.concatenate((np.linspace(0, 1, rise), np.linspace(1, 0, fall)))[: n - at]
        mood[at : at + len(shape)] += np.log(dice.uniform(1.5, 2.5)) * shape
    # holidays: a Sunday's traffic, or half as much again
    for day in dice.choice(days, size=days // 40, replace=False):
        mood[day * _DAY : (day + 1) * _DAY] += np.log(dice.choice([0.55, 1.5]))
    return np.exp(mood)


def _wander(dice: np.random.Generator, n: int, *, hours: float, spread: float) -> Floats:
    """An Ornstein-Uhlenbeck walk, sampled every five minutes."""
    steps = n // 5 + 2
    keep = float(np.exp(-5 / (hours * 60)))
    pushes = dice.normal(0, spread * np.sqrt(1 - keep**2), steps)
    walk = np.empty(steps)
    last = dice.normal(0, spread)
    for at in range(steps):
        last = keep * last + pushes[at]
        walk[at] = last
    return np.interp(np.arange(n) / 5, np.arange(steps), walk)


def _clumped(dice: np.random.Generator, rate: Floats) -> NDArray[np.integer]:
    """Counts of a rate that shakes from minute to minute by a quarter: a negative binomial."""
    return dice.poisson(rate * dice.gamma(16, 1 / 16, len(rate)))


def _plant(
    dice: np.random.Generator,
    days: int,
    rates: dict[str, Floats],
    minutes: dict[str, NDArray[np.integer]],
    a_week: float,
) -> list[Planted]:
    """Add bursts to `minutes`.

    A burst is 4 to 30 times the usual of its topics on top of it, and 8 a minute in each at least.
    It rises within one to three minutes, lasts from ten minutes to hours, and fades. One of five is
    of three topics.
    """
    planted: list[Planted] = []
    for slot in _slots(dice, days, round(days / 7 * a_week)):
        if planted and slot - planted[-1].end < 240:
            continue
        start = int(slot + dice.integers(0, 60))
        count = 3 if dice.random() < 0.2 else 1
        topics = tuple(str(topic) for topic in dice.choice(TOPICS, size=count, replace=False))
        usual = sum(float(rates[topic][start]) for topic in topics)
        peak = max(8.0 * count, usual * float(np.exp(dice.uniform(np.log(4), np.log(30)))))
        shape = _shape(dice)
        for topic in topics:
            extra = dice.poisson(peak / count * shape)
            minutes[topic][start : start + len(extra)] += extra
        planted.append(Planted(start, start + len(shape), topics, peak, peak / max(usual, 1e-9)))
    return planted


def _slots(dice: np.random.Generator, days: int, count: int) -> NDArray[np.int64]:
    """Minutes at which bursts may begin, in order: not in the first three days."""
    first, last = 3 * _DAY, days * _DAY - 720
    size = min(count, (last - first) // 600)
    return np.sort(dice.choice(np.arange(first, last, 300), size=size, replace=False))


def _shape(dice: np.random.Generator) -> Floats:
    """A burst's height by minute, at most 1: it rises, stays and fades."""
    rise = int(dice.integers(1, 4))
    short = dice.random() < 0.95
    flat = int(dice.exponential(25)) + 5 if short else int(dice.uniform(240, 480))
    fade = np.exp(-np.arange(60) / 15)
    return np.concatenate((np.arange(1, rise + 1) / rise, np.ones(flat), fade))


def minute(at: datetime) -> int:
    """Minutes from START to `at`."""
    return int((at - START) / timedelta(minutes=1))
