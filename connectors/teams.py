"""Microsoft Teams: an adaptive card to a workflow's webhook. Quotes are text, never Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.notices import Notice, Sink, one_line, only_known, shortened, text_option
from connectors.posting import MessageSink, Poster

_FAILURE = re.compile(
    r"fail|error|denied|unauthori[sz]ed|throttl|too many|invalid|required|bad (?:payload|request)"
    r"|null or empty|not found",
    re.I,
)
_PART_LIMIT = 20  # a message holds 28 KB


def open_sink(name: str, options: Mapping[str, Any], *, allow_private: bool) -> Sink:
    """options: url, the workflow's ("When a Teams webhook request is received"); it is a secret.
    Raises SinkError.

    Teams knows no message's name: one whose answer was lost may stand there twice.
    """
    only_known(options, {"url"}, name)
    poster = Poster(text_option(options, "url", name), name, allow_private=allow_private)
    return MessageSink(name, poster, payload, is_success)


def is_success(answer: str) -> bool:
    """A workflow answers nothing, a connector `1`; a failure is told in words, or by a page, beside
    a 200.
    """
    return not answer.startswith("<") and _FAILURE.search(answer) is None


def payload(notice: Notice) -> dict[str, Any]:
    notice = shortened(notice, _PART_LIMIT)
    body: list[dict[str, Any]] = [_run(notice.headline, 300, weight="Bolder", size="Medium")]
    body += [_run(f"{name}: {value}", 300) for name, value in notice.facts]
    body += [_run(f"“{one_line(quote, 500)}”", 600, italic=True) for quote in notice.quotes[:3]]
    body += [_run(f"• {part.headline}", 300) for part in notice.parts]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if notice.link:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": "Open in earshot", "url": notice.link}
        ]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _run(text: str, longest: int, **style: Any) -> dict[str, Any]:
    """A text run: a TextBlock would read Markdown in it."""
    return {
        "type": "RichTextBlock",
        "inlines": [{"type": "TextRun", "text": one_line(text, longest), **style}],
    }
