"""Gate in front of every path: a login or a key is needed, except for the paths named as open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from stream.errors import DatabaseAway
from stream.web.auth.callers import CHANGE_PATH, Caller, Callers
from stream.web.auth.sign_on import PATHS
from stream.web.http.origins import is_same_origin, within
from stream.web.http.plain import away_page, wants_page
from stream.web.http.problems import problem

# Routes under /v1 recognise their caller by dependencies of their own, which stand in the OpenAPI
# document.
ALWAYS_OPEN = ("/healthz", "/readyz", "/metrics", "/login", *PATHS, "/setup", "/v1/")

_FIRST_PATHS = (CHANGE_PATH, "/logout")  # of who has no password of their own yet


class Gate:
    """Plain ASGI, for pages and websockets alike.

    open_paths: `/x` is that path, `/x/` every path that begins so. anybody: whether there is a user
    at all; while there is none a browser is led to `/setup`.
    """

    def __init__(
        self,
        app: ASGIApp,
        callers: Callers,
        open_paths: Collection[str],
        anybody: Callable[[], Awaitable[bool]],
    ) -> None:
        self._app, self._callers, self._anybody = app, callers, anybody
        self._open = (*ALWAYS_OPEN, *open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or within(scope["path"], self._open):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        answer: Response | None
        try:
            caller = await self._callers.of(connection)
            answer = None if caller is not None else await self._turned_away(connection)
            if caller is not None:
                scope["caller"] = caller
                self._refuse_forged(connection, caller)
                answer = self._led_to_password(connection, caller)
        except HTTPException as error:
            answer = problem(_id(scope), error.status_code, error.detail, headers=error.headers)
        except DatabaseAway:
            answer = _away(connection)
        if answer is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await answer(scope, receive, send)

    def _refuse_forged(self, connection: HTTPConnection, caller: Caller) -> None:
        if connection.scope["type"] == "http":
            self._callers.refuse_forged(Request(connection.scope), caller)
        elif caller.by_session and not is_same_origin(connection, self._callers.base_url):
            raise HTTPException(403, "this page is not earshot's own")

    def _led_to_password(self, connection: HTTPConnection, caller: Caller) -> Response | None:
        """Where somebody else knows their password: they choose their own before anything else."""
        if not caller.must_change_password or connection.scope["path"] in _FIRST_PATHS:
            return None
        if _is_page(connection):
            return RedirectResponse(CHANGE_PATH, 303)
        self._callers.refuse_first_password(caller)
        return None

    async def _turned_away(self, connection: HTTPConnection) -> Response:
        scope = connection.scope
        if _is_page(connection):
            if not await self._anybody():
                return RedirectResponse("/setup", 303)
            goal = scope["path"]
            if scope["query_string"]:
                goal += "?" + scope["query_string"].decode("latin-1")
            login = "/login" if goal == "/" else f"/login?next={quote(goal, safe='')}"
            return RedirectResponse(login, 303)
        detail = "log in at /login, or send an API key: `Authorization: Bearer earshot_...`"
        return problem(_id(scope), 401, detail, headers={"WWW-Authenticate": "Bearer"})


def _is_page(connection: HTTPConnection) -> bool:
    scope = connection.scope
    is_read = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
    return is_read and wants_page(connection)


def _away(connection: HTTPConnection) -> Response:
    if wants_page(connection):
        return away_page()
    detail, headers = "the database cannot be reached just now", {"Retry-After": "2"}
    return problem(_id(connection.scope), 503, detail, headers=headers)


def _id(scope: Scope) -> str:
    return str(scope.get("request_id", "unknown"))
