"""Key ring: API keys of late with their scopes, and a token bucket for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from stream.accounts.api_keys import Key, Scope, digest, looks_like_token
from stream.errors import DatabaseAway
from stream.web.http.problems import refusal

REMEMBERED = 5.0  # seconds; a key that is revoked opens doors that much longer
GRACE = 600.0  # seconds that a known key still counts while the database is away
STRANGERS = 20.0  # lookups a second of unknown tokens

Find = Callable[[str], Awaitable[Key | None]]

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="API key",
    description="`earshot key create NAME --scope analyze` makes one.",
)


class TokenBucket:
    """A token bucket: `rate` a second, `burst` together."""

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._level, self._at = burst, clock()

    def take(self, amount: float) -> float:
        """Take it and return 0.0, or take nothing and return the seconds until there is enough."""
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        if amount > self._level:
            return (amount - self._level) / self._rate
        self._level -= amount
        return 0.0


@dataclass(frozen=True, slots=True)
class _Known:
    key: Key | None
    until: float


class KeyRing:
    """Keys used lately, so that a request does not cost a query, with a token bucket each.

    find: asks the database. rate: messages a second of one key. burst: messages together.
    """

    def __init__(
        self, find: Find, *, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._find, self._clock = find, clock
        self._rate, self._burst = rate, burst
        self._known: dict[bytes, _Known] = {}
        self._lookups: dict[bytes, asyncio.Task[Key | None]] = {}
        self._buckets: dict[int, TokenBucket] = {}
        self._strangers = TokenBucket(STRANGERS, STRANGERS, clock)

    async def key(self, token: str, *, fresh: bool = False) -> Key | None:
        """The key of this token, None when it opens nothing. Raises DatabaseAway.

        fresh: as it is now, whatever is remembered.
        """
        if not looks_like_token(token):
            return None
        mark = digest(token)
        known, now = self._known.get(mark), self._clock()
        if known is not None and now < known.until and not fresh:
            return known.key
        if mark not in self._lookups:
            if known is None:
                self._refuse_guessing()
            self._lookups[mark] = asyncio.create_task(self._ask(mark, token))
        try:
            return await asyncio.shield(self._lookups[mark])
        except DatabaseAway:
            if known is not None and known.key is not None and now < known.until + GRACE:
                return known.key
            raise

    def _refuse_guessing(self) -> None:
        wait = self._strangers.take(1)
        if wait:
            detail = "too many unknown API keys are tried; try again later"
            raise refusal(429, detail, retry_after=wait)

    def charge(self, key: Key, messages: int) -> None:
        """Count so many messages against the key. Raises a 429 with the time to wait."""
        if messages > self._burst:
            raise refusal(
                413,
                f"a request holds {self._burst:g} messages at most; a turn of a call counts as one",
            )
        bucket = self._buckets.setdefault(key.id, TokenBucket(self._rate, self._burst, self._clock))
        wait = bucket.take(messages)
        if wait:
            raise refusal(
                429, f"this key may send {self._rate:g} messages a second; wait", retry_after=wait
            )

    async def _ask(self, mark: bytes, token: str) -> Key | None:
        try:
            key = await self._find(token)
        finally:
            del self._lookups[mark]
        if key is not None:
            self._known[mark] = _Known(key, self._clock() + REMEMBERED)
        else:
            self._known.pop(mark, None)
        return key


class Guard:
    """Dependencies of routes that take an API key and no session."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self.charge = ring.charge

    def needs(self, scope: Scope) -> Callable[..., Awaitable[Key]]:
        """A dependency: the key of the request, which must have this scope."""

        async def key(
            credentials: HTTPAuthorizationCredentials | None = Security(_bearer),
        ) -> Key:
            return await self._key(credentials, scope)

        return key

    def scrapes(self) -> Callable[..., Awaitable[None]]:
        """A dependency of the metrics: open to direct requests, as Prometheus's; else a key."""

        async def scraper(
            request: Request,
            credentials: HTTPAuthorizationCredentials | None = Security(_bearer),
        ) -> None:
            if credentials is not None or request.app.state.callers.came_through_proxy(request):
                await self._key(credentials, "read")

        return scraper

    async def _key(self, credentials: HTTPAuthorizationCredentials | None, scope: Scope) -> Key:
        if credentials is None:
            raise refusal(
                401,
                "send an API key: `Authorization: Bearer earshot_...`, made by "
                f"`earshot key create NAME --scope {scope}`",
                WWW_Authenticate="Bearer",
            )
        key = await self._ring.key(credentials.credentials)
        if key is None:
            raise refusal(
                401, "this API key opens nothing: unknown or revoked", WWW_Authenticate="Bearer"
            )
        if scope not in key.scopes:
            raise refusal(403, f"the key {key.prefix}... lacks the scope {scope}")
        return key
