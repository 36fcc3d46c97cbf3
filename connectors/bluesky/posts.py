"""A record of Bluesky as an event, and the ids and times that are in its names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.events import Deleted, Tweet

POSTS = "app.bsky.feed.post"
_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"  # of a TID, in the order of their values


def event_id(did: str, rkey: str) -> str:
    return f"bluesky:{did}/{rkey}"


def id_of(uri: str) -> str:
    """The event id of `at://did/app.bsky.feed.post/rkey`. Raises ValueError for another uri."""
    did, collection, rkey = uri.removeprefix("at://").split("/")
    if not uri.startswith("at://") or collection != POSTS:
        raise ValueError(f"{uri!r} is no post")
    return event_id(did, rkey)


def uri_of(id: str) -> str:
    """The uri of an event id."""
    did, _, rkey = id.removeprefix("bluesky:").rpartition("/")
    return f"at://{did}/{POSTS}/{rkey}"


def tid_micros(rkey: str) -> int | None:
    """The microseconds since 1970 that a TID holds; None for a key that is none."""
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
    did: str,
    rkey: str,
    record: Mapping[str, Any],
    heard_at: int,
    *,
    updated: bool,
    brand: str | None = None,
) -> Tweet:
    """The event of a post. heard_at: Jetstream's `time_us`; an author's own clock may say anything.

    updated: it replaces an earlier record: its revision is the seconds since the post was made.
    Raises ValueError, KeyError, TypeError or AttributeError for what is no post.
    """
    made_at = tid_micros(rkey) or heard_at
    root = ((record.get("reply") or {}).get("root") or {}).get("uri")
    parent = ((record.get("reply") or {}).get("parent") or {}).get("uri")
    id = event_id(did, rkey)
    languages = record.get("langs") or [None]
    return Tweet(
        id=id,
        revision=max(1, (heard_at - made_at) // 1_000_000) if updated else 0,
        conversation=id_of(root) if root else id,
        in_reply_to=id_of(parent) if parent else None,
        occurred_at=_said_at(record.get("createdAt"), heard_at),
        author=did,
        language=languages[0]
        if isinstance(languages[0], str) and len(languages[0]) <= 35
        else None,
        text=str(record["text"]),
        brand=brand,
    )


def deletion(did: str, rkey: str, heard_at: int) -> Deleted:
    """A post that was taken back. Its conversation is not told: whoever stores it knows."""
    id = event_id(did, rkey)
    return Deleted(id=id, conversation=id, occurred_at=moment(tid_micros(rkey) or heard_at))


def mentions(record: Mapping[str, Any]) -> set[str]:
    """The accounts (DIDs) that a post names, answers or quotes."""
    found = {
        str(feature["did"])
        for facet in record.get("facets") or []
        for feature in facet.get("features") or []
        if feature.get("did")
    }
    for place in ("root", "parent"):
        uri = ((record.get("reply") or {}).get(place) or {}).get("uri")
        if isinstance(uri, str) and uri.startswith("at://"):
            found.add(uri.removeprefix("at://").partition("/")[0])
    return found


def _said_at(written: Any, heard_at: int) -> datetime:
    """When the post says it was made, unless that is nonsense: later than it was heard, or no time
    at all.
    """
    heard = moment(heard_at)
    try:
        said = datetime.fromisoformat(written)
    except (TypeError, ValueError):
        return heard
    said = said if said.tzinfo else said.replace(tzinfo=UTC)
    return min(said, heard)
