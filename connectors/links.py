"""Links to posts and profiles on their networks; only https, and only from ids that are theirs."""

from __future__ import annotations

import re
from collections.abc import Callable

_HOST = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?){1,8}"
_X_NAME = re.compile(r"[A-Za-z0-9_]{1,15}")
_X_POST = re.compile(r"[0-9]{1,20}")
_ACCOUNT_ID = re.compile(r"did:(?:plc:[a-z0-9]{1,64}|web:[a-z0-9.-]{1,253})")
_BLUESKY_POST = re.compile(rf"({_ACCOUNT_ID.pattern})/([a-zA-Z0-9._~-]{{1,64}})")
_BLUESKY_NAME = re.compile(rf"{_HOST}|{_ACCOUNT_ID.pattern}", re.IGNORECASE)
_MASTODON_POST = re.compile(rf"({_HOST})/([0-9]{{1,25}})")
_MASTODON_NAME = re.compile(rf"([A-Za-z0-9_.-]{{1,64}})@({_HOST})", re.IGNORECASE)


def post_url(event_id: str, author: str | None) -> str | None:
    """Where a message stands; None where its network has no page for it, as mail."""
    network, _, native = event_id.partition(":")
    make = _POSTS.get(network)
    return make(native, _bare(author)) if make else None


def profile_url(network: str, author: str | None) -> str | None:
    """The page of an account; None where there is none."""
    make = _PROFILES.get(network)
    return make(_bare(author)) if make else None


def _bare(author: str | None) -> str:
    return (author or "").strip().lstrip("@")


def _x_post(native: str, _author: str) -> str | None:
    return f"https://x.com/i/status/{native}" if _X_POST.fullmatch(native) else None


def _x_profile(author: str) -> str | None:
    return f"https://x.com/{author}" if _X_NAME.fullmatch(author) else None


def _bluesky_post(native: str, _author: str) -> str | None:
    match = _BLUESKY_POST.fullmatch(native)
    return f"https://bsky.app/profile/{match[1]}/post/{match[2]}" if match else None


def _bluesky_profile(author: str) -> str | None:
    return f"https://bsky.app/profile/{author}" if _BLUESKY_NAME.fullmatch(author) else None


def _mastodon_post(native: str, author: str) -> str | None:
    """On our own server, whose page shows posts of other servers, too."""
    post, name = _MASTODON_POST.fullmatch(native), _MASTODON_NAME.fullmatch(author)
    if post is None or name is None:
        return None
    account = name[1] if name[2].lower() == post[1] else f"{name[1]}@{name[2].lower()}"
    return f"https://{post[1]}/@{account}/{post[2]}"


def _mastodon_profile(author: str) -> str | None:
    name = _MASTODON_NAME.fullmatch(author)
    return f"https://{name[2].lower()}/@{name[1]}" if name else None


_POSTS: dict[str, Callable[[str, str], str | None]] = {
    "x": _x_post,
    "bluesky": _bluesky_post,
    "mastodon": _mastodon_post,
}
_PROFILES: dict[str, Callable[[str], str | None]] = {
    "x": _x_profile,
    "bluesky": _bluesky_profile,
    "mastodon": _mastodon_profile,
}
