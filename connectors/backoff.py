"""Back-off of one connection: tenacity's waits, counted over its failures."""

from __future__ import annotations

import re

from tenacity import AsyncRetrying, RetryCallState, wait_exponential
from tenacity.wait import wait_base

LONGEST_ASKED = 24 * 3600.0  # seconds that we wait because somebody else says so
_SECONDS = re.compile(r"\s*([0-9]{1,12})\s*")


def seconds_in(header: str) -> float | None:
    """The seconds of a `Retry-After`, LONGEST_ASKED at most; None where it is no number."""
    match = _SECONDS.fullmatch(header)  # not `isdigit`, which takes `²`, too
    return None if match is None else min(float(match[1]), LONGEST_ASKED)


class Backoff:
    """The failures since something worked. A source does not wait itself: it says how long to."""

    def __init__(self, wait: wait_base) -> None:
        self._wait = wait
        self.reset()

    def next(self) -> float:
        """Count a failure; returns the seconds to wait before the next attempt."""
        seconds = self._wait(self._failures)
        self._failures.prepare_for_next_attempt()
        return seconds

    def reset(self) -> None:
        """Something worked: the next wait is the first again."""
        self._failures = RetryCallState(AsyncRetrying(), None, (), {})


def doubling(first: float, longest: float) -> Backoff:
    """Waits of `first` seconds, then twice the last, `longest` at most."""
    return Backoff(wait_exponential(multiplier=first, max=longest))
