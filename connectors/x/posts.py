"""A post of X as an event, and the time that is in its id."""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.events import Tweet

_EPOCH_MS = 1_288_834_974_657  # X counts the milliseconds in its ids from here
_NO_LANGUAGE = {"und", "zxx", "qam", "qct", "qht", "qme", "qst", "art"}

# What is asked for with every post.
POST_FIELDS = [
    *("author_id", "conversation_id", "created_at", "edit_history_tweet_ids"),
    *("lang", "note_tweet", "referenced_tweets"),
]
USER_FIELDS = ["username", "public_metrics"]
EXPANSIONS = ["author_id"]


def said_at(id: int | str) -> datetime:
    """When the post of this id was made, in UTC; exact to the millisecond."""
    return datetime.fromtimestamp(((int(id) >> 22) + _EPOCH_MS) / 1000, UTC)


def first_id_at(moment: datetime) -> int:
    """The lowest id that a post of this moment can have."""
    return max(0, int(moment.timestamp() * 1000) - _EPOCH_MS) << 22


def post_event(
    post: Mapping[str, Any], users: Mapping[str, Mapping[str, Any]], *, brand: str | None
) -> Tweet:
    """The event of one post as API v2 tells it. users: `includes.users` by their ids.

    An edit is a post of its own on X: the event's id is the first post's, its revision the place in
    the history. Raises ValueError, KeyError or TypeError for what is no post.
    """
    history = [str(id) for id in post.get("edit_history_tweet_ids") or [post["id"]]]
    first, conversation = history[0], str(post.get("conversation_id") or history[0])
    author = users.get(str(post.get("author_id")), {})
    text = (post.get("note_tweet") or {}).get("text") or post["text"]
    language = post.get("lang")
    replied = [
        str(each["id"])
        for each in post.get("referenced_tweets") or []
        if each.get("type") == "replied_to"
    ]
    return Tweet(
        id=f"x:{first}",
        revision=history.index(str(post["id"])),
        conversation=f"x:{first if conversation in history else conversation}",
        occurred_at=datetime.fromisoformat(post["created_at"])
        if post.get("created_at")
        else said_at(first),
        in_reply_to=f"x:{replied[0]}" if replied else None,
        author=author.get("username") or post.get("author_id"),
        followers=(author.get("public_metrics") or {}).get("followers_count"),
        language=None if language in _NO_LANGUAGE else language,
        text=html.unescape(text),
        brand=brand,
    )


def users_of(answer: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """`includes.users` of an answer, by id."""
    return {str(user["id"]): user for user in (answer.get("includes") or {}).get("users") or []}
