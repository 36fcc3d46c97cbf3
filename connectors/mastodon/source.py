"""Mastodon's public posts and own mentions: streamed, and fetched where the stream has a gap."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.events import Checkpoint, Deleted, Event, LiveEvents, SourcedEvent
from connectors.keywords import KeywordFilter
from connectors.markup import plain
from connectors.mastodon.client import Answer, MastodonServer
from connectors.mastodon.posts import event_id, post_event
from connectors.revisions import RecentRevisions
from connectors.skipped import TALLY

# Milliseconds: a post that comes late from another server has an id of the time it was made.
OVERLAP = 300_000
_PAGE = 40
_CACHE_SIZE = 50_000  # conversations
_QUEUE_SIZE = 1000


@dataclass(frozen=True, slots=True)
class Channel:
    """One stream, and the list of its posts. filtered: only some of its posts are let through."""

    name: str
    stream: str
    history: str
    filtered: bool
    tag: str | None = None


def channels(keyword_filter: KeywordFilter, *, mentions: bool) -> list[Channel]:
    """Tags are streams of their own; other words need the stream of all public posts.

    mentions: of the own account.
    """
    keywords = keyword_filter.keywords
    tags = [word[1:].casefold() for word in keywords if word.startswith("#")]
    channels = []
    if len(tags) < len(keywords) or (keyword_filter.handles and not mentions):
        channels.append(Channel("public", "public", "v1/timelines/public", filtered=True))
    for tag in tags:
        history = f"v1/timelines/tag/{tag}"
        channels.append(Channel(f"#{tag}", "hashtag", history, filtered=False, tag=tag))
    if mentions:
        channels.append(
            Channel("mentions", "user/notification", "v1/notifications", filtered=False)
        )
    return channels


class Mastodon:
    """A LiveSource of one server. Its cursor: of every channel the id up to which nothing is
    missing.
    """

    def __init__(
        self,
        server: MastodonServer,
        keyword_filter: KeywordFilter,
        *,
        brand: str | None = None,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.name = f"mastodon:{server.name}:{brand or keyword_filter.name}"
        self.read = 0
        self._server = server
        self._keyword_filter = keyword_filter
        self._channels = channels(keyword_filter, mentions=server.has_token)
        self._brand = brand
        self._on_line = on_line
        self._seen = RecentRevisions()
        self._roots: OrderedDict[str, str] = OrderedDict()

    async def events(self, cursor: Any | None) -> LiveEvents:
        """All channels together; when one breaks, all begin again from the cursor."""
        place: dict[str, str] = dict(cursor or {})
        queue: asyncio.Queue[SourcedEvent | Checkpoint] = asyncio.Queue(_QUEUE_SIZE)
        readers = [
            asyncio.ensure_future(self._channel(channel, place, queue))
            for channel in self._channels
        ]
        tasks: list[asyncio.Future[Any]] = [*readers]
        try:
            while True:
                next_step = asyncio.ensure_future(queue.get())
                tasks = [*readers, next_step]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if next_step.done():
                    if self._is_new(next_step.result()):
                        yield next_step.result()
                    continue
                next_step.cancel()
                while not queue.empty():
                    step = queue.get_nowait()
                    if self._is_new(step):
                        yield step
                for reader in readers:
                    if reader.done():
                        reader.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        await self._server.close()

    async def _channel(
        self, channel: Channel, place: dict[str, str], queue: asyncio.Queue[Any]
    ) -> None:
        """Open the stream, fetch the missed posts, then read the stream: nothing falls between."""
        query = {"tag": channel.tag} if channel.tag else {}
        since = place.get(channel.name)
        async with aclosing(self._server.stream(channel.stream, **query)) as stream:
            await anext(stream)
            if since is None:
                since = await self._newest(channel)
            else:
                since = await self._catch_up(channel, since, place, queue)
            place[channel.name] = since
            await queue.put(Checkpoint(dict(place)))
            self._server.backoff.reset()
            async for kind, payload in stream:
                status = payload.get("status") if kind == "notification" else payload
                if kind == "delete":
                    await queue.put(SourcedEvent(self._deletion(str(payload)), dict(place)))
                elif kind in ("update", "status.update", "notification") and isinstance(
                    status, Mapping
                ):
                    event = await self._event(channel, status)
                    mark = str(payload.get("id"))
                    if kind != "status.update" and _is_later(mark, place[channel.name]):
                        place[channel.name] = mark
                    if event is not None:
                        await queue.put(SourcedEvent(event, dict(place)))

    async def _catch_up(
        self, channel: Channel, since: str, place: dict[str, str], queue: asyncio.Queue[Any]
    ) -> str:
        """The posts since, in their order; returns the newest id. The cursor follows by pages."""
        after, newest = _earlier(since), since
        while True:
            answer = await self._server.get(
                channel.history, min_id=after, limit=_PAGE, **_only_mentions(channel)
            )
            page = self._page(answer, f"the posts since {channel.name} was lost")
            for entry in reversed(page):
                if _is_later(str(entry["id"]), newest):
                    newest = str(entry["id"])
                status = entry.get("status") if channel.name == "mentions" else entry
                event = await self._event(channel, status) if status else None
                if event is not None:
                    await queue.put(SourcedEvent(event, dict(place)))
            if not page:
                return newest
            after = str(page[0]["id"])
            place[channel.name] = newest
            await queue.put(Checkpoint(dict(place)))

    async def _newest(self, channel: Channel) -> str:
        """The channel's newest id. Older posts are left out: the listening begins now."""
        answer = await self._server.get(channel.history, limit=1, **_only_mentions(channel))
        page = self._page(answer, channel.name)
        return str(page[0]["id"]) if page else "0"

    def _page(self, answer: Answer, action: str) -> list[Any]:
        if answer.status != 200 or not isinstance(answer.body, list):
            raise self._server.broke(answer, action)
        return answer.body

    async def _event(self, channel: Channel, status: Mapping[str, Any]) -> Event | None:
        """The event of a post; None for one that the filter holds back, and for a boost."""
        self.read += 1
        try:
            if status.get("reblog") or (channel.filtered and not self._passes(status)):
                return None
            root = await self._root(status)
            event = post_event(self._server.name, status, root=root, brand=self._brand)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            TALLY.add("post")
            self._on_line(
                f"Mastodon: a post cannot be read and is left out ({type(error).__name__})"
            )
            return None
        return event

    def _is_new(self, step: SourcedEvent | Checkpoint) -> bool:
        """Asked at the last moment: a post that was read and never yielded must come again."""
        if isinstance(step, Checkpoint) or isinstance(step.event, Deleted):
            return True
        return self._seen.is_new(step.event)

    def _passes(self, status: Mapping[str, Any]) -> bool:
        """Does the filter let the post through? An edited one also for its earlier words."""
        if event_id(self._server.name, str(status["id"])) in self._seen:
            return True
        text = f"{status.get('spoiler_text') or ''} {plain(status['content'])}"
        return self._keyword_filter(text)

    async def _root(self, status: Mapping[str, Any]) -> str | None:
        """The first post of the conversation, for a post that answers one."""
        parent = status.get("in_reply_to_id")
        if not parent:
            return None
        parent = str(parent)
        if parent not in self._roots:
            answer = await self._server.get(f"v1/statuses/{status['id']}/context")
            if answer.status not in (200, 404, 410):
                raise self._server.broke(answer, "a conversation")
            ancestors = answer.body.get("ancestors") or [] if answer.status == 200 else []
            self._roots[parent] = str(ancestors[0]["id"]) if ancestors else parent
            if len(self._roots) > _CACHE_SIZE:
                self._roots.popitem(last=False)
        self._roots[str(status["id"])] = root = self._roots[parent]
        return root

    def _deletion(self, id: str) -> Deleted:
        """Mastodon does not name its conversation: the store knows it."""
        name = event_id(self._server.name, id)
        return Deleted(id=name, conversation=name, occurred_at=_posted_at(id))


def _only_mentions(channel: Channel) -> dict[str, str]:
    return {"types[]": "mention"} if channel.name == "mentions" else {}


def _is_number(id: str) -> bool:
    """Of 64 bits, as a server counts; not `isdigit`, which takes `²` and ten thousand digits."""
    return id.isascii() and id.isdigit() and len(id) < 20


def _is_later(id: str, than: str) -> bool:
    return _is_number(id) and (not _is_number(than) or int(id) > int(than))


def _earlier(id: str) -> str:
    """An id of some minutes before. Ids of posts hold milliseconds above 16 bits; ids of
    notifications only count up.
    """
    if not _is_number(id):
        return id
    overlap = OVERLAP << 16 if int(id) > 2**48 else _PAGE
    return str(max(1, int(id) - overlap))


def _posted_at(id: str) -> datetime:
    return datetime.fromtimestamp((int(id) >> 16) / 1000 if _is_number(id) else 0, UTC)
