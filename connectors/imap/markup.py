"""Markup of a mail as the lines that a reader sees, with quoted blocks marked."""

from __future__ import annotations

import re

from connectors.markup import plain

QUOTED = "\ue000"  # begins a line of a quoted block
_END = "\ue001"

_DELIMITER_IN = re.compile("(>--)(?: |&nbsp;|\xa0)(<)")  # of a signature; its blank would go
_BLANK = "\ue002"
_BLOCKQUOTE = re.compile(r"(<blockquote\b[^<>]*>)|</blockquote\s*>", re.I)
_LOOKS_LIKE = re.compile(
    r"\s*(?:<!doctype html|<html\b|<(?:body|div|p|table|span)\b[^<>]*>.{0,9000}?</\w+>)",
    re.I | re.S,
)


def is_markup(text: str) -> bool:
    """Whether a text that calls itself plain is HTML all the same."""
    return _LOOKS_LIKE.match(text) is not None


def lines_of(markup: str) -> str:
    """The visible text, a block on lines of its own; those of a `blockquote` begin with QUOTED."""
    page = markup.replace(QUOTED, "").replace(_END, "").replace(_BLANK, "")
    page = _DELIMITER_IN.sub(rf"\1{_BLANK}\2", page)
    page = _BLOCKQUOTE.sub(lambda tag: tag[0] + QUOTED if tag[1] else _END + tag[0], page)
    lines, depth = [], 0
    for line in plain(page).split("\n"):
        depth += line.count(QUOTED)
        words = line.replace(QUOTED, "").replace(_END, "").strip().replace(_BLANK, " ")
        lines.append(f"{QUOTED} {words}" if depth and words else words)
        depth = max(0, depth - line.count(_END))
    return "\n".join(lines)
