"""A made-up brand's negative messages, minute by minute, with bursts planted in them: the burst
rule's measure.

Everything that makes real traffic hard is in it: nights and weekends, growth, days that are better
or worse than others, an unrest that lasts for hours, news that lift the traffic slowly and are no
burst, holidays, messages that come in clumps, and crises that spoil the hours from which the usual
is learnt. Seeded: the same seed is the same year.
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
    """One burst. start: its first minute with an extra message expected; end: where it has faded.
    Minutes from START.

    peak: extra messages a minute at its height, in all topics together; times: of the usual rate of
    these topics.
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
    """So many days of one brand. Bursts start at any time, more than five hours apart."""
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
    """Of the average minute, (days * 1440,): quiet nights, two humps a day, weekends at 60 %,
    growth by a quarter.
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
    """What lifts and lowers all topics together: days, hours, news, holidays."""
    days = n // _DAY
    mood = np.repeat(dice.normal(0, 0.15, days), _DAY) + _wander(dice, n, hours=4.0, spread=0.15)
    for at in dice.integers(
        0, n, size=days // 15
    ):  # news: up over two hours or more, and down again
        rise, fall = int(dice.uniform(120, 360)), int(dice.uniform(240, 900))
        shape = np.concatenate((np.linspace(0, 1, rise), np.linspace(1, 0, fall)))[: n - at]
        mood[at : at + len(shape)] += np.log(dice.uniform(1.5, 2.5)) * shape
    for day in dice.choice(
        days, size=days // 40, replace=False
    ):  # holidays: a Sunday's traffic, or half as much again
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
    """Add bursts to `minutes`: 4 to 30 times the usual of their topics on top of it, and 8 a minute
    in each at least.

    They rise within one to three minutes, last from ten minutes to hours, and fade. One of five is
    of three topics.
    """
    planted: list[Planted] = []
    last = days * _DAY - 720
    wanted = round(days / 7 * a_week)
    slots = np.sort(
        dice.choice(
            np.arange(3 * _DAY, last, 300),
            size=min(wanted, (last - 3 * _DAY) // 600),
            replace=False,
        )
    )
    for slot in slots:
        if planted and slot - planted[-1].end < 240:
            continue
        start = int(slot + dice.integers(0, 60))
        chosen = tuple(
            str(t) for t in dice.choice(TOPICS, size=3 if dice.random() < 0.2 else 1, replace=False)
        )
        usual = sum(float(rates[topic][start]) for topic in chosen)
        peak = max(8.0 * len(chosen), usual * float(np.exp(dice.uniform(np.log(4), np.log(30)))))
        rise = int(dice.integers(1, 4))
        flat = (
            int(dice.exponential(25)) + 5 if dice.random() < 0.95 else int(dice.uniform(240, 480))
        )
        fade = np.exp(-np.arange(60) / 15)
        shape = np.concatenate((np.arange(1, rise + 1) / rise, np.ones(flat), fade))
        for topic in chosen:
            extra = dice.poisson(peak / len(chosen) * shape)
            minutes[topic][start : start + len(extra)] += extra
        planted.append(Planted(start, start + len(shape), chosen, peak, peak / max(usual, 1e-9)))
    return planted


def minute(at: datetime) -> int:
    """The minute of the year that `at` is."""
    return int((at - START) / timedelta(minutes=1))
