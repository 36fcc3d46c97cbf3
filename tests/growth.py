"""Growth of the processor time that a step takes with the length of a text made to be slow.

Times are of the processor and the least of several tries: a busy machine makes them longer now and
then, and never shorter. A step is linear where twice the text takes twice the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

Step = Callable[[str], object]
Text = Callable[[int], str]  # of about this length

MOST = 3.0  # times as long for twice the text, twice in a row; a square takes four times
FLOOR = 1e-3  # seconds: what is quicker still is bearable, whatever it grows by
_TRIES = 3
_ENDLESS = 0.1  # seconds for a text of a few hundred characters


def repeated(beginning: str, piece: str, ending: str) -> Text:
    return lambda length: beginning + piece * (length // len(piece) + 1) + ending


def seconds(step: Step, text: str, tries: int = 1) -> float:
    best = float("inf")
    for _ in range(tries):
        started = time.thread_time()
        step(text)
        best = min(best, time.thread_time() - started)
        if best > _ENDLESS:
            break
    return best


def is_endless(step: Step, text: Text) -> bool:
    """Whether a short text takes what only an exponential, or a high power, explains."""
    return any(
        seconds(step, text(length)) > _ENDLESS and seconds(step, text(length)) > _ENDLESS
        for length in (16, 21, 40, 200)
    )


def is_superlinear(step: Step, text: Text, length: int) -> bool:
    """Whether the time grows by more than MOST in two doublings in a row, whenever one looks."""
    return all(_grows(step, text, length) for _ in range(_TRIES))


def _grows(step: Step, text: Text, length: int) -> bool:
    once = seconds(step, text(length), tries=2)
    twice = seconds(step, text(2 * length), tries=2)
    if twice <= MOST * once:
        return False
    fourfold = seconds(step, text(4 * length), tries=2)
    return fourfold > max(MOST * twice, FLOOR)
