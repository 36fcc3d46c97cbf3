"""Who asks: a person who logged in, or a program with a key; what they may do, and which brands
they may see.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fastapi import Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection, Request

from stream.accounts.api_keys import Key
from stream.accounts.sessions import Session, Sessions
from stream.accounts.users import ROLES, Role, User
from stream.web.auth.keyring import KeyRing
from stream.web.http.origins import COOKIE, SECURE_COOKIE, is_same_origin
from stream.web.http.problems import refusal

REMEMBERED = 5.0  # seconds that a session counts without asking the database; as long as a key does
_MOST_REMEMBERED = 5_000  # sessions
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="API key",
    description="`earshot key create NAME --scope desk --user USER` makes one.",
)
_cookie = APIKeyCookie(
    name=COOKIE,
    auto_error=False,
    scheme_name="Session",
    description="What `/login` gives a browser.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may use the desk. brands: what they are bound to; None: all. user: None for a
    key of nobody's.
    """

    name: str  # stands in the history of what they do
    role: Role
    brands: frozenset[str] | None
    user: User | None = None
    key: Key | None = None
    csrf: str = field(
        default="", repr=False
    )  # what a form of theirs must bring along; empty for a key
    token: str = field(default="", repr=False)  # of the session or the key

    @property
    def by_session(self) -> bool:
        """Whether a browser's cookie says so, which another page can make it send."""
        return self.key is None

    def may(self, role: Role) -> bool:
        """Whether they may do what takes this role."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def is_still(self, now: Caller | None) -> bool:
        """Whether they may do and see by now what they might: nothing that was opened for them has
        to end.
        """
        return now is not None and (now.name, now.role, now.brands) == (
            self.name,
            self.role,
            self.brands,
        )

    def sees(self, brand: str | None) -> bool:
        return self.brands is None or brand in self.brands


class Callers:
    """Recognises who asks. sessions: None where there is no desk, so that keys alone count."""

    def __init__(
        self,
        ring: KeyRing,
        sessions: Sessions | None = None,
        *,
        base_url: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ring, self._sessions, self._clock = ring, sessions, clock
        self.base_url = base_url
        self._known: dict[str, tuple[Session, float]] = {}  # by token, and until when

    async def of(self, connection: HTTPConnection) -> Caller | None:
        """Who asks; None when they show neither a key nor a session that lives.

        Raises a refusal for a key that opens nothing here, and DatabaseAway when nobody can tell.
        """
        shown = connection.headers.get("authorization", "")
        if shown:
            kind, _, token = shown.partition(" ")
            token = token.strip() if kind.lower() == "bearer" else ""
            return _of_key(await self._key(token), token)
        token = connection.cookies.get(SECURE_COOKIE) or connection.cookies.get(COOKIE) or ""
        session = await self._session(token) if token else None
        return None if session is None else _of_session(session, token)

    async def again(self, caller: Caller) -> Caller | None:
        """The caller as they are by now; None when their session ended or their key was revoked.

        Looking does not keep a session alive: a page that is left open ends with it.
        """
        if not caller.by_session:
            key = await self._ring.key(caller.token)
            return None if key is None else _of_key(key, caller.token)
        session = await self._session(caller.token, touch=False)
        return None if session is None else _of_session(session, caller.token)

    def forget(self, token: str) -> None:
        """The session was ended here: it counts no longer, not even for the seconds that it is
        remembered.
        """
        self._known.pop(token, None)

    def may(self, role: Role) -> Callable[..., Awaitable[Caller]]:
        """A dependency of the routes under /v1: the caller, who must have this role."""

        async def caller(
            request: Request,
            _key: HTTPAuthorizationCredentials | None = Security(_bearer),
            _session: str | None = Security(_cookie),
        ) -> Caller:
            found = await self.of(request)
            if found is None:
                raise refusal(
                    401,
                    "log in at /login, or send an API key: `Authorization: Bearer earshot_...`",
                    WWW_Authenticate="Bearer",
                )
            if not found.may(role):
                raise refusal(403, f"this takes the role {role}; {found.name} is {found.role}")
            self.refuse_forged(request, found)
            if found.key is not None:
                self._ring.charge(found.key, 1)
            return found

        return caller

    def refuse_forged(self, request: Request, caller: Caller) -> None:
        """Raises a 403 where a page of somebody else's made a browser ask: cookies go along, the
        page's name too.
        """
        if not caller.by_session or request.method not in _UNSAFE:
            return
        if is_same_origin(
            request, self.base_url, unknown=request.headers.get("x-csrf-token") == caller.csrf
        ):
            return
        raise refusal(
            403, "this request comes from another page than earshot's own, and changes nothing"
        )

    async def _key(self, token: str) -> Key:
        key = await self._ring.key(token)
        if key is None:
            raise refusal(
                401, "this API key opens nothing: unknown or revoked", WWW_Authenticate="Bearer"
            )
        if not key.scopes & {"read", "desk"}:
            raise refusal(403, f"the key {key.prefix}... lacks the scope read or desk")
        return key

    async def _session(self, token: str, *, touch: bool = True) -> Session | None:
        if self._sessions is None:
            return None
        now = self._clock()
        known = self._known.get(token)
        if known is not None and now < known[1]:
            return known[0]
        found = await self._sessions.session(token, touch=touch)
        if found is None:
            self._known.pop(token, None)
            return None
        if len(self._known) >= _MOST_REMEMBERED:
            self._known = {each: told for each, told in self._known.items() if now < told[1]}
        if touch:
            self._known[token] = (found, now + REMEMBERED)
        return found


def caller_of(connection: HTTPConnection) -> Caller:
    """Who asks for a page that the gate let them through to."""
    found: Caller = connection.scope["caller"]
    return found


def _of_session(session: Session, token: str) -> Caller:
    user = session.user
    return Caller(user.name, user.role, user.brands, user=user, csrf=session.csrf, token=token)


def _of_key(key: Key, token: str) -> Caller:
    """A key acts for its user, with no more rights than theirs; one of nobody's as an agent, under
    its own name.
    """
    if key.holder is None:
        return Caller(
            f"key:{key.name}",
            "agent" if "desk" in key.scopes else "viewer",
            None,
            key=key,
            token=token,
        )
    role = key.holder.role if "desk" in key.scopes else "viewer"
    return Caller(key.holder.name, role, key.holder.brands, user=key.holder, key=key, token=token)
