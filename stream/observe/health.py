"""Health of a worker: waiting for a dependency fails readiness, never liveness."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

# seconds without a finished batch while input lags: longer than a rebalance and a broker's death
STALLED_AFTER = 120.0


@dataclass(slots=True)
class Health:
    """What a worker knows about itself. Times are monotonic seconds."""

    clock: Callable[[], float] = time.monotonic
    started: bool = False
    waiting_for: str | None = None  # the dependency that a batch waits for
    broker_away: bool = False  # nobody could ask it for the lag
    lag: int = 0
    moved_at: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.moved_at = self.clock()

    def progress(self) -> None:
        """A batch was finished: nothing is waited for."""
        self.waiting_for = None
        self.moved_at = self.clock()

    def wait(self, dependency: str) -> None:
        """A dependency is away: not ready, but alive."""
        self.waiting_for = dependency
        self.moved_at = self.clock()

    def saw_lag(self, lag: int) -> None:
        """The monitor measured the lag; without any there is nothing to move on."""
        self.lag = lag
        if lag == 0 or self.broker_away:
            self.moved_at = self.clock()
        self.broker_away = False

    def lost_broker(self) -> None:
        """The monitor could not ask for the lag. An idle worker would not notice otherwise."""
        self.broker_away = True

    def not_ready(self) -> str | None:
        """Why not, in words; None when ready."""
        if not self.started:
            return "starting"
        waiting_for = self.waiting_for or ("Kafka" if self.broker_away else None)
        return f"waiting for {waiting_for}" if waiting_for else None

    def not_alive(self) -> str | None:
        """Why not, in words; None when alive. Kafka consumers are known to stall without a word."""
        still = self.clock() - self.moved_at
        if (
            self.lag > 0
            and self.waiting_for is None
            and not self.broker_away
            and still > STALLED_AFTER
        ):
            return f"no progress for {still:.0f} s while {self.lag} messages wait"
        return None
