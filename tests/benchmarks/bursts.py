"""Burst benchmark: recall, delay and false alarms of the burst rule on a simulated year.

`make bench-bursts`, or `PYTHONPATH=tests python -m benchmarks.bursts --seed 2`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.traffic import Planted, Year, minute, simulate
from stream.bursts.detector import REST, THRESHOLD, Burst, Sensitivity, find_bursts

IN_TIME = 3  # minutes from the start of a burst to the end of the minute in which it is found
# Burst sizes that are reported apart: the peak as a multiple of the usual rate, from and below.
SIZES = {"4-8": (0.0, 8.0), "8-16": (8.0, 16.0), "16 and more": (16.0, 1e9)}


def evaluate_bursts(
    *, seed: int, days: int = 365, events_a_day: float = 50_000, threshold: float = THRESHOLD
) -> dict[str, Any]:
    """Simulate a year, run the rule of the alerts, and compare with the planted bursts."""
    year = simulate(seed, days=days, events_a_day=events_a_day)
    clock = time.perf_counter()
    bursts = find_bursts(year.traffic, Sensitivity(threshold))
    seconds = time.perf_counter() - clock
    return {
        "seed": seed,
        "days": days,
        "events_a_day": events_a_day,
        **measure(year, bursts),
        "seconds": round(seconds, 1),
    }


def measure(year: Year, bursts: Sequence[Burst]) -> dict[str, Any]:
    """Planted bursts that were found, their delay, and bursts that nobody planted."""
    delays = {planted: _delay(planted, bursts) for planted in year.planted}
    hits = sorted(delay for delay in delays.values() if delay is not None)
    in_time = sum(delay <= IN_TIME for delay in hits)
    weeks = year.traffic.length / (7 * 1440)
    false = sum(not _is_planted(burst, year) for burst in bursts)
    return {
        "planted": len(delays),
        "found": len(hits),
        "found_within_3_minutes": in_time,
        "share_within_3_minutes": round(in_time / max(1, len(delays)), 4),
        "median_delay_minutes": hits[len(hits) // 2] if hits else None,
        "false_alarms": false,
        "false_alarms_a_week": round(false / weeks, 3),
        "by_times_the_usual": {size: _share(delays, *limits) for size, limits in SIZES.items()},
    }


def _delay(planted: Planted, bursts: Sequence[Burst]) -> int | None:
    """Minutes from the start to the end of the minute in which it was found; None when missed."""
    hits = [minute(burst.detected) for burst in bursts if _belongs(burst, planted)]
    return max(1, min(hits) - planted.start + 1) if hits else None


def _is_planted(burst: Burst, year: Year) -> bool:
    return any(_belongs(burst, planted) for planted in year.planted)


def _belongs(burst: Burst, planted: Planted) -> bool:
    """A burst that was found before the planted one began is a false alarm, also when it lasts into
    it.
    """
    return planted.start <= minute(burst.detected) <= planted.end + REST


def _share(delays: dict[Planted, int | None], low: float, high: float) -> str:
    of_size = [delay for planted, delay in delays.items() if low <= planted.times < high]
    in_time = sum(delay is not None and delay <= IN_TIME for delay in of_size)
    return f"{in_time} of {len(of_size)}"


def main() -> None:
    parser = argparse.ArgumentParser(description="The burst rule on a simulated year, as JSON.")
    parser.add_argument("--seed", type=int, default=2, help="which year; the threshold: seed 1")
    parser.add_argument("--days", type=int, default=365, help="its length")
    parser.add_argument("--events", type=float, default=50_000, help="messages a day")
    options = parser.parse_args()
    figures = evaluate_bursts(seed=options.seed, days=options.days, events_a_day=options.events)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
