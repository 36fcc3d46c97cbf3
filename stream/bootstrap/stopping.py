"""Stopping by signals: the first one lets a command finish, the second one stops it at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

from stream.cancellation import is_cancelled
from stream.errors import UserError, where

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)
HURRIED_EXIT = 130  # of a third signal, when nothing else helps


class Stop:
    """What the signals of this process have asked for so far."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = asyncio.Event()

    @property
    def is_hurried(self) -> bool:
        """Nothing is to be waited for any more."""
        return self.count > 1

    async def first(self) -> None:
        """Wait for the first signal."""
        await self._changed.wait()

    def signalled(self) -> None:
        self.count += 1
        if self.count > 2:
            os._exit(HURRIED_EXIT)
        self._changed.set()


# One process, one set of signals. None outside `interruptible`.
_current: Stop | None = None


def stopping_at_once() -> bool:
    """Whether a second signal has come: drains and waits give up."""
    return _current is not None and _current.is_hurried


def is_stopping() -> bool:
    """Whether a signal has come."""
    return _current is not None and _current.count > 0


def say(line: str) -> None:
    print(f"earshot: {line}", file=sys.stderr, flush=True)


async def interruptible(work: Awaitable[T]) -> T:
    """The result of `work`; SIGTERM and Ctrl-C cancel it, and it cleans up.

    Raises KeyboardInterrupt when it has ended because of a signal, and UserError when it was
    cancelled without one: who watches over it must not take that for an end in order.
    """
    global _current
    stop = _current = Stop()
    loop = asyncio.get_running_loop()

    def on_signal(*_: object) -> None:
        # Also while the loop is busy: what blocks it looks at `stopping_at_once` itself.
        stop.signalled()
        with suppress(RuntimeError):  # the loop has ended by now
            loop.call_soon_threadsafe(lambda: None)

    for number in SIGNALS:
        signal.signal(number, on_signal)
    working = asyncio.ensure_future(work)
    signalled = asyncio.ensure_future(stop.first())
    await asyncio.wait({working, signalled}, return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    if not working.done():
        working.cancel()
    try:
        return await working
    except asyncio.CancelledError as error:
        if stop.count == 0 and not is_cancelled():
            raise _reason(error) from None
        raise KeyboardInterrupt from None


def _reason(error: asyncio.CancelledError) -> UserError:
    """Why it really ended, where that was lost while it cleaned up."""
    earlier = error.__context__
    while earlier is not None:
        if isinstance(earlier, UserError):
            return earlier
        earlier = earlier.__context__
    return UserError(
        f"a part of it was cancelled, and nobody had asked for it ({where(error)}): start it again"
    )


async def until_signal(work: Awaitable[None]) -> None:
    """As `interruptible`, for what runs until somebody stops it: a signal is its usual end."""
    with suppress(KeyboardInterrupt):
        await interruptible(work)
