"""Retries with exponential back-off, for as long as a dependency is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_delay,
    stop_never,
    wait_exponential,
)

from stream.cancellation import is_cancelled
from stream.errors import BrokerAway, DatabaseAway

AWAY = (DatabaseAway, BrokerAway)
FIRST, LONGEST = 0.2, 5.0  # seconds between two attempts


def while_away(
    on_away: Callable[[BaseException], object] | None = None,
    *,
    errors: tuple[type[Exception], ...] = AWAY,
    first: float = FIRST,
    longest: float = LONGEST,
    give_up: float | None = None,
) -> AsyncRetrying:
    """Call what it returns with an async function: tried until it does not raise one of `errors`.

    on_away: called with the error before each wait. first, longest: seconds; each wait is twice
    the one before. give_up: seconds after which the error is raised. Any other error is raised at
    once. A task that was cancelled ends, also where the cancellation came out as one of `errors`:
    a connection that is closed in the middle of a statement says so in its own way.
    """

    def before_sleep(state: RetryCallState) -> None:
        if is_cancelled():
            raise asyncio.CancelledError
        error = state.outcome.exception() if state.outcome else None
        if on_away is not None and error is not None:
            on_away(error)

    return AsyncRetrying(
        retry=retry_if_exception_type(errors),
        wait=wait_exponential(multiplier=first, max=longest),
        before_sleep=before_sleep,
        stop=stop_never if give_up is None else stop_after_delay(give_up),
        reraise=True,
    )
