"""NiceGUI under our own application: the console's paths alone reach it, and it loads only ours."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs

import nicegui
from fastapi import FastAPI
from nicegui import app as pages
from nicegui import core, ui
from nicegui.client import Client
from socketio.exceptions import ConnectionRefusedError
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream.web.console.shell import head
from stream.web.http.origins import within
from stream.web.http.problems import problem

log = logging.getLogger(__name__)

# the version stands in the address: it can be kept for ever
_IMMUTABLE = f"/_nicegui/{nicegui.__version__}/"

_FROM_A_PAGE = ("event", "javascript_response", "ack", "log")  # messages of its socket
AWAY = 30.0  # seconds that a browser may be gone, as in a tunnel, and find its page as it was
_MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">'
    '<g fill="none" stroke="#4a6cf7" stroke-width="2"><circle cx="10" cy="10" r="7.5"/></g>'
    '<circle cx="10" cy="10" r="3.2" fill="#4a6cf7"/></svg>'
)


class Console(BaseRoute):
    """Sends these paths to NiceGUI. A mount at `/` would swallow every other path's 404 and 405."""

    def __init__(self, app: ASGIApp, paths: Collection[str]) -> None:
        self._app, self._paths = app, tuple(paths)
        self.routes: Sequence[BaseRoute] = getattr(app, "routes", ())

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        is_ours = scope["type"] in ("http", "websocket") and within(scope["path"], self._paths)
        return (Match.FULL, {}) if is_ours else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["path"].startswith(_IMMUTABLE):
                MutableHeaders(raw=message["headers"])["Cache-Control"] = (
                    "public, max-age=31536000, immutable"
                )
            await send(message)

        await self._app(scope, receive, answer if scope["type"] == "http" else send)

    def url_path_for(self, name: str, /, **path_params: Any) -> NoReturn:
        raise NoMatchFound(name, path_params)


def serve_pages(app: FastAPI, paths: Collection[str]) -> None:
    """Let the added pages answer these paths of `app`. May be called for several applications."""
    pages.middleware_stack = None
    pages.user_middleware.clear()
    Client.shared_head_html = head()
    pages._exception_handlers[:] = [_logged]
    pages.add_exception_handler(404, _nothing_there)
    ui.run_with(
        app,
        title="earshot",
        favicon=_MARK,
        dark=None,
        language="en-US",
        tailwind=False,
        reconnect_timeout=AWAY,
        gzip_middleware_factory=None,
        binding_refresh_interval=None,
        show_welcome_message=False,
    )
    # Its others are of a kind that fails where a browser goes away early; `Console` does what we
    # need of them.
    pages.user_middleware[:] = [Middleware(GZipMiddleware)]
    app.router.routes[-1] = Console(pages, paths)
    handlers = core.sio.handlers["/"]
    for name in _FROM_A_PAGE:
        handlers[name] = _OwnPage.around(handlers[name])
    handlers["connect"] = _OwnVisitor.around(handlers["connect"])
    handlers["handshake"] = _OwnVisitor.around(handlers["handshake"])


class _OwnPage:
    """What a socket sends counts for its own page alone, whatever page it names in it.

    NiceGUI itself takes whoever knows the number of a page for its visitor.
    """

    def __init__(self, handler: Callable[[str, Any], Any]) -> None:
        self._handler = handler

    @classmethod
    def around(cls, handler: Callable[[str, Any], Any]) -> _OwnPage:
        return handler if isinstance(handler, cls) else cls(handler)

    def __call__(self, socket: str, message: Any) -> Any:
        page = message.get("client_id") if isinstance(message, dict) else None
        if page in core.sio.rooms(socket):
            return self._handler(socket, message)
        return None


class _OwnVisitor:
    """A page takes the socket of the session that it was made for, and no other.

    NiceGUI takes whoever knows the numbers of the page and of its tab; both stand in the address of
    its socket, so in a proxy's log.
    """

    def __init__(self, handler: Callable[..., Awaitable[Any]]) -> None:
        self._handler = handler

    @classmethod
    def around(cls, handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        if getattr(handler, "is_guarded", False):
            return handler
        visitor = cls(handler)

        async def guarded(socket: str, message: Any, *more: Any) -> Any:
            return await visitor.take(socket, message, *more)

        guarded.is_guarded = True  # type: ignore[attr-defined]
        return guarded

    async def take(self, socket: str, message: Any, *more: Any) -> Any:
        """message: of a handshake the page that it names; of a connection the surroundings."""
        is_connection = isinstance(message, dict) and "asgi.scope" in message
        around = message if is_connection else core.sio.get_environ(socket)
        query = parse_qs(around.get("QUERY_STRING", ""))
        names = query.get("client_id", [""])[:1]
        if not is_connection and isinstance(message, dict):
            names.append(message.get("client_id"))
        for page in filter(None, map(_page, names)):
            if _token(page.request.scope) != _token(around.get("asgi.scope", {})):
                if is_connection:
                    raise ConnectionRefusedError("this page is somebody else's")
                return False
        return await self._handler(socket, message, *more)


def _page(name: Any) -> Client | None:
    return Client.instances.get(name) if isinstance(name, str) else None


def _token(scope: Mapping[str, Any]) -> str | None:
    caller = scope.get("caller")
    return None if caller is None else caller.token


def _nothing_there(request: Request, _: Exception) -> Response:
    """In place of NiceGUI's own page, which takes a client on the server and a line in the log."""
    detail = "there is nothing at this address"
    return problem(str(request.scope.get("request_id", "unknown")), 404, detail)


def _logged(error: Exception) -> None:
    """Log the place of the error, and not its words: they may quote a customer."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "an unknown place"
    log.error("a page of the console failed: %s at %s", type(error).__name__, place)
