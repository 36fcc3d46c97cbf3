"""tweepy, pointed where the settings say, with its errors in our words and X's own clock."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import tweepy
from tweepy.asynchronous import AsyncClient, AsyncStreamingClient
from yarl import URL

from connectors.backoff import BackOff, exponential
from connectors.base import ConnectorError, SourceError
from connectors.guard import connector, refused

# It tells of every broken connection; so do we, once, in our words.
logging.getLogger("tweepy").setLevel(logging.CRITICAL)

# seconds without a byte, keep-alives included (X sends one every 20), until a stream is taken for
# dead
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
                "X: mentions and replies need an account: set EARSHOT_X_CONSUMER_KEY, EARSHOT_X_CONSUMER_SECRET, "
                "EARSHOT_X_ACCESS_TOKEN and EARSHOT_X_ACCESS_TOKEN_SECRET"
            )
        return own


class ServerClock:
    """What time it is at X, by the Date of its last answer: our own clock may jump, monotonic time
    does not.
    """

    def __init__(
        self, now: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._told: tuple[datetime, float] | None = None

    def hear(self, date: str | None) -> None:
        try:
            if date:
                self._told = parsedate_to_datetime(date).astimezone(UTC), self._monotonic()
        except ValueError:
            pass

    def __call__(self) -> datetime:
        if self._told is None:
            return self._now()
        told, at = self._told
        return told + timedelta(seconds=self._monotonic() - at)


class _Session:
    """What tweepy takes for an aiohttp session: it sends to our host, and remembers the last
    answer's head.
    """

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
        self, method: str, url: str | URL, *, headers: Mapping[str, str], **given: Any
    ) -> Any:
        target = URL(str(url).replace(_TWEEPYS_HOST, self._host, 1), encoded=True)
        self.status, self.answered = 0, {}
        return _Asked(
            self,
            self._session.request(
                method, target, headers={**self.headers, **headers}, **_without_nothing(given)
            ),
        )

    def hear(self, answer: aiohttp.ClientResponse) -> None:
        self.status, self.answered = answer.status, answer.headers
        self._clock.hear(answer.headers.get("Date"))

    async def close(self) -> None:
        """tweepy closes after every connection; whoever made the real session closes it."""


def _without_nothing(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None} | {
        "allow_redirects": False
    }


class _Asked:
    def __init__(self, session: _Session, asked: Any) -> None:
        self._session = session
        self._asked = asked

    async def __aenter__(self) -> aiohttp.ClientResponse:
        answer: aiohttp.ClientResponse = await self._asked.__aenter__()
        self._session.hear(answer)
        return answer

    async def __aexit__(self, *error: Any) -> None:
        await self._asked.__aexit__(*error)


class StreamBroke(Exception):
    """The filtered stream ended, or never began."""


class Stream(AsyncStreamingClient):  # type: ignore[misc]  # tweepy has no types
    """tweepy's stream, without its waiting: it would sleep where we cannot see it, and fills no
    gaps.
    """

    def __init__(self, bearer_token: str | None, heard: Callable[[bytes | None], None]) -> None:
        super().__init__(bearer_token, return_type=dict, max_retries=0)
        self._heard = heard
        self.broke: BaseException | None = None

    async def on_data(self, raw_data: bytes) -> None:
        self._heard(raw_data)

    async def on_keep_alive(self) -> None:
        self._heard(None)

    async def on_connect(self) -> None:
        pass

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
    """Everything that is asked of X, over one aiohttp session that lives as long as this is open.

    host: None is X's own. allow_private: whether `host` may lie in a private network. silence:
    seconds without a byte after which a connection is taken for dead.
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
        self.trouble = Trouble()
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

    def stream(self, heard: Callable[[bytes | None], None]) -> Stream:
        """tweepy's streaming client. heard: told of every line, and with None of a keep-alive."""
        stream = Stream(self.keys.bearer_token, heard)
        stream.session = self._through()
        return stream

    def explain(self, error: BaseException, doing: str, asked: Any) -> SourceError:
        """The error in our words, with the time after which X may be asked again. asked: the tweepy
        client.
        """
        session: _Session = asked.session
        return self.trouble.explain(error, doing, session.status, session.answered, self.clock())

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


class Trouble:
    """X's documented waits: a lost connection linearly, an HTTP error doubling from 5 s, 429 until
    its reset.

    https://docs.x.com/x-api/fundamentals/handling-disconnections
    """

    def __init__(self) -> None:
        self._network = BackOff(first=0.0, most=16.0, step=0.25)
        self._http = exponential(5.0, 320.0)
        self._limit = exponential(60.0, 900.0)

    def over(self) -> None:
        """A connection works: all waits begin anew."""
        for each in (self._network, self._http, self._limit):
            each.reset()

    def explain(
        self, error: BaseException, doing: str, status: int, head: Mapping[str, str], now: datetime
    ) -> SourceError:
        told = " ".join(f"{error or type(error).__name__}".split())
        if refused(error) or refused(error.__context__ or error):
            return SourceError(f"X: {doing}: {error.__context__ or error}")
        if status == 429:
            return SourceError(
                f"X: {doing}: too many requests (429)", retry_after=self._until_reset(head, now)
            )
        if status in (401, 403):
            return SourceError(
                f"X: {doing} is refused ({status}): {_permission(status, doing, error)}"
            )
        if 400 <= status < 500:
            return SourceError(f"X: {doing} is not possible ({status}): {told}")
        if status >= 500:
            return SourceError(f"X: {doing}: HTTP {status}", retry_after=self._http.next())
        return SourceError(f"X: {doing}: {told}", retry_after=self._network.next())

    def _until_reset(self, head: Mapping[str, str], now: datetime) -> float:
        step = self._limit.next()
        reset = head.get("x-rate-limit-reset", "")
        if not reset.isdigit():
            return step
        # A reset that has passed, or lies beyond X's windows, is a clock's mistake.
        return min(max(1.0, int(reset) - now.timestamp() + 1.0), 3600.0)


def _permission(status: int, doing: str, error: BaseException) -> str:
    """Which permission is missing, as far as X says."""
    said = " ".join(getattr(error, "api_messages", []))
    if status == 401:
        return "the keys are wrong or were revoked; check EARSHOT_X_BEARER_TOKEN and the account's keys"
    if (
        "oauth1-permissions" in str(error)
        or "oauth1 app permissions" in said.lower()
        or doing == "replying"
    ):
        return (
            "the app may not write; give it 'Read and write' in the developer console, make new access tokens, "
            f"and set them{f' (X says: {said})' if said else ''}"
        )
    return (
        f"the app has no access to {doing}; attach it to a project with credits in the developer console"
        f"{f' (X says: {said})' if said else ''}"
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
        found = json.loads(line)
    except ValueError:
        raise StreamBroke("a line was cut off") from None
    if not isinstance(found, dict):
        raise StreamBroke("a line is no object")
    return found
