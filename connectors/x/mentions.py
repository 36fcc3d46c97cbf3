"""Mentions of the own account on X, polled: an owned read costs a fifth of a streamed post."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

from connectors.base import SourceError
from connectors.events import Checkpoint, LiveEvents, SourcedEvent, Tweet
from connectors.revisions import RecentRevisions
from connectors.skipped import TALLY
from connectors.x.client import ERRORS, Api
from connectors.x.costs import Meter
from connectors.x.posts import (
    EXPANSIONS,
    POST_FIELDS,
    USER_FIELDS,
    first_id_at,
    post_event,
    posted_at,
    users_of,
)

EVERY = 60.0  # seconds between two polls; only the posts that they return are paid for
OVERLAP = timedelta(seconds=60)  # read again: mentions do not come in the order of their ids
START = timedelta(minutes=10)  # the first poll looks back so far: our clock may be ahead of X's


class XMentions:
    """A LiveSource. Its cursor: `since`, the id up to which nothing is missing."""

    def __init__(
        self,
        api: Api,
        meter: Meter,
        *,
        name: str,
        brand: str | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.name = name
        self._api = api
        self._own = api.keys.own_id
        self._meter = meter
        self._brand = brand
        self._sleep = sleep
        self._on_line = on_line
        self._seen = RecentRevisions()

    async def events(self, cursor: Any | None) -> LiveEvents:
        since = int(cursor["since"]) if cursor else first_id_at(self._api.clock() - START)
        if not cursor:  # it is kept before the first look; that X is there, nobody knows yet
            yield Checkpoint({"since": str(since)})
        while True:
            await self._meter.settle()
            if self._meter.finished:
                raise SourceError(
                    "X: today's budget is spent", retry_after=self._meter.until_tomorrow()
                )
            newest = since
            async for id, event in self._poll(since):
                newest = max(newest, id)
                if self._seen.is_new(event):
                    yield SourcedEvent(event, {"since": str(since)})
            since = newest
            self._api.waits.reset()
            yield Checkpoint({"since": str(since)})
            await self._sleep(EVERY)

    async def close(self) -> None:
        await self._api.close()

    async def _poll(self, since: int) -> AsyncIterator[tuple[int, Tweet]]:
        """Every mention after this id, newest first, page by page."""
        token: str | None = None
        while True:
            client = self._api.client()
            try:
                page = await client.get_users_mentions(
                    self._own,
                    user_auth=True,
                    since_id=str(first_id_at(posted_at(since) - OVERLAP)),
                    max_results=100,
                    pagination_token=token,
                    tweet_fields=POST_FIELDS,
                    user_fields=USER_FIELDS,
                    expansions=EXPANSIONS,
                )
            except (*ERRORS, ValueError) as error:
                raise self._api.explain(error, "reading the mentions", client) from error
            posts, users = page.get("data") or [], users_of(page)
            self._meter.read((str(post.get("id")) for post in posts), owned=True)
            await self._meter.settle()
            for post in posts:
                try:
                    yield int(post["id"]), post_event(post, users, brand=self._brand)
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    TALLY.add("post")
                    self._on_line(
                        f"X: the mention {post.get('id')} cannot be read and is left out "
                        f"({type(error).__name__})"
                    )
            token = (page.get("meta") or {}).get("next_token")
            if not token:
                return
