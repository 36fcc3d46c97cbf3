"""`/login/oidc`: single sign-on. Who the provider vouches for logs in as the user of that name, who
must exist here.
"""

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
from stream.web.http.origins import address_of, is_https, local_path

PATH = "/login/oidc"
BACK = "/login/oidc/callback"
PATHS = (PATH, BACK)  # that are open: who comes there is not logged in yet

_COOKIE = "earshot_oidc"
_SECONDS = 600  # that a person may take at the provider


class NotSignedOn(Exception):
    """The provider is away, or what it says cannot be believed: one line for a person, without what
    it said.
    """


@dataclass(frozen=True, slots=True)
class Begun:
    """A login under way. address: where the browser goes; the others are kept in a cookie until it
    is back.
    """

    address: str
    state: str
    nonce: str
    verifier: str


class SignsOn(Protocol):
    """`stream.web.auth.oidc.Provider` in earnest."""

    async def begin(self, back: str) -> Begun: ...
    async def finish(self, code: str, back: str, nonce: str, verifier: str) -> str: ...


def mount_sign_on(
    app: FastAPI,
    provider: SignsOn,
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
            begun = await provider.begin(_back(request, callers))
        except NotSignedOn as error:
            return refused(str(error))
        answer = RedirectResponse(begun.address, 303)
        kept = json.dumps([begun.state, begun.nonce, begun.verifier, local_path(next)])
        secure = is_https(request, callers.base_url)
        # Lax: the way back from the provider begins on its pages.
        answer.set_cookie(
            _COOKIE,
            quote(kept),
            max_age=_SECONDS,
            path=PATH,
            httponly=True,
            secure=secure,
            samesite="lax",
        )
        return answer

    @router.get(BACK)
    async def finish(request: Request, state: str = "", code: str = "") -> Response:
        begun = _kept(request)
        if begun is None or not code or state != begun[0]:
            return refused(
                "this login was not begun here, or took longer than ten minutes; try again"
            )
        _, nonce, verifier, goal = begun
        try:
            name = await provider.finish(code, _back(request, callers), nonce, verifier)
            token = await sessions.vouched(name, address_of(request))
        except NotSignedOn as error:
            return refused(str(error))
        except WrongPassword:
            return refused("nobody here has your name yet; ask an admin to make you a user")
        answer = into(request, token, local_path(goal))
        answer.delete_cookie(_COOKIE, path=PATH)
        return answer

    app.include_router(router)


def _back(request: Request, callers: Callers) -> str:
    base = (
        callers.base_url
        or f"{'https' if is_https(request) else 'http'}://{request.headers.get('host', '')}"
    )
    return base.rstrip("/") + BACK


def _kept(request: Request) -> list[str] | None:
    try:
        kept = json.loads(unquote(request.cookies.get(_COOKIE, "")))
    except ValueError:
        return None
    return (
        kept
        if isinstance(kept, list) and len(kept) == 4 and all(isinstance(each, str) for each in kept)
        else None
    )
