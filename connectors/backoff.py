"""How long to wait before the next attempt: it grows with every failure and starts over when
something worked.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class BackOff:
    """Seconds to wait: `first`, then `factor` times the last and `step` more, `most` at the
    longest.
    """

    first: float
    most: float
    factor: float = 1.0
    step: float = 0.0
    _last: float | None = None

    def next(self) -> float:
        self._last = (
            self.first
            if self._last is None
            else min(self.most, self._last * self.factor + self.step)
        )
        return self._last

    def reset(self) -> None:
        """Something worked: the next wait is the first again."""
        self._last = None


def exponential(first: float, most: float) -> BackOff:
    return BackOff(first, most, factor=2.0)
