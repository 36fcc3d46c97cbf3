"""How well the burst rule does on made-up years with planted bursts: found in time, and false
alarms.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from stream.bursts.detector import REST, THRESHOLD, Burst, find_bursts
from stream.traffic import Planted, Year, minute, simulate

IN_TIME = 3  # minutes from the start of a burst to the end of the minute in which it is found


def evaluate_bursts(
    *, seed: int, days: int = 365, events_a_day: float = 50_000, threshold: float = THRESHOLD
) -> dict[str, Any]:
    """Simulate, judge by the evaluator's own rule, and compare with what was planted."""
    year = simulate(seed, days=days, events_a_day=events_a_day)
    clock = time.perf_counter()
    found = find_bursts(year.traffic, threshold=threshold)
    seconds = time.perf_counter() - clock
    return {
        "seed": seed,
        "days": days,
        "events_a_day": events_a_day,
        **measure(year, found),
        "seconds": round(seconds, 1),
    }


def measure(year: Year, found: Sequence[Burst]) -> dict[str, Any]:
    """Which planted bursts were found, how soon, and how many were told that nobody planted."""
    delays = {planted: _delay(planted, found) for planted in year.planted}
    told = [each for each in delays.values() if each is not None]
    weeks = year.traffic.length / (7 * 1440)
    false = [each for each in found if not any(_belongs(each, planted) for planted in year.planted)]
    in_time = sum(each <= IN_TIME for each in told)
    return {
        "planted": len(delays),
        "found": len(told),
        "found_within_3_minutes": in_time,
        "share_within_3_minutes": round(in_time / max(1, len(delays)), 4),
        "median_delay_minutes": sorted(told)[len(told) // 2] if told else None,
        "false_alarms": len(false),
        "false_alarms_a_week": round(len(false) / weeks, 3),
        "by_times_the_usual": {
            name: _share(
                [delay for planted, delay in delays.items() if low <= planted.times < high]
            )
            for name, low, high in (("4-8", 0, 8), ("8-16", 8, 16), ("16 and more", 16, 1e9))
        },
    }


def _delay(planted: Planted, found: Sequence[Burst]) -> int | None:
    """Minutes from the start to the end of the minute in which it was found; None when it was not."""
    hits = [minute(each.detected) - planted.start + 1 for each in found if _belongs(each, planted)]
    return max(1, min(hits)) if hits else None


def _belongs(burst: Burst, planted: Planted) -> bool:
    """A burst that was found before the planted one began is a false alarm, also when it lasts into
    it.
    """
    return planted.start <= minute(burst.detected) <= planted.end + REST


def _share(delays: Sequence[int | None]) -> str:
    return f"{sum(each is not None and each <= IN_TIME for each in delays)} of {len(delays)}"
