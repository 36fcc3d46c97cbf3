"""`/password`: people change their own password, and a first one before anything else."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from stream.accounts.audit import note
from stream.accounts.guesses import TooManyGuesses
from stream.accounts.sessions import Sessions, WrongPassword
from stream.accounts.users import SHORTEST_PASSWORD, People, refuse_bad
from stream.errors import UserError
from stream.web.auth.callers import CHANGE_PATH, Caller, Callers, caller_of
from stream.web.auth.forms import Hashing, alert, device_of, logged_in, login_page, read_form
from stream.web.auth.turns import TooBusy
from stream.web.http.problems import refusal

BUSY = "many people log in at the moment; try again in a few seconds"


def password_routes(
    people: People, sessions: Sessions, callers: Callers, hashing: Hashing
) -> APIRouter:
    """The page, which the gate opens to whoever has a session."""
    router = APIRouter(include_in_schema=False)

    @router.get(CHANGE_PATH)
    async def form(request: Request) -> Response:
        return login_page(_form(_person(request)))

    @router.post(CHANGE_PATH)
    async def change(request: Request) -> Response:
        fields, caller = await read_form(request, callers), _person(request)
        if fields.get("csrf") != caller.csrf:
            raise refusal(403, "this form is not of your session; load the page again")
        old, new = fields.get("password", ""), fields.get("new", "")
        if new != fields.get("again", ""):
            return login_page(_form(caller, "the two new passwords differ"), 422)
        if new == old:
            return login_page(_form(caller, "the new password is the old one"), 422)
        try:
            refuse_bad(caller.name, new)
            device = device_of(request, caller.name)
            guess = await sessions.guesses.begin(caller.name, callers.address_of(request), device)
            async with hashing.turn(guess):
                user = await sessions.verified(guess, old)
                await people.set_password(caller.name, new)
        except UserError as error:
            return login_page(_form(caller, str(error)), 422)
        except WrongPassword:
            return login_page(_form(caller, "your password of now is another one"), 403)
        except TooManyGuesses as error:
            headers = {"Retry-After": str(error.seconds)}
            return login_page(_form(caller, str(error)), 429, headers)
        except TooBusy:
            return login_page(_form(caller, BUSY), 503, {"Retry-After": "5"})
        callers.forget(caller.token)
        await note(sessions.engine, caller.name, "password")
        return logged_in(request, callers, caller.name, await sessions.begin(user, guess), "/")

    return router


def _person(request: Request) -> Caller:
    caller = caller_of(request)
    if not caller.by_session:
        raise refusal(403, "a key has no password; its user changes theirs in a browser")
    return caller


def _form(caller: Caller, wrong: str = "") -> str:
    first = caller.user is not None and caller.user.must_change_password
    notice = "Somebody else knows your password. Choose your own first." if first else ""
    again = "" if first else '<p><a href="/">Back to the queue</a></p>'
    return f"""<h1>Your password</h1><p>{notice}</p>{alert(wrong)}
<form method="post" action="{CHANGE_PATH}">
<input type="hidden" name="csrf" value="{caller.csrf}">
<label for="password">Password of now</label>
<input id="password" name="password" type="password" autocomplete="current-password" required \
autofocus>
<label for="new">New password <small>{SHORTEST_PASSWORD} characters or more, best several \
words</small></label>
<input id="new" name="new" type="password" autocomplete="new-password" required>
<label for="again">The new password again</label>
<input id="again" name="again" type="password" autocomplete="new-password" required>
<button>Change it</button></form><p><small>You stay logged in here, and nowhere else.</small></p>\
{again}"""
