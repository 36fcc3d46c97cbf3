"""Retries with exponential back-off, for as long as a dependency is away."""

from __future__ import annotations

from collections.abc import Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

from stream.errors import BrokerAway, DatabaseAway

AWAY = (DatabaseAway, BrokerAway)
FIRST, LONGEST = 0.2, 5.0  # seconds between two attempts


def while_away(
    on_away: Callable[[BaseException], object] | None = None,
    *,
    errors: tuple[type[Exception], ...] = AWAY,
    first: float = FIRST,
    longest: float = LONGEST,
) -> AsyncRetrying:
    """Call what it returns with an async function: tried until it does not raise one of `errors`.

    on_away: called with the error before each wait. first, longest: seconds; each wait is twice
    the one before. Any other error is raised at once.
    """

    def before_sleep(state: RetryCallState) -> None:
        if on_away and state.outcome and (error := state.outcome.exception()):
            on_away(error)

    return AsyncRetrying(
        retry=retry_if_exception_type(errors),
        wait=wait_exponential(multiplier=first, max=longest),
        before_sleep=before_sleep,
        reraise=True,
    )
