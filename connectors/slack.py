"""Slack: one message with blocks to an incoming webhook. Quotes are plain text, never markup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.notices import Notice, Sink, one_line, only_known, shortened, text_option
from connectors.posting import MessageSink, Poster

# All that Slack's own markup needs.
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_PART_LIMIT = 20  # a message holds 50 blocks
_HEADER, _SECTION = 150, 2900  # characters that Slack takes


def open_sink(name: str, options: Mapping[str, Any], *, allow_private: bool) -> Sink:
    """options: url, the incoming webhook's; it is a secret. Raises SinkError.

    Slack knows no message's name: one whose answer was lost may stand there twice.
    """
    only_known(options, {"url"}, name)
    poster = Poster(text_option(options, "url", name), name, allow_private=allow_private)
    return MessageSink(name, poster, payload, is_success)


def is_success(answer: str) -> bool:
    """An incoming webhook answers `ok`; any other page is a proxy's, a login's or an error's."""
    return answer == "ok"


def payload(notice: Notice) -> dict[str, Any]:
    """The message. `text` is for notifications; Slack would read markup in it, so it is escaped."""
    notice = shortened(notice, _PART_LIMIT)
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(notice.headline, _HEADER)}]
    if notice.facts:
        fields = [_plain(f"{name}\n{value}", 2000, lines=True) for name, value in notice.facts[:10]]
        blocks.append({"type": "section", "fields": fields})
    blocks += [
        {"type": "section", "text": _plain(f"“{one_line(quote, 600)}”", _SECTION)}
        for quote in notice.quotes[:3]
    ]
    for part in notice.parts:
        block: dict[str, Any] = {"type": "section", "text": _plain(part.headline, _SECTION)}
        if part.link:
            block["accessory"] = _button(part.link)
        blocks.append(block)
    if notice.link:
        blocks.append({"type": "actions", "elements": [_button(notice.link)]})
    return {
        "text": one_line(notice.headline, _SECTION).translate(_ESCAPED),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _plain(text: str, longest: int, *, lines: bool = False) -> dict[str, Any]:
    parts = text.split("\n", 1) if lines else [text]
    plain = "\n".join(one_line(part, longest // len(parts)) for part in parts)
    return {"type": "plain_text", "text": plain or "–", "emoji": False}


def _button(link: str) -> dict[str, Any]:
    return {
        "type": "button",
        "text": {"type": "plain_text", "text": "Open in earshot"},
        "url": link,
    }
