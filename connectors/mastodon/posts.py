"""Posts of Mastodon as events: markup becomes text, an edit a revision."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from connectors.events import Tweet

# A `<` that begins no whole tag is a sign of the text: for each of them the parser would look for
# an end, or for a closing quote, as far as the post goes.
_NO_TAG = re.compile(r"""<(?!/?[a-zA-Z][^<>'"]*+(?:(?:"[^"<>]*+"|'[^'<>]*+')[^<>'"]*+)*+>)""")


class _Text(HTMLParser):
    """The visible text of markup: paragraphs and breaks as lines, links as they are shown."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.parts.append("\n")
        elif tag == "p" and self.parts:
            self.parts.append("\n\n")
        elif tag == "span":
            # The middle of a long link is for machines; readers see an ellipsis.
            hides = "invisible" in (dict(attrs).get("class") or "").split()
            self._hidden += 1 if self._hidden or hides else 0

    def handle_endtag(self, tag: str) -> None:
        if tag == "span" and self._hidden:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def plain(markup: str) -> str:
    """The text of a post's HTML."""
    parser = _Text()
    parser.feed(_NO_TAG.sub("&lt;", markup))
    parser.close()
    return "".join(parser.parts).strip()


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
