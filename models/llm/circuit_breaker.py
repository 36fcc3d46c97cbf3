"""Circuit breaker: a call that keeps failing is left alone for a while, then tried once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FAILURES = 5  # in a row that open it
SECONDS = 30.0  # that it stays open at least


class Breaker:
    """Opens after FAILURES in a row, for SECONDS; then one call at a time is let through as a test.

    For many threads.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._trying = False
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """Whether a call may be made now. If so, the caller must report how it went."""
        with self._lock:
            if self._failures < FAILURES:
                return True
            if self._clock() < self._until or self._trying:
                return False
            self._trying = True
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._failures, self._trying = 0, False

    def failed(self, *, for_good: bool = False, wait: float = 0.0) -> bool:
        """Note a failure; returns whether it opened the breaker.

        for_good: it will not cure itself, so the breaker opens now. wait: seconds that the server
        asked for.
        """
        with self._lock:
            opens = self._failures < FAILURES
            self._failures = FAILURES if for_good else self._failures + 1
            self._trying = False
            if self._failures < FAILURES:
                return False
            self._until = self._clock() + max(SECONDS, wait)
            return opens
