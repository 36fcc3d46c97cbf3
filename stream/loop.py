"""Event loop of a worker: uvloop's, in C, where there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from importlib.util import find_spec
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`; the consumer of Kafka has a thread and a loop of its own, of the same kind.

    There is no uvloop for Windows: Python's own loop does the same there.
    """
    if find_spec("uvloop") is not None:
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    return asyncio.run(work)
