"""Time limit of one message: processor time, after which the steps that read its text give up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SECONDS = 2.0  # of a processor; an ordinary message takes a thousandth of it

# When the thread's own processor time runs out; None outside of a limit.
_end: ContextVar[float | None] = ContextVar("end of the time limit", default=None)


class TooSlow(Exception):
    """The message takes more processor time than one message may."""

    def __init__(self) -> None:
        super().__init__(f"takes more than {SECONDS:g} s of a processor")


@contextmanager
def limited(seconds: float = SECONDS) -> Iterator[None]:
    """Within it, and in this thread, `check` raises TooSlow when the time is used up."""
    token = _end.set(time.thread_time() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


def check() -> None:
    """Called between pieces of work that take a fraction of a second each. Raises TooSlow."""
    end = _end.get()
    if end is not None and time.thread_time() > end:
        raise TooSlow
