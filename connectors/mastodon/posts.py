"""Posts of Mastodon as events: markup becomes text, an edit a revision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.events import Tweet
from connectors.markup import plain


def event_id(server: str, id: str) -> str:
    """Ids are a server's own: the same post has another id on another server."""
    return f"mastodon:{server}/{id}"


def native(id: str) -> str:
    """The server's own id of an event id."""
    return id.rpartition("/")[2]


def post_event(
    server: str, status: Mapping[str, Any], *, root: str | None = None, brand: str | None = None
) -> Tweet:
    """The event of a post. root: the id of its conversation's first post, where it answers one.

    An edit's revision is the seconds since the post was made. Raises ValueError, KeyError,
    TypeError or AttributeError for anything else than a post.
    """
    id, account = str(status["id"]), status["account"]
    parent = status.get("in_reply_to_id")
    warning, text = status.get("spoiler_text") or "", plain(status["content"])
    return Tweet(
        id=event_id(server, id),
        revision=revision_of(status),
        conversation=event_id(server, root or id),
        in_reply_to=event_id(server, str(parent)) if parent else None,
        occurred_at=moment(status["created_at"]),
        author=full_handle(server, account),
        followers=max(0, int(account.get("followers_count") or 0)),
        language=status.get("language"),
        text=f"{warning}\n\n{text}" if warning else text,
        brand=brand,
    )


def full_handle(server: str, account: Mapping[str, Any]) -> str:
    """`name@server`, also for accounts of our own server."""
    acct = str(account["acct"])
    return acct if "@" in acct else f"{acct}@{server}"


def revision_of(status: Mapping[str, Any]) -> int:
    """The seconds from the post to its last edit, 1 at least; 0 of a post without edits."""
    edited_at = status.get("edited_at")
    if not edited_at:
        return 0
    seconds = (moment(edited_at) - moment(status["created_at"])).total_seconds()
    return max(1, int(seconds))


def moment(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
