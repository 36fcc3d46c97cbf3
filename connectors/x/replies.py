"""Answers on X: sent once, found again after a crash, and never to a post that is gone."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from connectors.base import NotSent, PostStatus, SentReply, SentUnknown
from connectors.x.client import ERRORS, Api
from connectors.x.costs import Meter
from connectors.x.posts import full_text

_PAGE = 100
_PAGE_LIMIT = 5  # pages of our own latest posts that are searched for a reply
_LINK = re.compile(r"https?://\S+")


class XReplier:
    """A Replier of the account that the access token belongs to. Costs are metered; replies ignore
    the budget.
    """

    network = "x"

    def __init__(self, api: Api, meter: Meter) -> None:
        self._api = api
        self._own = api.keys.own_id
        self._meter = meter

    async def reply(self, to: str, text: str, *, key: str) -> SentReply:
        client = self._api.client()
        try:
            answer = await client.create_tweet(
                text=text, in_reply_to_tweet_id=_native(to), user_auth=True
            )
            id = str(answer["data"]["id"])
        except (*ERRORS, ValueError, KeyError) as error:
            raise self._not_sent(error, text, client) from error
        self._meter.posted(text)
        await self._meter.settle()
        return SentReply(f"x:{id}", self._api.clock(), f"https://x.com/i/status/{id}")

    async def find_reply(
        self, to: str, text: str, *, key: str, since: datetime
    ) -> SentReply | None:
        """Our post since then that answers `to` with the same text, links aside: X has no keys."""
        token: str | None = None
        for _ in range(_PAGE_LIMIT):
            client = self._api.client()
            try:
                page = await client.get_users_tweets(
                    self._own,
                    user_auth=True,
                    since_id=_native(to),
                    max_results=_PAGE,
                    pagination_token=token,
                    tweet_fields=["created_at", "referenced_tweets", "note_tweet"],
                )
            except (*ERRORS, ValueError) as error:
                raise self._away(error, "reading our own posts", client) from error
            posts = page.get("data") or []
            self._meter.read((str(post["id"]) for post in posts), owned=True)
            await self._meter.settle()
            for post in posts:
                is_recent = _at(post) >= since - timedelta(minutes=2)
                if is_recent and _answers(post, _native(to)) and _has_text(post, text):
                    return SentReply(
                        f"x:{post['id']}", _at(post), f"https://x.com/i/status/{post['id']}"
                    )
            token = (page.get("meta") or {}).get("next_token")
            if not token:
                return None
        raise NotSent("X: the account posts too much to look its replies through", retry_after=None)

    async def lookup(self, ids: Sequence[str]) -> Mapping[str, PostStatus]:
        """Gone: deleted, or of an account that was closed, suspended or made private."""
        statuses: dict[str, PostStatus] = {}
        for start in range(0, len(ids), _PAGE):
            batch = list(ids[start : start + _PAGE])
            client = self._api.client()
            try:
                page = await client.get_tweets(
                    [_native(id) for id in batch],
                    tweet_fields=["edit_history_tweet_ids"],
                    user_auth=True,
                )
            except (*ERRORS, ValueError) as error:
                raise self._away(error, "looking posts up", client) from error
            posts = page.get("data") or []
            self._meter.read(str(post["id"]) for post in posts)
            await self._meter.settle()
            statuses |= _statuses(batch, posts, page.get("errors") or [])
        return statuses

    async def close(self) -> None:
        await self._api.close()

    def _not_sent(self, error: BaseException, text: str, client: Any) -> NotSent | SentUnknown:
        status = client.session.status
        if isinstance(error, aiohttp.ClientConnectorError):
            return self._away(error, "replying", client)  # nothing has reached X
        if status in (0, 200, 201) or status >= 500:
            self._meter.posted(text)
            return SentUnknown(
                "X: the connection broke while the reply was sent; "
                "whether it stands there is unknown"
            )
        return self._away(error, "replying", client)

    def _away(self, error: BaseException, action: str, client: Any) -> NotSent:
        explained = self._api.explain(error, action, client)
        return NotSent(str(explained), retry_after=explained.retry_after)


def _native(id: str) -> str:
    return id.removeprefix("x:")


def _answers(post: Mapping[str, Any], to: str) -> bool:
    return any(
        reference["type"] == "replied_to" and str(reference["id"]) == to
        for reference in post.get("referenced_tweets") or []
    )


def _has_text(post: Mapping[str, Any], text: str) -> bool:
    posted = full_text({"text": "", **post})
    return _bare(html.unescape(posted)) == _bare(text)


def _bare(text: str) -> str:
    """Without links, which X rewrites, and without the handles that it puts before a reply."""
    return " ".join(re.sub(r"^(@\w+\s+)+", "", _LINK.sub(" ", text)).split())


def _at(post: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(post["created_at"]).astimezone(UTC)


def _statuses(
    ids: Sequence[str], posts: Sequence[Any], errors: Sequence[Any]
) -> dict[str, PostStatus]:
    revisions: dict[str, int] = {}
    for post in posts:
        history = [str(id) for id in post.get("edit_history_tweet_ids") or [post["id"]]]
        revisions |= dict.fromkeys(history, len(history) - 1)
        revisions[str(post["id"])] = len(history) - 1
    gone_ids = {
        str(error.get("resource_id") or error.get("value"))
        for error in errors
        if error.get("title") in ("Not Found Error", "Authorization Error", "Forbidden")
    }
    statuses = {}
    for id in ids:
        native = _native(id)
        if native in revisions:
            statuses[id] = PostStatus("there", revisions[native])
        else:
            statuses[id] = PostStatus("gone" if native in gone_ids else "unknown")
    return statuses
