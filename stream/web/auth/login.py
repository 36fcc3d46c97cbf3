"""`/login`, `/setup` and `/logout`: plain pages for any browser, phone or screen reader."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from stream.accounts.guesses import Guess, TooManyGuesses
from stream.accounts.sessions import Sessions, WrongPassword
from stream.accounts.users import SETUP_MINUTES, SHORTEST_PASSWORD, People
from stream.errors import UserError
from stream.web.auth.callers import Callers, caller_of
from stream.web.auth.forms import (
    Hashing,
    alert,
    device_of,
    end_session,
    logged_in,
    login_page,
    read_form,
    session_answer,
)
from stream.web.auth.password import BUSY, password_routes
from stream.web.auth.sign_on import PATH as SIGN_ON
from stream.web.auth.sign_on import IdentityProvider, mount_sign_on
from stream.web.auth.turns import TooBusy
from stream.web.http.origins import COOKIE, SECURE_COOKIE, local_path
from stream.web.http.problems import refusal
from stream.web.http.routes import add_routes


def mount_login(
    app: FastAPI,
    people: People,
    sessions: Sessions,
    callers: Callers,
    provider: IdentityProvider | None = None,
) -> None:
    """The three pages, on an application whose gate leaves `/login` and `/setup` open."""
    hashing = Hashing()
    signs_on = provider is not None
    add_routes(
        app,
        _login_routes(people, sessions, callers, hashing, signs_on=signs_on),
        _setup_routes(people, sessions, callers, hashing),
        _logout_routes(sessions, callers),
        password_routes(people, sessions, callers, hashing),
    )
    if provider is not None:
        mount_sign_on(
            app,
            provider,
            sessions,
            callers,
            into=lambda request, token, goal: session_answer(request, callers, token, goal),
            refused=lambda reason: login_page(_login("/", wrong=reason, signs_on=True), 403),
        )


def _login_routes(
    people: People,
    sessions: Sessions,
    callers: Callers,
    hashing: Hashing,
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
        return login_page(_login(local_path(next), signs_on=signs_on))

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        fields = await read_form(request, callers)
        name, goal = fields.get("name", "").strip(), local_path(fields.get("next", "/"))
        try:
            device, address = device_of(request, name), callers.address_of(request)
            guess = await sessions.guesses.begin(name, address, device)
            async with hashing.turn(guess):
                login = await sessions.enter(guess, fields.get("password", ""))
        except WrongPassword as error:
            return login_page(_login(goal, name, str(error), signs_on=signs_on), 403)
        except TooManyGuesses as error:
            headers = {"Retry-After": str(error.seconds)}
            return login_page(_login(goal, name, str(error), signs_on=signs_on), 429, headers)
        except TooBusy:
            page = _login(goal, name, BUSY, signs_on=signs_on)
            return login_page(page, 503, {"Retry-After": "5"})
        await end_session(request, sessions, callers)
        return logged_in(request, callers, name, login, goal)

    return router


def _setup_routes(
    people: People, sessions: Sessions, callers: Callers, hashing: Hashing
) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/setup")
    async def setup_form() -> Response:
        return RedirectResponse("/login", 303) if await people.any() else login_page(_setup())

    @router.post("/setup")
    async def set_up(request: Request) -> Response:
        fields = await read_form(request, callers)
        name, password = fields.get("name", "").strip(), fields.get("password", "")
        if password != fields.get("again", ""):
            return login_page(_setup(fields, "the two passwords differ"), 422)
        try:
            # Whoever tries wrong codes, however many, keeps nobody out: a code has 60 bits.
            await people.refuse_unknown(fields.get("code", ""))
            guess = Guess(name, callers.address_of(request))
            async with hashing.turn(guess):
                user = await people.set_up(fields.get("code", ""), name, password)
        except UserError as error:
            return login_page(_setup(fields, str(error)), 422)
        except TooBusy:
            return login_page(_setup(fields, BUSY), 503, {"Retry-After": "5"})
        return logged_in(request, callers, name, await sessions.begin(user, guess), "/")

    return router


def _logout_routes(sessions: Sessions, callers: Callers) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        fields, caller = await read_form(request, callers), caller_of(request)
        if not caller.by_session or fields.get("csrf") != caller.csrf:
            raise refusal(403, "this form is not of your session; load the page again")
        await end_session(request, sessions, callers)
        answer = RedirectResponse("/login", 303)
        for cookie in (COOKIE, SECURE_COOKIE):
            answer.delete_cookie(
                cookie, secure=cookie == SECURE_COOKIE, httponly=True, samesite="lax"
            )
        return answer

    return router


def _login(goal: str, name: str = "", wrong: str = "", *, signs_on: bool = False) -> str:
    other = (
        f'<p><a href="{SIGN_ON}?next={quote(goal, safe="")}">Single sign-on</a></p>'
        if signs_on
        else ""
    )
    focus = ("", " autofocus") if name else (" autofocus", "")
    return f"""<h1>earshot</h1><p>Log in to the desk.</p>{alert(wrong)}
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
<code>earshot up</code> or <code>earshot web</code> printed when it started; it is good \
once, for {SETUP_MINUTES} minutes.</p>{alert(wrong)}
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
