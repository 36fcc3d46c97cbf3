"""Bluesky's Jetstream: every public post over a websocket, from any moment of the last day on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp

from connectors.backoff import exponential
from connectors.base import SourceError
from connectors.bluesky.people import People
from connectors.bluesky.posts import POSTS, deletion, mentions, moment, post_event
from connectors.events import Deleted, LiveEvents, Passed, Sourced, Tweet
from connectors.guard import connector, refused
from connectors.seen import Seen
from connectors.wanted import Wanted

# The official ones; a cursor is good for all of them.
SERVERS = (
    "wss://jetstream2.us-east.bsky.network/subscribe",
    "wss://jetstream1.us-west.bsky.network/subscribe",
    "wss://jetstream1.us-east.bsky.network/subscribe",
    "wss://jetstream2.us-west.bsky.network/subscribe",
)
REWIND = 5_000_000  # microseconds: servers order alike only roughly; what comes twice is dropped
SILENCE = 30.0  # seconds without a post of the whole network until a connection is taken for dead
# microseconds: if the first post after a cursor is younger than this, something is missing
HOLE = 60_000_000
EVERY = 1_000_000  # microseconds between two cursors without an event
_JUMP = 60_000_000  # microseconds that messages may be out of order
_AT_ONCE = 25  # profiles that are asked for at once
_TOGETHER = 0.25  # seconds that posts may wait for others, to ask for their authors together


class Jetstream:
    """A LiveSource. Its cursor: Jetstream's own time in microseconds.

    wanted: words and handles; an account among the handles is heard whenever it writes, is named or
    is answered. servers: tried in turn. told: hears what an operator should know.
    """

    def __init__(
        self,
        wanted: Wanted,
        people: People,
        *,
        servers: Sequence[str] = SERVERS,
        brand: str | None = None,
        allow_private: bool = False,
        silence: float = SILENCE,
        told: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.name = f"bluesky:{brand or wanted.name}"
        self.read = 0  # posts of the whole network
        self._wanted = wanted
        self._people = people
        self._servers = list(servers)
        self._brand = brand
        self._allow_private = allow_private
        self._silence = silence
        self._told = told
        self._seen = Seen()
        self._trouble = exponential(1.0, 60.0)
        self._accounts: set[str] | None = None

    async def events(self, cursor: Any | None) -> LiveEvents:
        after = int(cursor) if cursor is not None else None
        server = self._servers[0]
        try:
            if self._accounts is None:
                self._accounts = await self._people.resolve(self._wanted.handles)
            async with self._connected(server, after) as messages:
                async for each in self._read(messages, after):
                    yield each
        except SourceError as error:
            if error.retry_after is not None:
                self._servers.append(self._servers.pop(0))
            raise

    async def _read(self, messages: Callable[[float], Any], after: int | None) -> LiveEvents:
        told, clock = 0, _Clock(after)
        waiting: list[tuple[Tweet, int]] = []
        broke: SourceError | None = None
        while True:
            try:
                line = await messages(_TOGETHER if waiting else self._silence)
            except SourceError as error:
                line, broke = None, error
            if waiting and (line is None or len(waiting) >= _AT_ONCE):
                for event, at in await self._with_authors(waiting):
                    yield Sourced(event, at)
                waiting = []
            if broke is not None:
                raise broke
            if line is None:
                continue
            said = _parsed(line)
            if hole := clock.hear(int(said["time_us"])):
                self._told(
                    f"Bluesky: posts from {hole[0]:%Y-%m-%d %H:%M} to {hole[1]:%Y-%m-%d %H:%M} UTC are missing"
                )
            self._trouble.reset()
            event = self._event(said)
            if isinstance(event, Tweet) and self._seen.is_new(event):
                waiting.append((event, clock.place))
            elif isinstance(event, Deleted):
                yield Sourced(event, waiting[0][1] if waiting else clock.place)
            elif not waiting and clock.place >= told + EVERY:
                told = clock.place
                yield Passed(told)

    def _event(self, said: Mapping[str, Any]) -> Any:
        """The event of a message that we want, a deletion of any post, or None."""
        commit = said.get("commit") or {}
        if said.get("kind") != "commit" or commit.get("collection") != POSTS:
            return None
        did, rkey, at = str(said["did"]), str(commit.get("rkey")), int(said["time_us"])
        self.read += 1
        try:
            if commit.get("operation") == "delete":
                return deletion(did, rkey, at)
            record = commit["record"]
            if not self._is_wanted(did, record):
                return None
            return post_event(
                did,
                rkey,
                record,
                at,
                updated=commit.get("operation") == "update",
                brand=self._brand,
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None  # of the whole network some write records that are no posts

    def _is_wanted(self, did: str, record: Mapping[str, Any]) -> bool:
        accounts = self._accounts or set()
        return (
            did in accounts
            or bool(accounts & mentions(record))
            or self._wanted(str(record.get("text", "")))
        )

    async def _with_authors(self, posts: Sequence[tuple[Tweet, int]]) -> list[tuple[Tweet, int]]:
        """The posts with the handle and the followers of who wrote them, as far as they can be told
        just now.
        """
        people = await self._people.profiles({event.author for event, _ in posts if event.author})
        return [
            (event.model_copy(update=people[event.author]) if event.author in people else event, at)
            for event, at in posts
        ]

    @asynccontextmanager
    async def _connected(
        self, server: str, after: int | None
    ) -> AsyncIterator[Callable[[float], Any]]:
        """The websocket as a function that waits so many seconds for the next message; None where
        none came.
        """
        asked = [("wantedCollections", POSTS)] + (
            [] if after is None else [("cursor", str(after - REWIND))]
        )
        async with aiohttp.ClientSession(
            connector=connector(allow_private=self._allow_private)
        ) as session:
            try:
                async with session.ws_connect(
                    server,
                    params=asked,
                    max_msg_size=2**22,
                    timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
                ) as socket:

                    async def next_message(patience: float) -> str | None:
                        try:
                            message = await asyncio.wait_for(socket.receive(), patience)
                        except TimeoutError:
                            if patience < self._silence:
                                return None
                            raise self._broke(f"silent for {patience:.0f} s") from None
                        if message.type is aiohttp.WSMsgType.TEXT:
                            return str(message.data)
                        if message.type is aiohttp.WSMsgType.BINARY:
                            return None
                        raise self._broke(
                            f"connection lost ({message.extra or message.type.name.lower()})"
                        )

                    yield next_message
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                if refused(error):
                    raise SourceError(f"Bluesky: {error}") from error
                raise self._broke(str(error) or type(error).__name__) from error

    def _broke(self, why: str) -> SourceError:
        return SourceError(f"Bluesky: {why}", retry_after=self._trouble.next())


class _Clock:
    """Where we are in Jetstream's time. A time counts once the next message has not gone back
    behind it: a server's clock that jumps ahead for a moment would otherwise lose everything until
    then at the next start.
    """

    def __init__(self, after: int | None) -> None:
        self.place = after or 0
        self._after = after
        self._last: int | None = None

    def hear(self, at: int) -> tuple[datetime, datetime] | None:
        """A message of this time came. Returns from when to when posts are missing, if the first
        one tells so.
        """
        first, last, self._last = self._last is None, self._last, at
        if last is not None and at >= last - _JUMP:
            self.place = max(self.place, last)
        elif self.place == 0:
            self.place = at
        if first and self._after and at > self._after + HOLE:
            return moment(self._after), moment(at)
        return None


def _parsed(line: str) -> dict[str, Any]:
    """Raises SourceError for what is no message of Jetstream's: this is another server, or it is
    broken.
    """
    try:
        said = json.loads(line)
        int(said["time_us"])
    except (ValueError, KeyError, TypeError):
        raise SourceError(
            "Bluesky: this server does not speak Jetstream's language", retry_after=30.0
        ) from None
    found: dict[str, Any] = said
    return found
