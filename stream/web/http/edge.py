"""What every request passes first and every answer last: an id, a limit on the size, headers, and
no traceback.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Collection

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream.errors import where
from stream.observe.metrics import RequestMetrics
from stream.web.http.origins import is_https, within
from stream.web.http.problems import problem, refusal

log = logging.getLogger(__name__)

LARGEST_BODY = 2 * 1024 * 1024  # bytes

_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_POLICY = "Content-Security-Policy"
# Texts of customers are on these pages: nothing in them may run, load or frame anything.
PLAIN_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
# NiceGUI writes its start into the page and compiles its templates in the browser; all of it comes
# from here.
CONSOLE_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer browsers send forms with `Origin: null`
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_ALWAYS_HTTPS = "max-age=31536000"


class Edge:
    """Plain ASGI: a middleware of Starlette's own kind would cost a task and two queues a request.

    console: the paths whose answers may load what the console needs, said as the gate's; base_url:
    as people know us.
    """

    def __init__(
        self, app: ASGIApp, console: Collection[str] = (), base_url: str | None = None
    ) -> None:
        self._app, self._console, self._base_url = app, console, base_url
        self._metrics = RequestMetrics()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = request_id = _request_id(scope)
        scope["metrics"] = self._metrics  # for whoever tells them: stream/web/api/state.py
        asked_at, started = time.perf_counter(), False
        policy = CONSOLE_POLICY if within(scope["path"], self._console) else PLAIN_POLICY
        always_https = is_https(HTTPConnection(scope), self._base_url)

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                route, seconds = _route(scope, self._console), time.perf_counter() - asked_at
                self._metrics.answered(route, scope["method"], message["status"], seconds)
                headers = MutableHeaders(raw=message["headers"])
                message["headers"] = headers.raw
                headers["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault(_POLICY, policy)
                if always_https:
                    headers.setdefault("Strict-Transport-Security", _ALWAYS_HTTPS)
            await send(message)

        try:
            if _announced(scope) > LARGEST_BODY:
                refused = problem(request_id, 413, _TOO_LARGE, headers={"Connection": "close"})
                await refused(scope, receive, answer)
            else:
                await self._app(scope, _limited(receive), answer)
        except Exception as error:
            # Whatever it is, the client learns that it was our fault and nothing more, and the log
            # where it was; the error's own words may quote a customer.
            log.error("request %s failed: %s", request_id, where(error))
            if started:
                raise
            await problem(request_id, 500, "this is a fault of earshot's own; its log says where")(
                scope, receive, answer
            )


def _route(scope: Scope, console: Collection[str]) -> str:
    """The declared path; what is none of ours has one name, whatever it was called."""
    declared = getattr(scope.get("route"), "path", None)
    if declared:
        return str(declared)
    return "console" if within(scope["path"], console) else "none"


_TOO_LARGE = f"a request has at most {LARGEST_BODY // 1024**2} MiB; send fewer messages at once"


def _limited(receive: Receive) -> Receive:
    taken = 0

    async def take() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST_BODY:
            raise refusal(413, _TOO_LARGE, Connection="close")
        return message

    return take


def _announced(scope: Scope) -> int:
    """The length that the header tells; a body in chunks is counted as it comes."""
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(told) if told.isdigit() else 0


def _request_id(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
