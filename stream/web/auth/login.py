"""`/login`, `/setup` and `/logout`: plain pages for any browser, phone or screen reader."""

from __future__ import annotations

import asyncio
from html import escape
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from stream.accounts.sessions import LONGEST, Sessions, TooManyGuesses, WrongPassword
from stream.accounts.users import SETUP_MINUTES, SHORTEST_PASSWORD, People
from stream.errors import UserError
from stream.web.auth.callers import Callers, caller_of
from stream.web.auth.keyring import TokenBucket
from stream.web.auth.sign_on import PATH as SIGN_ON
from stream.web.auth.sign_on import IdentityProvider, mount_sign_on
from stream.web.http.origins import (
    COOKIE,
    SECURE_COOKIE,
    address_of,
    is_https,
    is_same_origin,
    local_path,
)
from stream.web.http.plain import plain_page
from stream.web.http.problems import refusal

LARGEST_FORM = 16 * 1024  # bytes
HASHES = 2  # passwords checked at the same time: each takes 64 MiB and a core


def mount_login(
    app: FastAPI,
    people: People,
    sessions: Sessions,
    callers: Callers,
    provider: IdentityProvider | None = None,
) -> None:
    """The three pages, on an application whose gate leaves `/login` and `/setup` open."""
    hashing = asyncio.Semaphore(HASHES)
    signs_on = provider is not None
    app.include_router(_login_routes(people, sessions, callers, hashing, signs_on=signs_on))
    app.include_router(_setup_routes(people, sessions, callers, hashing))
    app.include_router(_logout_routes(sessions, callers))
    if provider is not None:
        mount_sign_on(
            app,
            provider,
            sessions,
            callers,
            into=lambda request, token, goal: _into(request, callers, token, goal),
            refused=lambda reason: _page(_login("/", wrong=reason, signs_on=True), 403),
        )


def _login_routes(
    people: People,
    sessions: Sessions,
    callers: Callers,
    hashing: asyncio.Semaphore,
    *,
    signs_on: bool,
) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def login_form(request: Request, next: str = "/") -> Response:
        if not await people.any():
            return RedirectResponse("/setup", 303)
        if await callers.of(request) is not None:
            return RedirectResponse(local_path(next), 303)
        return _page(_login(local_path(next), signs_on=signs_on))

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        fields = await _form(request, callers)
        name, goal = fields.get("name", "").strip(), local_path(fields.get("next", "/"))
        try:
            async with hashing:
                token = await sessions.log_in(name, fields.get("password", ""), address_of(request))
        except WrongPassword as error:
            return _page(_login(goal, name, str(error), signs_on=signs_on), 403)
        except TooManyGuesses as error:
            headers = {"Retry-After": str(error.seconds)}
            return _page(_login(goal, name, str(error), signs_on=signs_on), 429, headers)
        await _end(request, sessions, callers)  # the session that this browser had
        return _into(request, callers, token, goal)

    return router


def _setup_routes(
    people: People, sessions: Sessions, callers: Callers, hashing: asyncio.Semaphore
) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    codes = TokenBucket(0.5, 10)  # tries of the code a second, of everybody; it has 60 bits

    @router.get("/setup")
    async def setup_form() -> Response:
        return RedirectResponse("/login", 303) if await people.any() else _page(_setup())

    @router.post("/setup")
    async def set_up(request: Request) -> Response:
        fields = await _form(request, callers)
        wait = codes.take(1)
        if wait:
            headers = {"Retry-After": str(int(wait) + 1)}
            return _page(_setup(fields, "too many tries; wait a little"), 429, headers)
        name, password = fields.get("name", "").strip(), fields.get("password", "")
        if password != fields.get("again", ""):
            return _page(_setup(fields, "the two passwords differ"), 422)
        try:
            async with hashing:
                await people.set_up(fields.get("code", ""), name, password)
                token = await sessions.log_in(name, password, address_of(request))
        except UserError as error:
            return _page(_setup(fields, str(error)), 422)
        return _into(request, callers, token, "/")

    return router


def _logout_routes(sessions: Sessions, callers: Callers) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        fields, caller = await _form(request, callers), caller_of(request)
        if not caller.by_session or fields.get("csrf") != caller.csrf:
            raise refusal(403, "this form is not of your session; load the page again")
        await _end(request, sessions, callers)
        answer = RedirectResponse("/login", 303)
        for cookie in (COOKIE, SECURE_COOKIE):
            answer.delete_cookie(
                cookie, secure=cookie == SECURE_COOKIE, httponly=True, samesite="lax"
            )
        return answer

    return router


async def _form(request: Request, callers: Callers) -> dict[str, str]:
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


def _into(request: Request, callers: Callers, token: str, goal: str) -> Response:
    """The answer that sets the session's cookie and leads on to `goal`.

    Lax, not strict: a link in an alert must lead a person who is logged in to its ticket. No other
    page can write.
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
    return answer


async def _end(request: Request, sessions: Sessions, callers: Callers) -> None:
    for cookie in (COOKIE, SECURE_COOKIE):
        token = request.cookies.get(cookie)
        if token:
            await sessions.log_out(token)
            callers.forget(token)


def _page(body: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return plain_page("log in", body, status, headers)


def _login(goal: str, name: str = "", wrong: str = "", *, signs_on: bool = False) -> str:
    other = (
        f'<p><a href="{SIGN_ON}?next={quote(goal, safe="")}">Single sign-on</a></p>'
        if signs_on
        else ""
    )
    focus = ("", " autofocus") if name else (" autofocus", "")
    return f"""<h1>earshot</h1><p>Log in to the desk.</p>{_alert(wrong)}
<form method="post" action="/login"><input type="hidden" name="next" value="{escape(goal)}">
<label for="name">Name</label>
<input id="name" name="name" value="{escape(name)}" autocomplete="username" required{focus[0]}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" \
required{focus[1]}>
<button>Log in</button></form>{other}"""


def _setup(fields: dict[str, str] | None = None, wrong: str = "") -> str:
    code, name = (escape((fields or {}).get(name, "")) for name in ("code", "name"))
    return f"""<h1>earshot</h1><p>Nobody can log in yet. Make the first user, an admin, with the \
code that
<code>earshot web</code> printed when it started; it is good once, for {SETUP_MINUTES} \
minutes.</p>{_alert(wrong)}
<form method="post" action="/setup">
<label for="code">Code</label>
<input class="code" id="code" name="code" value="{code}" autocomplete="one-time-code" required \
autofocus>
<label for="name">Your name</label><input id="name" name="name" value="{name}" \
autocomplete="username" required>
<label for="password">Password <small>{SHORTEST_PASSWORD} characters or more</small></label>
<input id="password" name="password" type="password" autocomplete="new-password" required>
<label for="again">The password again</label>
<input id="again" name="again" type="password" autocomplete="new-password" required>
<button>Begin</button></form>"""


def _alert(wrong: str) -> str:
    if not wrong:
        return ""
    return f'<p role="alert">{escape(wrong[:1].upper() + wrong[1:])}.</p>'
