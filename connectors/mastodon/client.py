"""One Mastodon server, asked over HTTP: its answers, its limits, its stream of server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import aiohttp
from yarl import URL

from connectors.backoff import exponential
from connectors.base import SourceError
from connectors.guard import connector, refused

# seconds without a byte (Mastodon sends `:thump` every 15) until a stream is taken for dead
SILENCE = 45.0
_LONGEST = 2**20  # bytes of a line


class Answer(NamedTuple):
    """status 0: nothing came back; `reached` says whether the server may have understood the
    question.
    """

    status: int
    body: Any
    retry_after: float
    reached: bool = True
    error: str = ""


class Server:
    """The interface of one server. token: of an application of the account; without one some
    servers tell little.
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
        self.trouble = exponential(1.0, 120.0)
        self._head = {"Authorization": f"Bearer {token}"} if token else {}
        self._allow_private = allow_private
        self._silence = silence
        self._session: aiohttp.ClientSession | None = None

    async def get(self, path: str, **given: Any) -> Answer:
        return await self._ask(
            "GET", path, params={name: str(value) for name, value in given.items() if value}
        )

    async def post(self, path: str, form: dict[str, str], *, key: str) -> Answer:
        """key: the server answers the same key with the same post, for an hour."""
        return await self._ask("POST", path, data=form, headers={"Idempotency-Key": key})

    async def stream(self, path: str, **given: str) -> AsyncGenerator[tuple[str, Any]]:
        """(event, payload) of every server-sent event; ("", None) when the stream is open, and for
        every sign of life.

        Raises SourceError when it ends, however it ends.
        """
        url = f"{self.url}/api/v1/streaming/{path}"
        patience = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=self._silence)
        try:
            async with self._open().get(
                url, params=given, headers=self._head, timeout=patience, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise self.broke(
                        Answer(answer.status, None, _retry_after(answer)), f"the stream {path}"
                    )
                yield "", None
                event, data = "", b""
                async for raw in answer.content:
                    if not raw.endswith(b"\n"):
                        break  # cut in the middle of a line
                    line = raw.rstrip(b"\r\n")
                    if not line:
                        if event:
                            yield event, _payload(data)
                        event, data = "", b""
                    elif line.startswith(b":"):
                        yield "", None
                    elif line.startswith(b"event:"):
                        event = line[6:].strip().decode("ascii", "replace")
                    elif line.startswith(b"data:"):
                        data += (b"\n" if data else b"") + line[5:].removeprefix(b" ")
            raise self.broke(None, f"the stream {path} ended")
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            if refused(error):
                raise SourceError(f"Mastodon: {error}") from error
            raise self.broke(None, f"the stream {path}: {error or type(error).__name__}") from error

    def broke(self, answer: Answer | None, doing: str) -> SourceError:
        """The failure in our words, with the time after which the server may be asked again."""
        if answer is None or answer.status == 0:
            if answer is not None and "private address" in answer.error:
                return SourceError(f"Mastodon: {answer.error}")
            told = f": {answer.error}" if answer is not None else ""
            return SourceError(
                f"Mastodon {self.name}: {doing}{told}", retry_after=self.trouble.next()
            )
        if answer.status == 429 or answer.status >= 500:
            wait = max(answer.retry_after, self.trouble.next())
            return SourceError(
                f"Mastodon {self.name}: {doing}: HTTP {answer.status}", retry_after=wait
            )
        if answer.status in (401, 403):
            need = (
                "the token has no right to this"
                if self.has_token
                else "this server tells nothing without a token"
            )
            return SourceError(
                f"Mastodon {self.name}: {doing} is refused ({answer.status}): {need}; make an application with the "
                "scopes read and write:statuses in the account's settings and set EARSHOT_MASTODON_TOKEN"
            )
        return SourceError(f"Mastodon {self.name}: {doing} is not possible (HTTP {answer.status})")

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
        self, verb: str, path: str, *, headers: dict[str, str] | None = None, **given: Any
    ) -> Answer:
        url = f"{self.url}/api/{path}"
        head = self._head | (headers or {})
        try:
            async with self._open().request(
                verb, url, headers=head, allow_redirects=False, **given
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


def _payload(data: bytes) -> Any:
    """Raises ValueError for half a payload: half a line, half a character."""
    return json.loads(data)


def _retry_after(answer: aiohttp.ClientResponse) -> float:
    """Seconds until the limit ends, by the server's own clock: ours may be wrong."""
    after = answer.headers.get("Retry-After", "")
    if after.isdigit():
        return float(after)
    try:
        reset = datetime.fromisoformat(answer.headers["X-RateLimit-Reset"])
        now = datetime.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(
            tzinfo=UTC
        )
    except (KeyError, ValueError):
        return 0.0
    return min(max(1.0, (reset - now).total_seconds()), 3600.0)
