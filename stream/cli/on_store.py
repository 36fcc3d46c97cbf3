"""Runs a command's work on a store: logs, parts, schema, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from stream.observe.logs import set_up_logs
from stream.settings import read_settings

if TYPE_CHECKING:
    from stream.bootstrap.parts import Parts
    from stream.bootstrap.stores import Opener

S = TypeVar("S")
T = TypeVar("T")


def run_on_store(role: str, opener: Opener[S], work: Callable[[S], Awaitable[T]]) -> T:
    """The result of `work` on an open store; Kafka is left alone. role: the command's name."""

    async def on_store(running: Parts) -> T:
        async with opener(running) as store:
            return await work(store)

    return run_on_parts(role, on_store, broker=False)


def run_on_parts(role: str, work: Callable[[Parts], Awaitable[T]], *, broker: bool = True) -> T:
    """The result of `work` on the migrated parts. broker: False where Kafka is not needed."""
    from stream.bootstrap.parts import ensure_migrated, parts

    settings = read_settings()
    set_up_logs(settings, quiet=True)

    async def run() -> T:
        async with parts(settings, role, broker=broker) as running:
            await ensure_migrated(running)
            return await work(running)

    return asyncio.run(run())
