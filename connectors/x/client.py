"""Client of X: tweepy at the address of the settings, its errors in our words, X's clock."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import tweepy
from tenacity import wait_incrementing
from tweepy.asynchronous import AsyncClient, AsyncStreamingClient
from yarl import URL

from connectors.backoff import Backoff, doubling
from connectors.base import ConnectorError, SourceError
from connectors.guard import connector, refused

# It logs every broken connection; so do we, once, in our words.
logging.getLogger("tweepy").setLevel(logging.CRITICAL)

# Seconds without a byte until a stream is taken for dead; X sends a keep-alive every 20.
SILENCE = 25.0
_TWEEPYS_HOST = "https://api.twitter.com"
_LINE = 2**20  # bytes; a long post with all that belongs to it


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of one app and one account, not shown in a repr. Replies and mentions need the
    last four.
    """

    bearer_token: str | None = None
    consumer_key: str | None = None
    consumer_secret: str | None = None
    access_token: str | None = None
    access_token_secret: str | None = None

    def __repr__(self) -> str:
        return "Keys(...)"

    @property
    def own_id(self) -> str:
        """The account that the access token belongs to. Raises ConnectorError without one."""
        own, dash, _ = (self.access_token or "").partition("-")
        if not (
            dash
            and own.isdigit()
            and self.consumer_key
            and self.consumer_secret
            and self.access_token_secret
        ):
            raise ConnectorError(
                "X: mentions and replies need an account: set EARSHOT_X_CONSUMER_KEY, "
                "EARSHOT_X_CONSUMER_SECRET, EARSHOT_X_ACCESS_TOKEN and "
                "EARSHOT_X_ACCESS_TOKEN_SECRET"
            )
        return own


class ServerClock:
    """X's own time, by the Date of its last answer. Our clock may jump, monotonic time does not."""

    def __init__(
        self, now: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._last: tuple[datetime, float] | None = None

    def hear(self, date: str | None) -> None:
        """date: the header of an answer; one that cannot be read changes nothing."""
        if not date:
            return
        with suppress(ValueError):
            self._last = parsedate_to_datetime(date).astimezone(UTC), self._monotonic()

    def __call__(self) -> datetime:
        if self._last is None:
            return self._now()
        moment, at = self._last
        return moment + timedelta(seconds=self._monotonic() - at)


class _Session:
    """An aiohttp session for tweepy. It sends to our host, and keeps the last answer's head."""

    def __init__(self, session: aiohttp.ClientSession, host: str, clock: ServerClock) -> None:
        self._session = session
        self._host = host
        self._clock = clock
        self.headers: dict[str, str] = {}
        self.status = 0
        self.answered: Mapping[str, str] = {}

    @property
    def closed(self) -> bool:
        return self._session.closed

    def request(
        self, method: str, url: str | URL, *, headers: Mapping[str, str], **options: Any
    ) -> Any:
        target = URL(str(url).replace(_TWEEPYS_HOST, self._host, 1), encoded=True)
        self.status, self.answered = 0, {}
        options = {name: value for name, value in options.items() if value is not None}
        options["allow_redirects"] = False
        request = self._session.request(
            method, target, headers={**self.headers, **headers}, **options
        )
        return _Request(self, request)

    def hear(self, answer: aiohttp.ClientResponse) -> None:
        self.status, self.answered = answer.status, answer.headers
        self._clock.hear(answer.headers.get("Date"))

    async def close(self) -> None:
        """tweepy closes after every connection; Api closes the real session."""


class _Request:
    """A request whose answer the session hears of."""

    def __init__(self, session: _Session, request: Any) -> None:
        self._session = session
        self._request = request

    async def __aenter__(self) -> aiohttp.ClientResponse:
        answer: aiohttp.ClientResponse = await self._request.__aenter__()
        self._session.hear(answer)
        return answer

    async def __aexit__(self, *error: Any) -> None:
        await self._request.__aexit__(*error)


class StreamBroke(Exception):
    """The filtered stream ended, or never began."""


class Stream(AsyncStreamingClient):  # type: ignore[misc]  # tweepy has no types
    """tweepy's stream, without its own retries: they sleep out of sight, and fill no gaps."""

    def __init__(self, bearer_token: str | None, on_line: Callable[[bytes | None], None]) -> None:
        super().__init__(bearer_token, return_type=dict, max_retries=0)
        self.opened = asyncio.Event()  # X has taken the connection
        self._on_line = on_line
        self.broke: BaseException | None = None

    async def on_data(self, raw_data: bytes) -> None:
        self._on_line(raw_data)

    async def on_keep_alive(self) -> None:
        self._on_line(None)

    async def on_connect(self) -> None:
        self.opened.set()

    async def on_request_error(self, status_code: int) -> None:
        raise StreamBroke(f"HTTP {status_code}")

    async def on_connection_error(self) -> None:
        raise StreamBroke("connection lost")

    async def on_closed(self, resp: aiohttp.ClientResponse) -> None:
        raise StreamBroke("X closed the stream")

    async def on_exception(self, exception: Exception) -> None:
        self.broke = exception

    async def on_disconnect(self) -> None:
        pass


class Api:
    """The interface of X, over one aiohttp session that lives until `close`.

    host: None is X's own. allow_private: may `host` lie in a private network? silence: seconds
    without a byte after which a connection is taken for dead.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        host: str | None = None,
        allow_private: bool = False,
        silence: float = SILENCE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.keys = keys
        self.clock = ServerClock(now)
        self.waits = Waits()
        self._host = (host or _TWEEPYS_HOST).rstrip("/")
        self._allow_private = allow_private
        self._silence = silence
        self._session: aiohttp.ClientSession | None = None

    def client(self) -> AsyncClient:
        """tweepy's client; its answers are plain dictionaries."""
        keys = self.keys
        client = AsyncClient(
            keys.bearer_token,
            keys.consumer_key,
            keys.consumer_secret,
            keys.access_token,
            keys.access_token_secret,
            return_type=dict,
        )
        client.session = self._through()
        return client

    def stream(self, on_line: Callable[[bytes | None], None]) -> Stream:
        """tweepy's streaming client. on_line: called with every line, and None for a keep-alive."""
        stream = Stream(self.keys.bearer_token, on_line)
        stream.session = self._through()
        return stream

    def explain(self, error: BaseException, action: str, client: Any) -> SourceError:
        """The error of a tweepy client in our words, with the wait before the next attempt."""
        session: _Session = client.session
        return self.waits.explain(error, action, session.status, session.answered, self.clock())

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _through(self) -> _Session:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=connector(allow_private=self._allow_private),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=self._silence),
                read_bufsize=_LINE,
            )
        return _Session(self._session, self._host, self.clock)


class Waits:
    """X's documented waits: a lost connection linearly, an HTTP error doubling from 5 s, 429 until
    its reset.

    https://docs.x.com/x-api/fundamentals/handling-disconnections
    """

    def __init__(self) -> None:
        self._network = Backoff(wait_incrementing(start=0.0, increment=0.25, max=16.0))
        self._http = doubling(5.0, 320.0)
        self._limit = doubling(60.0, 900.0)

    def reset(self) -> None:
        """A connection works: all waits begin anew."""
        self._network.reset()
        self._http.reset()
        self._limit.reset()

    def explain(
        self, error: BaseException, action: str, status: int, head: Mapping[str, str], now: datetime
    ) -> SourceError:
        message = " ".join(f"{error or type(error).__name__}".split())
        if refused(error) or refused(error.__context__ or error):
            return SourceError(f"X: {action}: {error.__context__ or error}")
        if status == 429:
            return SourceError(
                f"X: {action}: too many requests (429)", retry_after=self._until_reset(head, now)
            )
        if status in (401, 403):
            return SourceError(
                f"X: {action} is refused ({status}): {_permission(status, action, error)}"
            )
        if 400 <= status < 500:
            return SourceError(f"X: {action} is not possible ({status}): {message}")
        if status >= 500:
            return SourceError(f"X: {action}: HTTP {status}", retry_after=self._http.next())
        return SourceError(f"X: {action}: {message}", retry_after=self._network.next())

    def _until_reset(self, head: Mapping[str, str], now: datetime) -> float:
        step = self._limit.next()
        reset = head.get("x-rate-limit-reset", "")
        if not (reset.isascii() and reset.isdigit() and len(reset) < 20):
            return step
        # A reset that has passed, or lies beyond X's windows, is a clock's mistake.
        return min(max(1.0, int(reset) - now.timestamp() + 1.0), 3600.0)


def _permission(status: int, action: str, error: BaseException) -> str:
    """The missing permission, as far as X names it."""
    if status == 401:
        return (
            "the keys are wrong or were revoked; "
            "check EARSHOT_X_BEARER_TOKEN and the account's keys"
        )
    answer = " ".join(getattr(error, "api_messages", []))
    quoted = f" (X says: {answer})" if answer else ""
    may_not_write = "oauth1-permissions" in str(error) or "oauth1 app permissions" in answer.lower()
    if may_not_write or action == "replying":
        return (
            "the app may not write; give it 'Read and write' in the developer console, "
            f"make new access tokens, and set them{quoted}"
        )
    return (
        f"the app has no access to {action}; "
        f"attach it to a project with credits in the developer console{quoted}"
    )


ERRORS = (
    tweepy.TweepyException,
    aiohttp.ClientError,
    StreamBroke,
    TimeoutError,
    asyncio.TimeoutError,
    OSError,
)


def parsed(line: bytes) -> dict[str, Any]:
    """One line of the stream. Raises StreamBroke for half a line, half a character, or what is no
    object.
    """
    try:
        message = json.loads(line)
    except ValueError:
        raise StreamBroke("a line was cut off") from None
    if not isinstance(message, dict):
        raise StreamBroke("a line is no object")
    return message
