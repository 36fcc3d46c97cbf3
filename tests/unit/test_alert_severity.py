"""Severity of burst alerts: a week of them lies on many steps, and few on the highest.

The week is simulated; where the public set of a real airline week is at hand, it is judged as well.
"""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from benchmarks.traffic import simulate
from replayed import SHARED

from stream.bursts.detector import Burst, Sensitivity, Traffic, find_bursts

REAL = SHARED / "tweets" / "airline" / "Tweets.csv"
WEEKS = ("simulated", "real") if REAL.is_file() else ("simulated",)


@cache
def bursts_of(week: str) -> list[Burst]:
    if week == "real":
        return [burst for traffic in real_week(REAL) for burst in find_bursts(traffic)]
    return find_bursts(simulate(3, days=56, events_a_day=50_000).traffic)


def real_week(path: Path) -> list[Traffic]:
    """Negative messages by airline and reason, as people labelled them."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [
            (row["airline"], row["negativereason"], datetime.fromisoformat(row["tweet_created"]))
            for row in csv.DictReader(file)
            if row["airline_sentiment"] == "negative"
        ]
    start = min(at for _, _, at in rows).astimezone(UTC).replace(minute=0, second=0)
    length = int((max(at for _, _, at in rows) - start) / timedelta(hours=1)) * 60 + 60
    weeks = []
    for brand in sorted({brand for brand, _, _ in rows}):
        minutes = {reason: np.zeros(length, np.int64) for name, reason, _ in rows if name == brand}
        for name, reason, at in rows:
            if name == brand:
                minutes[reason][int((at - start) / timedelta(minutes=1))] += 1
        past = {reason: np.zeros(0, np.int64) for reason in minutes}
        weeks.append(Traffic(start, minutes, past, start))
    return weeks


@pytest.mark.parametrize("week", WEEKS)
def test_a_week_of_bursts_lies_on_many_steps_and_not_on_one(week):
    steps = Counter(burst.severity for burst in bursts_of(week))

    assert len(steps) >= 4, steps
    assert max(steps.values()) <= steps.total() * 0.6, steps
    assert steps[10] <= steps.total() * 0.25, steps


@pytest.mark.parametrize("week", WEEKS)
def test_a_graver_burst_is_larger_by_its_times_and_its_messages(week):
    for one in bursts_of(week):
        for other in bursts_of(week)[:5]:
            is_larger = one.negative >= other.negative and one.negative / max(
                one.expected, 1
            ) >= other.negative / max(other.expected, 1)
            if is_larger and one.expected >= 1 and other.expected >= 1:
                assert one.severity >= other.severity - 1


def test_a_calmer_measure_finds_fewer_bursts_and_none_that_the_usual_one_misses():
    traffic = simulate(3, days=14, events_a_day=50_000).traffic
    usual = find_bursts(traffic)
    calm = find_bursts(traffic, Sensitivity(threshold=60, fewest=40, times=4))

    assert 0 < len(calm) < len(usual)
    assert find_bursts(traffic, Sensitivity(fewest=100_000)) == []
