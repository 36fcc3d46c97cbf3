"""Callers: a person with a session or a program with a key, with their role and their brands."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection, Request

from stream.accounts.api_keys import Key
from stream.accounts.sessions import Session, Sessions
from stream.accounts.users import ROLES, Role, User
from stream.web.auth.keyring import KeyRing
from stream.web.auth.watch import Watch
from stream.web.http.origins import (
    COOKIE,
    SECURE_COOKIE,
    Network,
    address_of,
    is_forwarded_by_stranger,
    is_https,
    is_same_origin,
    is_trusted,
    peer_of,
)
from stream.web.http.problems import refusal

REMEMBERED = 5.0  # seconds that a session counts without a query; as long as a key does
_MOST_REMEMBERED = 5_000  # sessions
CHANGE_PATH = "/password"
# What proxies and the networks before them add to a request.
_FORWARDED = frozenset(
    {
        *("forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip"),
        *("cf-connecting-ip", "fastly-client-ip", "x-envoy-external-address", "cdn-loop"),
    }
)
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
log = logging.getLogger(__name__)

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
    """A person or a program that may use the desk. brands: those it is bound to; None: all.

    name: stands in the history of what they do. user: None for a key that acts for no user. csrf:
    must come with their forms; empty for a key. token: of the session or the key.
    """

    name: str
    role: Role
    brands: frozenset[str] | None
    user: User | None = None
    key: Key | None = None
    csrf: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def by_session(self) -> bool:
        """Whether a browser's cookie identifies them; another page can make a browser send it."""
        return self.key is None

    @property
    def must_change_password(self) -> bool:
        return self.by_session and self.user is not None and self.user.must_change_password

    @property
    def only_own(self) -> str | None:
        """Whose saved queries they see: their own, who is bound to brands; None: everybody's."""
        return None if self.brands is None else self.name

    def may(self, role: Role) -> bool:
        """Whether they may do what takes this role."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def is_still(self, now: Caller | None) -> bool:
        """Whether their rights are unchanged, so that streams opened for them may go on."""
        if now is None:
            return False
        return (now.name, now.role, now.brands) == (self.name, self.role, self.brands)

    def sees(self, brand: str | None) -> bool:
        return self.brands is None or brand in self.brands


class Callers:
    """Recognises callers. sessions: None where there is no desk, so that keys alone count."""

    def __init__(
        self,
        ring: KeyRing,
        sessions: Sessions | None = None,
        *,
        base_url: str | None = None,
        proxies: Collection[Network] = (),
    ) -> None:
        self._ring, self._sessions = ring, sessions
        self.base_url = base_url
        self._proxies, self._has_warned = tuple(proxies), False
        self._known: dict[str, tuple[Session, float]] = {}  # by token, and until when
        self.watch = Watch(self._ended)

    async def of(self, connection: HTTPConnection) -> Caller | None:
        """The caller; None where they bring neither a key nor a live session.

        Raises a refusal for a key that opens nothing, and DatabaseAway.
        """
        authorization = connection.headers.get("authorization", "")
        if authorization:
            kind, _, token = authorization.partition(" ")
            token = token.strip() if kind.lower() == "bearer" else ""
            return _of_key(await self._key(token), token)
        # Over https a plain cookie may be one that a sister host has set.
        cookie = SECURE_COOKIE if is_https(connection, self.base_url) else COOKIE
        token = connection.cookies.get(cookie, "")
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

    def address_of(self, connection: HTTPConnection) -> str:
        """The client's address, as far as it can be believed."""
        if not self._has_warned and is_forwarded_by_stranger(connection, self._proxies):
            self._has_warned = True
            log.warning(
                "requests come through a proxy that EARSHOT_TRUSTED_PROXIES does not name: "
                "logins of everybody behind it are counted together"
            )
        return address_of(connection, self._proxies)

    def came_through_proxy(self, connection: HTTPConnection) -> bool:
        """Whether a proxy says so, is known to be one, or was asked by our public name."""
        says_so = any(
            name in _FORWARDED or name.startswith("x-forwarded-") for name in connection.headers
        )
        public = urlsplit(self.base_url or "").netloc.lower()
        is_public = bool(public) and connection.headers.get("host", "").lower() == public
        return says_so or is_public or is_trusted(peer_of(connection), self._proxies)

    def forget(self, token: str) -> None:
        """The session was ended here: it no longer counts, not even for its cached seconds."""
        self._known.pop(token, None)
        self.watch.hurry()

    async def admitted(self, request: Request, role: Role) -> Caller:
        """The caller of a route under /v1, who must have this role. Raises a refusal."""
        caller = await self.of(request)
        if caller is None:
            raise refusal(
                401,
                "log in at /login, or send an API key: `Authorization: Bearer earshot_...`",
                WWW_Authenticate="Bearer",
            )
        self.refuse_first_password(caller)
        if not caller.may(role):
            raise refusal(403, f"this takes the role {role}; {caller.name} is {caller.role}")
        self.refuse_forged(request, caller)
        if caller.key is not None:
            self._ring.charge(caller.key, 1)
        return caller

    def refuse_first_password(self, caller: Caller) -> None:
        """Raises a 403 for who has a password that somebody else knows, and no other yet."""
        if caller.must_change_password:
            raise refusal(403, f"choose a password of your own first, at {CHANGE_PATH}")

    def refuse_forged(self, request: Request, caller: Caller) -> None:
        """Raises a 403 where another site's page made a browser send this request.

        A browser sends the cookie along, and the name of the page too.
        """
        if not caller.by_session or request.method not in _UNSAFE:
            return
        has_token = request.headers.get("x-csrf-token") == caller.csrf
        if is_same_origin(request, self.base_url, unknown=has_token):
            return
        raise refusal(
            403, "this request comes from another page than earshot's own, and changes nothing"
        )

    async def _ended(self, callers: Collection[Caller]) -> list[Caller]:
        """Those who are logged out, or not who they were; asked anew, whatever is remembered."""
        tokens = [caller.token for caller in callers if caller.by_session]
        alive = await self._sessions.alive_of(tokens) if self._sessions and tokens else {}
        ended = []
        for caller in callers:
            now: Caller | None = None
            if not caller.by_session:
                key = await self._ring.key(caller.token, fresh=True)
                now = None if key is None else _of_key(key, caller.token)
            elif caller.token in alive:
                now = _of_session(alive[caller.token], caller.token)
            if not caller.is_still(now):
                self._known.pop(caller.token, None)
                ended.append(caller)
        return ended

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
        now = time.monotonic()
        known = self._known.get(token)
        if known is not None and now < known[1]:
            return known[0]
        session = await self._sessions.session(token, touch=touch)
        if session is None:
            self._known.pop(token, None)
            return None
        if len(self._known) >= _MOST_REMEMBERED:
            self._known = {key: entry for key, entry in self._known.items() if now < entry[1]}
        if touch:
            self._known[token] = (session, now + REMEMBERED)
        return session


def caller_of(connection: HTTPConnection) -> Caller:
    """The caller of a page, whom the gate let through."""
    caller: Caller = connection.scope["caller"]
    return caller


def may(role: Role) -> Callable[..., Awaitable[Caller]]:
    """A dependency of the routes under /v1: the caller, who must have this role."""

    async def admitted(
        request: Request,
        _key: HTTPAuthorizationCredentials | None = Security(_bearer),
        _session: str | None = Security(_cookie),
    ) -> Caller:
        callers: Callers = request.app.state.callers
        return await callers.admitted(request, role)

    return admitted


Viewer = Annotated[Caller, Depends(may("viewer"))]
Agent = Annotated[Caller, Depends(may("agent"))]
Lead = Annotated[Caller, Depends(may("lead"))]
Admin = Annotated[Caller, Depends(may("admin"))]


def _of_session(session: Session, token: str) -> Caller:
    user = session.user
    return Caller(user.name, user.role, user.brands, user=user, csrf=session.csrf, token=token)


def _of_key(key: Key, token: str) -> Caller:
    """A key acts for its user, with no more rights than theirs.

    A key without a user acts as an agent, under its own name.
    """
    acts, user = "desk" in key.scopes, key.holder
    if user is None:
        role: Role = "agent" if acts else "viewer"
        return Caller(f"key:{key.name}", role, None, key=key, token=token)
    role = user.role if acts else "viewer"
    return Caller(user.name, role, user.brands, user=user, key=key, token=token)
