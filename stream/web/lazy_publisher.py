"""Kafka publisher that connects with the first message, so that its process runs without Kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from stream.errors import BrokerAway
from stream.kafka import Kafka, Outgoing, Publisher

PAUSE = 1.0  # seconds after a vain try in which nobody tries again


class LazyPublisher:
    """Connects when the first message comes. Several may publish at once."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._stack = AsyncExitStack()
        self._connecting = asyncio.Lock()
        self._publisher: Publisher | None = None
        self._away: tuple[float, str] = (0.0, "")  # when it was tried in vain, and the reason

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Send all and wait until all are confirmed. Raises BrokerAway."""
        publisher = self._publisher or await self._connect()
        await publisher.publish(messages)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[LazyPublisher]:
        async with self._stack:
            yield self

    async def _connect(self) -> Publisher:
        async with self._connecting:
            if self._publisher is None:
                tried_at, reason = self._away
                if time.monotonic() < tried_at + PAUSE:
                    raise BrokerAway(reason)
                try:
                    await self._kafka.declare_topics()
                    self._publisher = await self._stack.enter_async_context(self._kafka.publisher())
                except BrokerAway as away:
                    self._away = (time.monotonic(), str(away))
                    raise
            return self._publisher
