"""Time limit of one message: processor time, after which the steps that read its text give up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SECONDS = 2.0  # of a processor; an ordinary message takes a thousandth of it
# Share of the limit for which the clock on the wall is enough: no thread uses more processor time
# than has passed, and asking for processor time is a call of the system, several times as slow.
_BY_THE_WALL = 0.05


class _Limit:
    """What is left of one message's time, in one thread."""

    __slots__ = ("_end", "_seconds", "_wall")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._wall = time.perf_counter() + seconds * _BY_THE_WALL
        self._end: float | None = None  # of the thread's own processor time, once it is asked for

    def is_used_up(self) -> bool:
        if time.perf_counter() < self._wall:
            return False
        if self._end is None:
            self._end = time.thread_time() + self._seconds * (1 - _BY_THE_WALL)
        return time.thread_time() >= self._end


_limit: ContextVar[_Limit | None] = ContextVar("time limit", default=None)


class TooSlow(Exception):
    """The message takes more processor time than one message may."""

    def __init__(self) -> None:
        super().__init__(f"takes more than {SECONDS:g} s of a processor")


@contextmanager
def limited(seconds: float = SECONDS) -> Iterator[None]:
    """Within it, and in this thread, `check` raises TooSlow when the time is used up."""
    token = _limit.set(_Limit(seconds))
    try:
        yield
    finally:
        _limit.reset(token)


def check() -> None:
    """Called between pieces of work that take a fraction of a second each. Raises TooSlow."""
    limit = _limit.get()
    if limit is not None and limit.is_used_up():
        raise TooSlow
