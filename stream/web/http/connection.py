"""Connections of HTTP with bounds: of heads, of bodies, and of the time that a client may take."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from stream.web.http.edge import LARGEST_BODY

LARGEST_HEAD = 32 * 1024  # bytes of the request line and all headers
MOST_HEADERS = 100
HEAD_SECONDS = 10.0  # from the first byte, or from the connection, to the end of the head
BODY_SECONDS = 60.0  # from the end of the head to the end of the body
READ_SECONDS = 60.0  # that a client may leave an answer unread
IDLE_SECONDS = 5  # between two requests of one connection
MOST_WAITED_FOR = 500  # connections that owe us a head or a body; the oldest makes way
MOST_PIPELINED = 16  # requests of one connection that wait for the answer before theirs

_REFUSALS = {
    400: "this is no HTTP request",
    408: "the request took too long",
    431: f"a request's head has at most {MOST_HEADERS} headers and {LARGEST_HEAD // 1024} KiB",
}


class Door:
    """The connections of one server that owe it a head or a body, the oldest first."""

    def __init__(self, limit: int = MOST_WAITED_FOR) -> None:
        self._limit = limit
        self._waiting: dict[BoundedConnection, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def wait_for(self, connection: BoundedConnection) -> None:
        """Also again: it counts as new."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = None
        if len(self._waiting) > self._limit:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            oldest.cut()

    def done_with(self, connection: BoundedConnection) -> None:
        self._waiting.pop(connection, None)

    def opened(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> BoundedConnection:
        """A new connection, as uvicorn asks for one."""
        return BoundedConnection(self, config, server_state, app_state, _loop)


class BoundedConnection(HttpToolsProtocol):
    """httptools itself reads a head without an end, and uvicorn waits for one for ever."""

    def __init__(self, door: Door, *rest: Any) -> None:
        super().__init__(*rest)
        self._door = door
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None  # while the client does not read
        self._since_part = 0  # bytes since the last head ended or a part of a body came
        self._body = 0  # bytes of this request's body
        self._in_request = False  # the head has ended, and the body has not
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._deadline is None and not self._in_request:  # the next request on this connection
            self._expect(HEAD_SECONDS)
        self._since_part += len(data)
        super().data_received(data)
        if self._since_part > LARGEST_HEAD and not self._refused:
            self._refuse(431)

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if self._refused:
            return
        if size > LARGEST_HEAD or len(self.headers) > MOST_HEADERS:
            self._refuse(431)
            return
        self._since_part, self._body, self._in_request = 0, 0, True
        self._expect(BODY_SECONDS)
        super().on_headers_complete()
        if len(self.pipeline) > MOST_PIPELINED:
            self.cut()

    def on_body(self, body: bytes) -> None:
        if self._refused:
            return
        self._since_part, self._body = 0, self._body + len(body)
        if self._body > 2 * LARGEST_BODY:  # the answer was 413 long before
            self.cut()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._refused:
            return
        self._since_part, self._in_request = 0, False
        self._met()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._see_that_it_is_read()
        elif self._deadline is None and not self.pipeline:
            self._door.wait_for(self)

    def handle_websocket_upgrade(self) -> None:
        if not self._refused:
            self._leave()
            super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(READ_SECONDS, self.cut)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None and not self.transport.is_closing():
            self._unread.cancel()
            self._unread = None

    def cut(self) -> None:
        """End the connection now, whatever is on its way."""
        self._refused = True
        self._leave()
        self.transport.abort()

    def _expect(self, seconds: float) -> None:
        """The client owes us something, and has so long for it."""
        self._met()
        self._deadline = self.loop.call_later(seconds, self._too_late)
        self._door.wait_for(self)

    def _met(self) -> None:
        self._door.done_with(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _leave(self) -> None:
        self._met()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _too_late(self) -> None:
        self._deadline = None
        self._refuse(408)

    def _refuse(self, status: int) -> None:
        """Answer in one line where no other answer is under way, and end the connection."""
        self._refused = True
        self._met()
        if self.transport.is_closing():
            return
        cycle = self.cycle
        is_idle = cycle is None or cycle.response_complete
        may_answer = self._in_request and not self.pipeline and not cycle.response_started
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        if (is_idle and self._since_part) or may_answer:
            words = f"{_REFUSALS[status]}\n".encode()
            head = (
                b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
                b"content-length: %d\r\n\r\n" % len(words)
            )
            self.transport.write(STATUS_LINE[status] + head + words)
        self.transport.close()
        self._see_that_it_is_read()

    def _see_that_it_is_read(self) -> None:
        """A closed connection stays until its answer is read, or for a while."""
        if self.transport.is_closing() and self._unread is None:
            self._unread = self.loop.call_later(READ_SECONDS, self.transport.abort)
