"""A circuit breaker: what fails again and again is left alone for a while, then tried once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """Opens after `failures` in a row, for `seconds`; then one call at a time is let through to
    see.

    For many threads.
    """

    def __init__(
        self,
        *,
        failures: int = 5,
        seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._seconds, self._clock = failures, seconds, clock
        self._failures = 0
        self._until = 0.0
        self._trying = False
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """May a call be made now? Whoever is told yes must say how it went."""
        with self._lock:
            if self._failures < self._most:
                return True
            if self._clock() < self._until or self._trying:
                return False
            self._trying = True
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._failures, self._trying = 0, False

    def failed(self, *, at_once: bool = False, wait: float = 0.0) -> bool:
        """Note a failure; returns whether it opened the breaker.

        at_once: it will not cure itself, so it opens now. wait: seconds that were asked for.
        """
        with self._lock:
            opened = self._failures < self._most
            self._failures = self._most if at_once else self._failures + 1
            self._trying = False
            if self._failures < self._most:
                return False
            self._until = self._clock() + max(self._seconds, wait)
            return opened
