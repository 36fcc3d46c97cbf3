"""Records of Bluesky as events, and the ids and times in their names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.events import Deleted, Tweet

POSTS = "app.bsky.feed.post"
_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"  # of a TID, in the order of their values


def event_id(account: str, rkey: str) -> str:
    """account: its DID. rkey: the name of the record."""
    return f"bluesky:{account}/{rkey}"


def id_of(uri: str) -> str:
    """The event id of `at://did/app.bsky.feed.post/rkey`. Raises ValueError for another uri."""
    account, collection, rkey = uri.removeprefix("at://").split("/")
    if not uri.startswith("at://") or collection != POSTS:
        raise ValueError(f"{uri!r} is no post")
    return event_id(account, rkey)


def uri_of(id: str) -> str:
    """The uri of an event id."""
    account, _, rkey = id.removeprefix("bluesky:").rpartition("/")
    return f"at://{account}/{POSTS}/{rkey}"


def tid_micros(rkey: str) -> int | None:
    """The microseconds since 1970 in a TID; None for another key."""
    if len(rkey) != 13 or not set(rkey) <= set(_LETTERS):
        return None
    number = 0
    for letter in rkey:
        number = number * 32 + _LETTERS.index(letter)
    return number >> 10


def tid(micros: int, clock: int) -> str:
    """The TID of a moment and a ten-bit number that tells writers apart."""
    number = (micros << 10) | (clock & 1023)
    return "".join(_LETTERS[(number >> shift) & 31] for shift in range(60, -5, -5))


def moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)


def post_event(
    account: str,
    rkey: str,
    record: Mapping[str, Any],
    heard_at: int,
    *,
    updated: bool,
    brand: str | None = None,
) -> Tweet:
    """The event of a post. heard_at: Jetstream's `time_us`; an author's own clock may say anything.

    updated: it replaces an earlier record: its revision is the seconds since the post was made.
    Raises ValueError, KeyError, TypeError or AttributeError for anything else than a post.
    """
    made_at = tid_micros(rkey) or heard_at
    root, parent = _reply_uri(record, "root"), _reply_uri(record, "parent")
    id = event_id(account, rkey)
    language = (record.get("langs") or [None])[0]
    has_language = isinstance(language, str) and len(language) <= 35
    return Tweet(
        id=id,
        revision=max(1, (heard_at - made_at) // 1_000_000) if updated else 0,
        conversation=id_of(root) if root else id,
        in_reply_to=id_of(parent) if parent else None,
        occurred_at=_posted_at(record.get("createdAt"), heard_at),
        author=account,
        language=language if has_language else None,
        text=str(record["text"]),
        brand=brand,
    )


def deletion(account: str, rkey: str, heard_at: int) -> Deleted:
    """A post that was taken back. Bluesky does not name its conversation: the store knows it."""
    id = event_id(account, rkey)
    return Deleted(id=id, conversation=id, occurred_at=moment(tid_micros(rkey) or heard_at))


def mentions(record: Mapping[str, Any]) -> set[str]:
    """The accounts (DIDs) that a post names, answers or quotes."""
    accounts = {
        str(feature["did"])
        for facet in record.get("facets") or []
        for feature in facet.get("features") or []
        if feature.get("did")
    }
    for place in ("root", "parent"):
        uri = _reply_uri(record, place)
        if isinstance(uri, str) and uri.startswith("at://"):
            accounts.add(uri.removeprefix("at://").partition("/")[0])
    return accounts


def _reply_uri(record: Mapping[str, Any], place: str) -> Any:
    """place: `root` or `parent` of the conversation; None where the post answers nothing."""
    reply = record.get("reply") or {}
    return (reply.get(place) or {}).get("uri")


def _posted_at(created_at: Any, heard_at: int) -> datetime:
    """The post's own time, unless it is none, or later than the post was heard."""
    latest = moment(heard_at)
    try:
        posted = datetime.fromisoformat(created_at)
    except (TypeError, ValueError):
        return latest
    posted = posted if posted.tzinfo else posted.replace(tzinfo=UTC)
    return min(posted, latest)
