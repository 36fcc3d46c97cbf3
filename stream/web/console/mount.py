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

_FROM_A_PAGE = ("event", "javascript_response", "ack")  # messages of its socket
_SOCKETS = "/_nicegui_ws/"
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
        if scope["path"].startswith(_SOCKETS) and _is_of_another_session(scope):
            await _refuse(scope, receive, send)
            return

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
    handlers["log"] = _ignore  # words of a browser, which anybody may choose, for our own log
    handlers["connect"] = _OwnConnection.around(handlers["connect"])
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

    def __call__(self, socket: str, message: Any = None, *_: Any) -> Any:
        page = message.get("client_id") if isinstance(message, dict) else None
        if not isinstance(page, str) or page not in core.sio.rooms(socket):
            return None
        try:
            return self._handler(socket, message)
        except Exception as error:
            # Handlers of ours tell their errors themselves: this is no message of a page's.
            log.debug("a page of the console sent nonsense: %s", type(error).__name__)
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

        # A function: whether it is one that waits is asked of what is called.
        async def guarded(socket: str, message: Any = None, *more: Any) -> Any:
            return await visitor.take(socket, message, *more)

        guarded.is_guarded = True  # type: ignore[attr-defined]
        return guarded

    async def take(self, socket: str, message: Any, *more: Any) -> Any:
        """message: of a handshake what the browser says, and the page that it names there."""
        try:
            if _is_of_another(_connection(socket), message):
                return False
            return await self._handler(socket, message, *more)
        except Exception as error:
            # A page of ours greets otherwise; and a forged greeting is nobody's to read in a log.
            log.debug("no page of the console greets so: %s", type(error).__name__)
            return False


class _OwnConnection(_OwnVisitor):
    """The same for a socket that is just opened, whose address names the page."""

    async def take(self, socket: str, message: Any, *more: Any) -> Any:
        """message: left out, for what is known here of the connection."""
        if core.sio.manager.is_connected(socket, "/"):
            return None  # a browser may send what it likes, also by this name
        connection = _connection(socket)
        if _is_of_another(connection):
            raise ConnectionRefusedError("this page is somebody else's")
        try:
            return await self._handler(socket, connection, *more)
        except (KeyError, TypeError, ValueError):
            raise ConnectionRefusedError("this is no greeting of a page") from None


def _connection(socket: str) -> Mapping[str, Any]:
    """The surroundings of the request that opened the socket."""
    return core.sio.get_environ(socket) or {}


def _is_of_another(connection: Mapping[str, Any], message: Any = None) -> bool:
    """Whether the socket's address or a message of its names a page of another session."""
    names = parse_qs(connection.get("QUERY_STRING", "")).get("client_id", [])[:1]
    if isinstance(message, dict):
        names.append(message.get("client_id"))
    own = _token(connection.get("asgi.scope", {}))
    return any(_token(page.request.scope) != own for page in map(_page, names) if page)


def _is_of_another_session(scope: Scope) -> bool:
    """Whether a request speaks for a socket that another session opened. Where a network lets no
    websocket through each message is a request, and the socket's number stands in its address: so
    in a proxy's log.
    """
    query = parse_qs(scope["query_string"].decode("utf-8", "replace"))
    around = (core.sio.environ.get(socket) for socket in query.get("sid", ()))
    return any(
        environ is not None and _token(environ.get("asgi.scope", {})) != _token(scope)
        for environ in around
    )


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    detail = "this socket is another session's"
    await problem(str(scope.get("request_id", "unknown")), 403, detail)(scope, receive, send)


def _ignore(*_: Any) -> None:
    """A message that nothing is done with."""


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
