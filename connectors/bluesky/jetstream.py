"""Jetstream of Bluesky: every public post over a websocket, from any moment of the last day."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp

from connectors.backoff import doubling
from connectors.base import SourceError
from connectors.bluesky.accounts import AccountDirectory
from connectors.bluesky.posts import POSTS, deletion, mentions, moment, post_event
from connectors.events import Checkpoint, Deleted, LiveEvents, SourcedEvent, Tweet
from connectors.guard import connector, refused
from connectors.keywords import KeywordFilter
from connectors.revisions import RecentRevisions
from connectors.skipped import TALLY

# The official ones; a cursor is good for all of them.
SERVERS = (
    "wss://jetstream2.us-east.bsky.network/subscribe",
    "wss://jetstream1.us-west.bsky.network/subscribe",
    "wss://jetstream1.us-east.bsky.network/subscribe",
    "wss://jetstream2.us-west.bsky.network/subscribe",
)
REWIND = 5_000_000  # microseconds: servers order alike only roughly; repeated posts are dropped
SILENCE = 30.0  # seconds without a post of the whole network until a connection is taken for dead
# Microseconds: if the first post after a cursor is younger than this, something is missing.
HOLE = 60_000_000
EVERY = 1_000_000  # microseconds between two cursors without an event
_JUMP = 60_000_000  # microseconds that messages may be out of order
_BATCH = 25  # posts whose authors are looked up together
_BATCH_WITHIN = 0.25  # seconds that posts may wait for others, to look up their authors together


NextMessage = Callable[[float], Awaitable[str | None]]


class Jetstream:
    """A LiveSource. Its cursor: Jetstream's own time in microseconds.

    keyword_filter: an account among its handles is heard whenever it writes, is named or is
    answered. servers: tried in turn. on_line: called with a line for the operator.
    """

    def __init__(
        self,
        keyword_filter: KeywordFilter,
        directory: AccountDirectory,
        *,
        servers: Sequence[str] = SERVERS,
        brand: str | None = None,
        allow_private: bool = False,
        silence: float = SILENCE,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.name = f"bluesky:{brand or keyword_filter.name}"
        self.read = 0  # posts of the whole network
        self._keyword_filter = keyword_filter
        self._directory = directory
        self._servers = list(servers)
        self._brand = brand
        self._allow_private = allow_private
        self._silence = silence
        self._on_line = on_line
        self._seen = RecentRevisions()
        self._backoff = doubling(1.0, 60.0)
        self._accounts: set[str] | None = None

    async def events(self, cursor: Any | None) -> LiveEvents:
        after = int(cursor) if cursor is not None else None
        server = self._servers[0]
        try:
            if self._accounts is None:
                self._accounts = await self._directory.resolve(self._keyword_filter.handles)
            async with self._connected(server, after) as next_message:
                async for step in self._read(next_message, after):
                    yield step
        except SourceError as error:
            if error.retry_after is not None:
                self._servers.append(self._servers.pop(0))
            raise

    async def close(self) -> None:
        """Nothing is held open between connections."""

    async def _read(self, next_message: NextMessage, after: int | None) -> LiveEvents:
        clock = _Clock(after)
        waiting: list[tuple[Tweet, int]] = []
        while True:
            try:
                line = await next_message(_BATCH_WITHIN if waiting else self._silence)
            except SourceError:
                for event, at in await self._with_authors(waiting):
                    yield SourcedEvent(event, at)
                raise
            if waiting and (line is None or len(waiting) >= _BATCH):
                for event, at in await self._with_authors(waiting):
                    yield SourcedEvent(event, at)
                waiting = []
            if line is None:
                continue
            message = _parsed(line)
            self._hear(clock, int(message["time_us"]))
            step = self._step(message, waiting, clock)
            if step is not None:
                yield step

    def _step(
        self, message: Mapping[str, Any], waiting: list[tuple[Tweet, int]], clock: _Clock
    ) -> SourcedEvent | Checkpoint | None:
        """Put a new post with the waiting ones; a deletion and a checkpoint need not wait."""
        event = self._event(message)
        if isinstance(event, Tweet) and self._seen.is_new(event):
            waiting.append((event, clock.place))
            return None
        if isinstance(event, Deleted):
            return SourcedEvent(event, waiting[0][1] if waiting else clock.place)
        if waiting or clock.place < clock.checkpoint + EVERY:
            return None
        clock.checkpoint = clock.place
        return Checkpoint(clock.place)

    def _hear(self, clock: _Clock, time_us: int) -> None:
        """A message came: the connection works. A hole before the first one is reported."""
        hole = clock.hear(time_us)
        if hole is not None:
            span = f"{hole[0]:%Y-%m-%d %H:%M} to {hole[1]:%Y-%m-%d %H:%M} UTC"
            self._on_line(f"Bluesky: posts from {span} are missing")
        self._backoff.reset()

    def _event(self, message: Mapping[str, Any]) -> Any:
        """The event of a message that the filter lets through, a deletion of any post, or None."""
        commit = message.get("commit") or {}
        if message.get("kind") != "commit" or commit.get("collection") != POSTS:
            return None
        account = str(message["did"])
        rkey, at = str(commit.get("rkey")), int(message["time_us"])
        self.read += 1
        try:
            if commit.get("operation") == "delete":
                return deletion(account, rkey, at)
            record = commit["record"]
            if not self._passes(account, record):
                return None
            return post_event(
                account,
                rkey,
                record,
                at,
                updated=commit.get("operation") == "update",
                brand=self._brand,
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            TALLY.add("post")  # some programs of the network write records that are no posts
            return None

    def _passes(self, account: str, record: Mapping[str, Any]) -> bool:
        accounts = self._accounts or set()
        if account in accounts or accounts & mentions(record):
            return True
        return self._keyword_filter(str(record.get("text", "")))

    async def _with_authors(self, posts: Sequence[tuple[Tweet, int]]) -> list[tuple[Tweet, int]]:
        """The posts with the handle and the followers of their authors, where they are known."""
        profiles = await self._directory.profiles(
            {event.author for event, _ in posts if event.author}
        )
        complete = []
        for event, at in posts:
            if event.author in profiles:
                event = event.model_copy(update=profiles[event.author])
            complete.append((event, at))
        return complete

    @asynccontextmanager
    async def _connected(self, server: str, after: int | None) -> AsyncIterator[NextMessage]:
        """The websocket as a function that waits some seconds for a message; None: none came."""
        query = [("wantedCollections", POSTS)]
        if after is not None:
            query.append(("cursor", str(after - REWIND)))
        async with aiohttp.ClientSession(
            connector=connector(allow_private=self._allow_private)
        ) as session:
            try:
                async with session.ws_connect(
                    server,
                    params=query,
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

    def _broke(self, reason: str) -> SourceError:
        return SourceError(f"Bluesky: {reason}", retry_after=self._backoff.next())


class _Clock:
    """The place in Jetstream's time. A time counts once the next message has not gone back behind
    it: a server's clock that jumps ahead for a moment would otherwise lose everything until then at
    the next start.
    """

    def __init__(self, after: int | None) -> None:
        self.place = after or 0
        self.checkpoint = 0  # the last place that was yielded without an event
        self._after = after
        self._last: int | None = None

    def hear(self, at: int) -> tuple[datetime, datetime] | None:
        """A message of this time came. Returns the span of missing posts before the first one."""
        first, last, self._last = self._last is None, self._last, at
        if last is not None and at >= last - _JUMP:
            self.place = max(self.place, last)
        elif self.place == 0:
            self.place = at
        if first and self._after and at > self._after + HOLE:
            return moment(self._after), moment(at)
        return None


def _parsed(line: str) -> dict[str, Any]:
    """Raises SourceError for anything else than a message of Jetstream's: another server's."""
    try:
        message: dict[str, Any] = json.loads(line)
        int(message["time_us"])
    except (ValueError, KeyError, TypeError):
        raise SourceError(
            "Bluesky: this server does not speak Jetstream's language", retry_after=30.0
        ) from None
    return message
