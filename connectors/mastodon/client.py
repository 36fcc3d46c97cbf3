"""Client of one Mastodon server: its answers, limits, and stream of server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import aiohttp
from yarl import URL

from connectors.backoff import doubling, seconds_in
from connectors.base import SourceError
from connectors.guard import connector, refused

# Seconds without a byte until a stream is taken for dead; Mastodon sends `:thump` every 15.
SILENCE = 45.0
_LONGEST = 2**20  # bytes of a line


class Answer(NamedTuple):
    """status 0: nothing came back. reached: may the server have taken the request?"""

    status: int
    body: Any
    retry_after: float
    reached: bool = True
    error: str = ""


class MastodonServer:
    """The interface of one server. token: of an application of the account; without one some
    servers show little.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        allow_private: bool = False,
        silence: float = SILENCE,
    ) -> None:
        """Raises ValueError when `url` is not like https://mastodon.social."""
        parsed = URL(url if "://" in url else f"https://{url}")
        if parsed.scheme not in ("http", "https") or not parsed.host or parsed.user:
            raise ValueError("is no server; write it like https://mastodon.social")
        self.url = str(parsed.origin())
        self.name = str(parsed.host)
        self.has_token = token is not None
        self.backoff = doubling(1.0, 120.0)
        self._head = {"Authorization": f"Bearer {token}"} if token else {}
        self._allow_private = allow_private
        self._silence = silence
        self._session: aiohttp.ClientSession | None = None

    async def get(self, path: str, **query: Any) -> Answer:
        params = {name: str(value) for name, value in query.items() if value}
        return await self._ask("GET", path, params=params)

    async def post(self, path: str, form: dict[str, Any], *, key: str) -> Answer:
        """key: the server answers the same key with the same post, for an hour."""
        fields = [
            (name, item)
            for name, value in form.items()
            for item in (value if isinstance(value, list) else [value])
        ]
        return await self._ask("POST", path, data=fields, headers={"Idempotency-Key": key})

    async def upload(
        self, path: str, content: bytes, media_type: str, form: dict[str, str]
    ) -> Answer:
        """A file, with fields beside it."""
        fields = aiohttp.FormData(form)
        name = f"picture.{media_type.rpartition('/')[2]}"
        fields.add_field("file", content, content_type=media_type, filename=name)
        return await self._ask("POST", path, data=fields)

    async def stream(self, path: str, **query: str) -> AsyncGenerator[tuple[str, Any]]:
        """(event, payload) of every server-sent event; ("", None) when the stream is open, and for
        every sign of life.

        Raises SourceError when it ends, however it ends.
        """
        url = f"{self.url}/api/v1/streaming/{path}"
        patience = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=self._silence)
        try:
            async with self._open().get(
                url, params=query, headers=self._head, timeout=patience, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise self.broke(
                        Answer(answer.status, None, _retry_after(answer)), f"the stream {path}"
                    )
                yield "", None
                async for event in _server_sent(answer.content):
                    yield event
            raise self.broke(None, f"the stream {path} ended")
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            if refused(error):
                raise SourceError(f"Mastodon: {error}") from error
            raise self.broke(None, f"the stream {path}: {error or type(error).__name__}") from error

    def broke(self, answer: Answer | None, action: str) -> SourceError:
        """The failure in our words, with the wait before the next attempt."""
        if answer is None or answer.status == 0:
            if answer is not None and "private address" in answer.error:
                return SourceError(f"Mastodon: {answer.error}")
            reason = f": {answer.error}" if answer is not None else ""
            return SourceError(
                f"Mastodon {self.name}: {action}{reason}", retry_after=self.backoff.next()
            )
        if answer.status == 429 or answer.status >= 500:
            wait = max(answer.retry_after, self.backoff.next())
            return SourceError(
                f"Mastodon {self.name}: {action}: HTTP {answer.status}", retry_after=wait
            )
        if answer.status in (401, 403):
            need = (
                "the token has no right to this"
                if self.has_token
                else "this server tells nothing without a token"
            )
            return SourceError(
                f"Mastodon {self.name}: {action} is refused ({answer.status}): {need}; "
                "make an application with the scopes read, write:statuses and write:media in the"
                " account's settings and set EARSHOT_MASTODON_TOKEN"
            )
        return SourceError(f"Mastodon {self.name}: {action} is not possible (HTTP {answer.status})")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=connector(allow_private=self._allow_private),
                timeout=aiohttp.ClientTimeout(total=30),
                read_bufsize=_LONGEST,
            )
        return self._session

    async def _ask(
        self, verb: str, path: str, *, headers: dict[str, str] | None = None, **options: Any
    ) -> Answer:
        url = f"{self.url}/api/{path}"
        head = self._head | (headers or {})
        try:
            async with self._open().request(
                verb, url, headers=head, allow_redirects=False, **options
            ) as answer:
                raw = await answer.read()
                try:
                    body = json.loads(raw)
                except ValueError:
                    body = None
                return Answer(answer.status, body, _retry_after(answer))
        except aiohttp.ClientConnectorError as error:
            return Answer(0, None, 15.0, reached=False, error=str(error))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Answer(0, None, 15.0, error=str(error) or type(error).__name__)


async def _server_sent(lines: AsyncIterable[bytes]) -> AsyncGenerator[tuple[str, Any]]:
    """(event, payload) of server-sent events, ("", None) of a comment, until a line is cut off.

    Raises ValueError for half a payload: half a line, half a character.
    """
    event, payload = "", b""
    async for raw in lines:
        if not raw.endswith(b"\n"):
            return
        line = raw.rstrip(b"\r\n")
        if not line:
            if event:
                yield event, json.loads(payload)
            event, payload = "", b""
        elif line.startswith(b":"):
            yield "", None
        elif line.startswith(b"event:"):
            event = line[6:].strip().decode("ascii", "replace")
        elif line.startswith(b"data:"):
            payload += (b"\n" if payload else b"") + line[5:].removeprefix(b" ")


def _retry_after(answer: aiohttp.ClientResponse) -> float:
    """Seconds until the limit ends, by the server's own clock: ours may be wrong."""
    if (seconds := seconds_in(answer.headers.get("Retry-After", ""))) is not None:
        return seconds
    try:
        reset = datetime.fromisoformat(answer.headers["X-RateLimit-Reset"])
        now = datetime.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(
            tzinfo=UTC
        )
    except (KeyError, ValueError):
        return 0.0
    return min(max(1.0, (reset - now).total_seconds()), 3600.0)
