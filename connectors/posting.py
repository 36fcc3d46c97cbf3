"""Posting of one JSON message to one URL: sent once, never redirected, failures in our words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from connectors import guard
from connectors.backoff import LONGEST_ASKED, seconds_in
from connectors.base import NotSent, SentUnknown
from connectors.notices import Notice, SinkError, one_line

SECONDS = 10.0  # that a receiver may take
SOON = 0.0  # it may work again, after the sender's own waits

_ANSWER_LENGTH = 200  # characters of an answer
_PASSING = frozenset({408, 425, 429})  # and every 5xx: the receiver's trouble, not the message's


class MessageSink:
    """Sends each notice as one JSON message. message: makes it. is_success: of the
    body of a 2xx answer.
    """

    def __init__(
        self,
        name: str,
        poster: Poster,
        message: Callable[[Notice], Mapping[str, Any]],
        is_success: Callable[[str], bool],
    ) -> None:
        self.name = name
        self._poster = poster
        self._message = message
        self._is_success = is_success

    async def send(self, notice: Notice) -> str:
        body = json.dumps(self._message(notice)).encode()
        headers = {"Content-Type": "application/json"}
        status, answer = await self._poster.post(body, headers, self._is_success)
        return f"{status} {answer}".strip()

    async def close(self) -> None:
        await self._poster.close()


class Poster:
    """Posts to one URL, which is a secret: no error names more of it than its host."""

    def __init__(self, url: str, sink: str, *, allow_private: bool) -> None:
        """Raises SinkError on a URL that nothing can be sent to."""
        self.url = url
        self._sink = sink
        self._allow_private = allow_private
        self._host = _host(url, sink, allow_private=allow_private)
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self,
        body: bytes,
        headers: Mapping[str, str],
        is_success: Callable[[str], bool] = lambda answer: True,
    ) -> tuple[int, str]:
        """Status and text of a success. is_success: of the body of a 2xx, where the receiver says
        in words that it failed. Raises NotSent and SentUnknown as `Sink.send` does.
        """
        try:
            async with self._open().post(
                self.url,
                data=body,
                headers={"User-Agent": "earshot", **headers},
                allow_redirects=False,
            ) as response:
                start = await response.content.read(4096)
        except (
            TimeoutError,
            aiohttp.ServerDisconnectedError,
            aiohttp.ClientPayloadError,
            ConnectionError,
        ) as error:
            raise SentUnknown(
                f"{self._sink}: {self._host} gave no answer ({type(error).__name__})"
            ) from None
        except aiohttp.ClientConnectorError as error:
            if guard.refused(error):
                raise NotSent(
                    f"{self._sink}: {error.os_error.strerror or error.os_error}"
                ) from None
            reason = one_line(str(error.os_error), _ANSWER_LENGTH)
            raise NotSent(
                f"{self._sink}: {self._host} cannot be reached: {reason}", retry_after=SOON
            ) from None
        except aiohttp.InvalidURL:
            raise NotSent(f"{self._sink}: {self._host} is no address that can be sent to") from None
        except (aiohttp.ClientError, OSError) as error:
            raise SentUnknown(
                f"{self._sink}: {self._host} broke off ({type(error).__name__})"
            ) from None
        text = start.decode("utf-8", "replace").strip()
        answer = one_line(text, _ANSWER_LENGTH)
        status, answer = self._judged(response.status, response.headers, answer)
        if not is_success(text):
            raise NotSent(
                f"{self._sink}: {self._host} answered {status}, and not that it has the message: "
                f"{answer or 'nothing'}",
                retry_after=SOON,
            )
        return status, answer

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _judged(self, status: int, headers: Mapping[str, str], answer: str) -> tuple[int, str]:
        if 200 <= status < 300:
            return status, answer
        message = f"{self._sink}: {self._host} answered {status}"
        if answer:
            message += f": {answer}"
        if status in _PASSING or status >= 500:
            raise NotSent(message, retry_after=retry_after(headers.get("Retry-After")))
        if 300 <= status < 400:
            message += " (redirects are not followed)"
        raise NotSent(message)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=guard.connector(allow_private=self._allow_private),
                timeout=aiohttp.ClientTimeout(total=SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def retry_after(header: str | None, now: datetime | None = None) -> float:
    """The seconds of a `Retry-After`, a number or a date; SOON where it is neither."""
    if header is None:
        return SOON
    if (seconds := seconds_in(header)) is not None:
        return seconds
    try:
        then = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return SOON
    if not then.tzinfo:
        then = then.replace(tzinfo=UTC)
    until_then = (then - (now or datetime.now(UTC))).total_seconds()
    return min(max(SOON, until_then), LONGEST_ASKED)


def _host(url: str, sink: str, *, allow_private: bool) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SinkError(f"the sink {sink}: its url is none") from None
    if parts.scheme not in ("https", "http") or not host:
        raise SinkError(f"the sink {sink}: its url must begin with https://")
    if parts.scheme == "http" and not allow_private:
        raise SinkError(
            f"the sink {sink}: its url must begin with https://; http:// is for private networks, "
            "see EARSHOT_ALLOW_PRIVATE_ADDRESSES"
        )
    if parts.username or parts.password:
        raise SinkError(f"the sink {sink}: no user and password in its url")
    return host if port is None else f"{host}:{port}"
