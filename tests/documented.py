"""A server against its own OpenAPI document: whatever it is sent, its answers are those that the
document tells.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serving import TOKEN

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
HEADERS = {"Authorization": f"Bearer {TOKEN}"}  # a key of nobody's with every scope: an agent


@contextmanager
def on_a_thread(serve: Callable[[], AbstractAsyncContextManager[str]]) -> Iterator[str]:
    """The address of a server on a thread of its own: schemathesis is not asynchronous."""
    ready, done = threading.Event(), threading.Event()
    addresses: list[str] = []

    async def run() -> None:
        async with serve() as address:
            addresses.append(address)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert ready.wait(60)
        yield addresses[0]
    finally:
        done.set()
        thread.join()


def document_of(site: str) -> Any:
    return schemathesis.openapi.from_url(f"{site}/openapi.json", headers=HEADERS)


def answers_of(operation: Any, site: str, *, wrong: bool, most: int) -> list[int]:
    """The statuses of what it answers to `most` requests that are as documented, or that are
    `wrong`.

    Fails for a 5xx and for an answer that is not documented.
    """
    mode = schemathesis.GenerationMode.NEGATIVE if wrong else schemathesis.GenerationMode.POSITIVE
    statuses: list[int] = []

    @settings(max_examples=most, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(mode))
    def ask(case: Any) -> None:
        statuses.append(
            case.call_and_validate(base_url=site, headers=HEADERS, checks=CHECKS).status_code
        )

    ask()
    return statuses
