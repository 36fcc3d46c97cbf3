"""ASGI edge of every request: its id, its size limit, security headers, errors in one line."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream.errors import where
from stream.observe.metrics import RequestMetrics
from stream.web.http.origins import is_https, within
from stream.web.http.problems import problem, refusal

log = logging.getLogger(__name__)

LARGEST_BODY = 2 * 1024 * 1024  # bytes
SMALL_BODY = 64 * 1024  # bytes; larger ones share LARGEST_TOGETHER
LARGEST_TOGETHER = 64 * 1024 * 1024  # bytes of the bodies of all requests that are under way

CONSOLE, NONE = "console", "none"  # in place of a route
_CHANGING = ("POST", "PUT", "PATCH", "DELETE")

_CLIENT_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_POLICY = "Content-Security-Policy"
# Texts of customers are on these pages: nothing in them may run, load or frame anything.
PLAIN_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
# NiceGUI writes its start into the page and compiles its templates in the browser; all of it comes
# from here.
CONSOLE_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; "
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

    console: paths whose answers may load scripts and styles, in the gate's notation; base_url: our
    public address.
    """

    def __init__(
        self,
        app: ASGIApp,
        console: Collection[str] = (),
        base_url: str | None = None,
        metrics: RequestMetrics | None = None,
    ) -> None:
        self._app, self._console, self._base_url = app, console, base_url
        self._metrics = metrics or RequestMetrics()
        self._large = 0  # bytes of bodies beyond SMALL_BODY, of all requests that are under way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = request_id = _request_id(scope)
        scope["metrics"] = self._metrics  # read by stream/web/api/state.py
        began, started = time.perf_counter(), False
        policy = CONSOLE_POLICY if within(scope["path"], self._console) else PLAIN_POLICY
        always_https = is_https(HTTPConnection(scope), self._base_url)

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                route, seconds = _route(scope, self._console), time.perf_counter() - began
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
            if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
                await problem(request_id, 422, _NUL)(scope, receive, answer)
            elif _announced(scope) > LARGEST_BODY:
                refused = problem(request_id, 413, _TOO_LARGE, headers={"Connection": "close"})
                await refused(scope, receive, answer)
            else:
                with ExitStack() as stack:
                    await self._app(scope, self._limited(receive, stack), answer)
        except ClientDisconnect:
            return  # who went away, or was too slow, gets no answer
        except Exception as error:
            # Whatever it is, the client learns that it was our fault and nothing more, and the log
            # where it was; the error's own words may quote a customer.
            log.error("request %s failed: %s", request_id, where(error))
            if started:
                raise
            await problem(request_id, 500, "this is a fault of earshot's own; its log says where")(
                scope, receive, answer
            )

    def _limited(self, receive: Receive, stack: ExitStack) -> Receive:
        """The body, counted as it comes. stack: ends with the request."""
        received = large = 0

        def release() -> None:
            self._large -= large

        stack.callback(release)

        async def take() -> Message:
            nonlocal received, large
            message = await receive()
            received += len(message.get("body", b""))
            if received > LARGEST_BODY:
                raise refusal(413, _TOO_LARGE, Connection="close")
            more = max(0, received - SMALL_BODY) - large
            if more and self._large + more > LARGEST_TOGETHER:
                raise refusal(503, _TOO_MANY, retry_after=5, Connection="close")
            large, self._large = large + more, self._large + more
            return message

        return take


def _route(scope: Scope, console: Collection[str]) -> str:
    """The declared path; all paths that are not ours share one name."""
    declared = getattr(scope.get("route"), "path", None)
    if declared:
        return str(declared)
    return CONSOLE if within(scope["path"], console) else NONE


def declared(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every (route, method) that an answer of the application is counted under."""
    for route in _routes(app.routes):
        yield from ((route.path, method) for method in route.methods or ())
    for name in (CONSOLE, NONE):  # refused before a route was found, as while the database is away
        yield from ((name, method) for method in ("GET", *_CHANGING))


def _routes(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    """Those of applications within, too: the console's pages are some."""
    for route in routes:
        if not isinstance(route, Route):
            yield from _routes(getattr(route, "routes", ()))
        elif not route.path.startswith("/_"):  # NiceGUI's own
            yield route


_TOO_LARGE = f"a request has at most {LARGEST_BODY // 1024**2} MiB; send fewer or smaller parts"
_NUL = "an address with a NUL (%00) in it leads nowhere"
_TOO_MANY = "too many large requests are under way; try again a little later"


def _announced(scope: Scope) -> int:
    """The length in the header; a body in chunks is counted as it comes."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(length) if length.isdigit() else 0


def _request_id(scope: Scope) -> str:
    id = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return id.decode() if _CLIENT_ID.fullmatch(id) else uuid.uuid4().hex
