"""Metered connections: the bytes of an answer are counted as they arrive, and end it."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg


class Metered(asyncio.Protocol):
    """Stands between a connection and its socket, and cuts the socket where too much comes in.

    Rows are limited by a cursor, but a driver holds a row whole, however large it is.
    """

    def __init__(self, connection: asyncpg.Connection, max_bytes: int) -> None:
        """connection: from now on `max_bytes` may come in, then it is aborted."""
        self._transport: asyncio.Transport = connection._transport
        self._inner: Any = self._transport.get_protocol()
        self._left = max_bytes
        self.is_full = False
        self._transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self.is_full = True
            self._transport.abort()
        else:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return bool(self._inner.eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
