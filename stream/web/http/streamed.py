"""Streaming answer that is made while it is sent, and given up when its reader hangs up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

log = logging.getLogger(__name__)


class Streamed(StreamingResponse):
    """Closes its source also when the reader hangs up, so that its connection and place are free.

    seconds: the longest time, however slowly it is read; then the connection breaks off. on_end:
    called in any case; a source whose reader is gone before its first line never begins, and so
    never comes to an end of its own.
    """

    def __init__(
        self,
        source: AsyncGenerator[bytes, None],
        *,
        media_type: str,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
        on_end: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(source, media_type=media_type, headers=headers)
        self._source, self._seconds, self._on_end = source, seconds, on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await super().__call__(scope, receive, send)
        except TimeoutError:
            log.warning(
                "an answer took longer than %.0f s to be read, and was broken off", self._seconds
            )
        finally:
            self._on_end()
            await self._source.aclose()
