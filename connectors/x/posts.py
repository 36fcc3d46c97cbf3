"""Posts of X as events, and the time in their ids."""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.events import Tweet

_EPOCH_MS = 1_288_834_974_657  # X counts the milliseconds in its ids from here
_NO_LANGUAGE = {"und", "zxx", "qam", "qct", "qht", "qme", "qst", "art"}

# Requested with every post.
POST_FIELDS = [
    *("author_id", "conversation_id", "created_at", "edit_history_tweet_ids"),
    *("lang", "note_tweet", "referenced_tweets"),
]
USER_FIELDS = ["username", "public_metrics"]
EXPANSIONS = ["author_id"]


def posted_at(id: int | str) -> datetime:
    """The time of the post with this id, in UTC, exact to the millisecond."""
    return datetime.fromtimestamp(((int(id) >> 22) + _EPOCH_MS) / 1000, UTC)


def first_id_at(moment: datetime) -> int:
    """The lowest id that a post of this moment can have."""
    return max(0, int(moment.timestamp() * 1000) - _EPOCH_MS) << 22


def post_event(
    post: Mapping[str, Any], users: Mapping[str, Mapping[str, Any]], *, brand: str | None
) -> Tweet:
    """The event of one post of API v2. users: `includes.users` by their ids.

    An edit is a post of its own on X: the event's id is the first post's, its revision the place in
    the history. Raises ValueError, KeyError or TypeError for anything else than a post.
    """
    history = [str(id) for id in post.get("edit_history_tweet_ids") or [post["id"]]]
    first = history[0]
    conversation = str(post.get("conversation_id") or first)
    author = users.get(str(post.get("author_id")), {})
    parent = _parent(post)
    created_at = post.get("created_at")
    language = post.get("lang")
    return Tweet(
        id=f"x:{first}",
        revision=history.index(str(post["id"])),
        conversation=f"x:{first if conversation in history else conversation}",
        occurred_at=datetime.fromisoformat(created_at) if created_at else posted_at(first),
        in_reply_to=f"x:{parent}" if parent else None,
        author=author.get("username") or post.get("author_id"),
        followers=(author.get("public_metrics") or {}).get("followers_count"),
        language=None if language in _NO_LANGUAGE else language,
        text=html.unescape(full_text(post)),
        brand=brand,
    )


def full_text(post: Mapping[str, Any]) -> str:
    """The text, of a long post all of it. Raises KeyError where there is none."""
    long_text = (post.get("note_tweet") or {}).get("text")
    return str(long_text or post["text"])


def _parent(post: Mapping[str, Any]) -> str | None:
    """The id of the post that this one answers."""
    for reference in post.get("referenced_tweets") or []:
        if reference.get("type") == "replied_to":
            return str(reference["id"])
    return None


def users_of(answer: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """`includes.users` of an answer, by id."""
    return {str(user["id"]): user for user in (answer.get("includes") or {}).get("users") or []}
