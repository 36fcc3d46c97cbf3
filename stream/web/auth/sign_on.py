"""`/login/oidc`: single sign-on for users who exist here under the name that the provider gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, unquote

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from stream.accounts.sessions import Sessions, WrongPassword
from stream.web.auth.callers import Callers
from stream.web.http.origins import is_https, local_path
from stream.web.http.routes import add_routes

PATH = "/login/oidc"
BACK = "/login/oidc/callback"
PATHS = (PATH, BACK)  # that are open: who comes there is not logged in yet

_COOKIE = "earshot_oidc"
_SECONDS = 600  # that a person may take at the provider


class NotSignedOn(Exception):
    """The provider is away or cannot be believed. The message is one line for a person.

    It never quotes the provider.
    """


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """A login under way. address: the browser goes there. A cookie keeps the rest meanwhile."""

    address: str
    state: str
    nonce: str
    verifier: str


class IdentityProvider(Protocol):
    """`stream.web.auth.oidc.Provider` in earnest."""

    async def begin(self, back: str) -> LoginAttempt: ...
    async def finish(self, code: str, back: str, nonce: str, verifier: str) -> str: ...


def mount_sign_on(
    app: FastAPI,
    provider: IdentityProvider,
    sessions: Sessions,
    callers: Callers,
    *,
    into: Callable[[Request, str, str], Response],
    refused: Callable[[str], Response],
) -> None:
    """into: the answer that gives a browser its session and leads it on; refused: the login page,
    with a line.
    """
    router = APIRouter(include_in_schema=False)

    @router.get(PATH)
    async def begin(request: Request, next: str = "/") -> Response:
        try:
            attempt = await provider.begin(_back(request, callers))
        except NotSignedOn as error:
            return refused(str(error))
        answer = RedirectResponse(attempt.address, 303)
        cookie = json.dumps([attempt.state, attempt.nonce, attempt.verifier, local_path(next)])
        secure = is_https(request, callers.base_url)
        # Lax: the way back from the provider begins on its pages.
        answer.set_cookie(
            _COOKIE,
            quote(cookie),
            max_age=_SECONDS,
            path=PATH,
            httponly=True,
            secure=secure,
            samesite="lax",
        )
        return answer

    @router.get(BACK)
    async def finish(request: Request, state: str = "", code: str = "") -> Response:
        attempt = _from_cookie(request)
        if attempt is None or not code or state != attempt[0]:
            return refused(
                "this login was not begun here, or took longer than ten minutes; try again"
            )
        _, nonce, verifier, goal = attempt
        try:
            name = await provider.finish(code, _back(request, callers), nonce, verifier)
            token = await sessions.vouched(name, callers.address_of(request))
        except NotSignedOn as error:
            return refused(str(error))
        except WrongPassword:
            return refused("nobody here has your name yet; ask an admin to make you a user")
        answer = into(request, token, local_path(goal))
        answer.delete_cookie(_COOKIE, path=PATH)
        return answer

    add_routes(app, router)


def _back(request: Request, callers: Callers) -> str:
    base = callers.base_url
    if base is None:
        scheme = "https" if is_https(request) else "http"
        base = f"{scheme}://{request.headers.get('host', '')}"
    return base.rstrip("/") + BACK


def _from_cookie(request: Request) -> list[str] | None:
    """State, nonce, verifier and the page to go to; None where the browser brings none of ours."""
    try:
        parts = json.loads(unquote(request.cookies.get(_COOKIE, "")))
    except ValueError:
        return None
    if not isinstance(parts, list) or len(parts) != 4:
        return None
    return parts if all(isinstance(part, str) for part in parts) else None
