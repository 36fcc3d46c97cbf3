"""Forms of the login, and the cookies that a browser gets for a session and for itself."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import escape
from urllib.parse import parse_qs

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from stream.accounts.guesses import REMEMBERED, Guess
from stream.accounts.sessions import LONGEST, Login, Sessions
from stream.web.auth.callers import Callers
from stream.web.auth.turns import Turns
from stream.web.http.origins import COOKIE, SECURE_COOKIE, is_https, is_same_origin
from stream.web.http.plain import plain_page
from stream.web.http.problems import refusal

LARGEST_FORM = 16 * 1024  # bytes
HASHES = 2  # passwords of strangers that are checked at once: each takes 64 MiB and a core
HASHES_OF_KNOWN = 1  # of devices that are known, which no stranger keeps waiting

DEVICE_COOKIE = "earshot_device"


@dataclass(frozen=True, slots=True)
class Hashing:
    """The places where passwords are hashed."""

    strangers: Turns = field(default_factory=lambda: Turns(HASHES))
    known: Turns = field(default_factory=lambda: Turns(HASHES_OF_KNOWN))

    @asynccontextmanager
    async def turn(self, guess: Guess) -> AsyncIterator[None]:
        """Raises TooBusy."""
        turns = self.strangers if guess.device is None else self.known
        async with turns.turn(guess.origin):
            yield


async def read_form(request: Request, callers: Callers) -> dict[str, str]:
    """The fields of a form of ours. Raises a refusal for another site's, and for no form."""
    if not is_same_origin(request, callers.base_url, unknown=True):
        raise refusal(403, "this form was sent by another page than earshot's own")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM:
            raise refusal(413, "this form is too large")
    try:
        fields = parse_qs(bytes(body).decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise refusal(400, "this is no form") from None
    return {name: values[-1] for name, values in fields.items()}


def device_of(request: Request, name: str) -> str:
    """The cookie of this browser for that name, where it has one."""
    return request.cookies.get(_device_cookie(name), "")


def session_answer(
    request: Request, callers: Callers, token: str, goal: str, device: tuple[str, str] | None = None
) -> Response:
    """The answer that sets the session's cookie and leads on to `goal`.

    Lax, not strict: a link in an alert must lead a person who is logged in to its ticket. No other
    page can write. device: a name, and the cookie by which this browser is known for it.
    """
    secure = is_https(request, callers.base_url)
    answer = RedirectResponse(goal, 303)
    answer.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        token,
        max_age=int(LONGEST.total_seconds()),
        httponly=True,
        secure=secure,
        samesite="lax",
    )
    if device is not None:
        name, value = device
        answer.set_cookie(
            _device_cookie(name),
            value,
            max_age=int(REMEMBERED.total_seconds()),
            httponly=True,
            secure=secure,
            samesite="strict",
        )
    return answer


def logged_in(request: Request, callers: Callers, name: str, login: Login, goal: str) -> Response:
    """As `session_answer`, from a browser that is known from now on."""
    return session_answer(request, callers, login.token, goal, (name, login.device))


async def end_session(request: Request, sessions: Sessions, callers: Callers) -> None:
    """End the session that this browser had, if any."""
    for cookie in (COOKIE, SECURE_COOKIE):
        token = request.cookies.get(cookie)
        if token:
            await sessions.log_out(token)
            callers.forget(token)


def login_page(body: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return plain_page("log in", body, status, headers)


def alert(wrong: str) -> str:
    """What was wrong, as HTML."""
    if not wrong:
        return ""
    return f'<p role="alert">{escape(wrong[:1].upper() + wrong[1:])}.</p>'


def _device_cookie(name: str) -> str:
    """One a name: of several people at one computer each has their own."""
    return f"{DEVICE_COOKIE}_{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:16]}"
