"""Mastodon's public posts and the mentions of the own account: streamed, and fetched where the
stream has a gap.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.events import Deleted, Event, LiveEvents, Passed, Sourced
from connectors.mastodon.client import Answer, Server
from connectors.mastodon.posts import event_id, plain, post_event
from connectors.seen import Seen
from connectors.wanted import Wanted

# milliseconds: a post that comes late from another server has the id of when it was made
OVERLAP = 300_000
_PAGE = 40
_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class Channel:
    """One stream, and the list that tells what it missed. filtered: keep only what is wanted."""

    name: str
    stream: str
    history: str
    filtered: bool
    tag: str | None = None


def channels(wanted: Wanted, *, mentions: bool) -> list[Channel]:
    """Tags are streams of their own; other words need the stream of all public posts. mentions: of
    the own account.
    """
    found = []
    words = [word for word in wanted.keywords if not word.startswith("#")]
    if words or (wanted.handles and not mentions):
        found.append(Channel("public", "public", "v1/timelines/public", filtered=True))
    for word in wanted.keywords:
        if word.startswith("#"):
            tag = word[1:].casefold()
            found.append(
                Channel(f"#{tag}", "hashtag", f"v1/timelines/tag/{tag}", filtered=False, tag=tag)
            )
    if mentions:
        found.append(Channel("mentions", "user/notification", "v1/notifications", filtered=False))
    return found


class Mastodon:
    """A LiveSource of one server. Its cursor: of every channel the id up to which nothing is
    missing.
    """

    def __init__(
        self,
        server: Server,
        wanted: Wanted,
        *,
        brand: str | None = None,
        told: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.name = f"mastodon:{server.name}:{brand or wanted.name}"
        self.read = 0
        self._server = server
        self._wanted = wanted
        self._channels = channels(wanted, mentions=server.has_token)
        self._brand = brand
        self._told = told
        self._seen = Seen()
        self._roots: OrderedDict[str, str] = OrderedDict()

    async def events(self, cursor: Any | None) -> LiveEvents:
        """All channels together; when one breaks, all begin again from the cursor."""
        place: dict[str, str] = dict(cursor or {})
        waiting: asyncio.Queue[Sourced | Passed] = asyncio.Queue(maxsize=1000)
        reading = [
            asyncio.ensure_future(self._channel(each, place, waiting)) for each in self._channels
        ]
        getting: asyncio.Future[Sourced | Passed] | None = None
        try:
            while True:
                getting = asyncio.ensure_future(waiting.get())
                await asyncio.wait({getting, *reading}, return_when=asyncio.FIRST_COMPLETED)
                if getting.done():
                    if self._is_news(getting.result()):
                        yield getting.result()
                    continue
                getting.cancel()
                while not waiting.empty():
                    if self._is_news(each := waiting.get_nowait()):
                        yield each
                for task in reading:
                    if task.done():
                        task.result()
        finally:
            under_way: list[asyncio.Future[Any]] = [*reading, *([getting] if getting else [])]
            for left in under_way:
                left.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _channel(
        self, channel: Channel, place: dict[str, str], waiting: asyncio.Queue[Any]
    ) -> None:
        """The stream is opened, then what was missed is fetched, then the stream is read: nothing
        falls between.
        """
        given = {"tag": channel.tag} if channel.tag else {}
        since = place.get(channel.name)
        async with aclosing(self._server.stream(channel.stream, **given)) as stream:
            await anext(stream)
            if since is None:
                since = await self._newest(channel)
            else:
                since = await self._catch_up(channel, since, place, waiting)
            place[channel.name] = since
            await waiting.put(Passed(dict(place)))
            self._server.trouble.reset()
            async for kind, payload in stream:
                status = payload.get("status") if kind == "notification" else payload
                if kind == "delete":
                    await waiting.put(Sourced(self._deletion(str(payload)), dict(place)))
                elif kind in ("update", "status.update", "notification") and isinstance(
                    status, Mapping
                ):
                    event = await self._event(channel, status)
                    mark = str(payload.get("id"))
                    if kind != "status.update" and _later(mark, place[channel.name]):
                        place[channel.name] = mark
                    if event is not None:
                        await waiting.put(Sourced(event, dict(place)))

    async def _catch_up(
        self, channel: Channel, since: str, place: dict[str, str], waiting: asyncio.Queue[Any]
    ) -> str:
        """What was posted since, in the order it was posted; returns the newest id. The cursor
        follows page by page.
        """
        after, newest = _earlier(since), since
        while True:
            answer = await self._server.get(
                channel.history, min_id=after, limit=_PAGE, **_only_mentions(channel)
            )
            page = self._page(answer, f"the posts since {channel.name} was lost")
            for item in reversed(page):
                newest = str(item["id"]) if _later(str(item["id"]), newest) else newest
                status = item.get("status") if channel.name == "mentions" else item
                if status and (event := await self._event(channel, status)) is not None:
                    await waiting.put(Sourced(event, dict(place)))
            if not page:
                return newest
            after = str(page[0]["id"])
            place[channel.name] = newest
            await waiting.put(Passed(dict(place)))

    async def _newest(self, channel: Channel) -> str:
        """Where the channel stands now: what is older was said before anybody listened."""
        page = self._page(
            await self._server.get(channel.history, limit=1, **_only_mentions(channel)),
            channel.name,
        )
        return str(page[0]["id"]) if page else "0"

    def _page(self, answer: Answer, doing: str) -> list[Any]:
        if answer.status != 200 or not isinstance(answer.body, list):
            raise self._server.broke(answer, doing)
        return answer.body

    async def _event(self, channel: Channel, status: Mapping[str, Any]) -> Event | None:
        """The event of a post that is wanted."""
        self.read += 1
        try:
            if status.get("reblog") or (channel.filtered and not self._wants(status)):
                return None
            root = await self._root(status)
            event = post_event(self._server.name, status, root=root, brand=self._brand)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._told(f"Mastodon: a post cannot be read and is left out ({type(error).__name__})")
            return None
        return event

    def _is_news(self, each: Sourced | Passed) -> bool:
        """Asked at the last moment: what was read and never yielded must come again."""
        return (
            isinstance(each, Passed)
            or isinstance(each.event, Deleted)
            or self._seen.is_new(each.event)
        )

    def _wants(self, status: Mapping[str, Any]) -> bool:
        """Also what was wanted before it was edited."""
        if event_id(self._server.name, str(status["id"])) in self._seen:
            return True
        return self._wanted(f"{status.get('spoiler_text') or ''} {plain(status['content'])}")

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
            if len(self._roots) > _KEPT:
                self._roots.popitem(last=False)
        self._roots[str(status["id"])] = root = self._roots[parent]
        return root

    def _deletion(self, id: str) -> Deleted:
        """Its conversation is not told: whoever stores it knows."""
        name = event_id(self._server.name, id)
        return Deleted(id=name, conversation=name, occurred_at=_made_at(id))


def _only_mentions(channel: Channel) -> dict[str, str]:
    return {"types[]": "mention"} if channel.name == "mentions" else {}


def _later(one: str, other: str) -> bool:
    return one.isdigit() and (not other.isdigit() or int(one) > int(other))


def _earlier(id: str) -> str:
    """An id of some minutes before. Ids hold milliseconds above 16 bits; those of notifications
    only count up.
    """
    if not id.isdigit():
        return id
    return (
        str(max(1, int(id) - (OVERLAP << 16))) if int(id) > 2**48 else str(max(1, int(id) - _PAGE))
    )


def _made_at(id: str) -> datetime:
    return datetime.fromtimestamp((int(id) >> 16) / 1000 if id.isdigit() else 0, UTC)
