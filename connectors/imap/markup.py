"""Markup of a mail as the lines that a reader sees, with quoted blocks marked."""

from __future__ import annotations

import re

from resiliparse.extract.html2text import extract_plain_text

QUOTED = "\ue000"  # begins a line of a quoted block
_END = "\ue001"
_LONGEST = 1_000_000  # characters of markup that are read

_BLOCKQUOTE = re.compile(r"(<blockquote\b[^<>]*>)|</blockquote\s*>", re.I)
_LIST = re.compile(r"(</?)(?:ul|ol|dl|menu)\b[^<>]*", re.I)  # each would indent its lines further
_INVISIBLE = re.compile(
    r"<(\w{1,20})\b(?=[^<>]*(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])"
    r"|mso-hide\s*:\s*all))",
    re.I,
)
_LOOKS_LIKE = re.compile(
    r"\s*(?:<!doctype html|<html\b|<(?:body|div|p|table|span)\b[^<>]*>.{0,9000}?</\w+>)",
    re.I | re.S,
)


def is_markup(text: str) -> bool:
    """Whether a text that calls itself plain is HTML all the same."""
    return _LOOKS_LIKE.match(text) is not None


def lines_of(markup: str) -> str:
    """The visible text, a block on lines of its own; those within `blockquote` begin with QUOTED.

    Nothing in it is run, fetched or followed.
    """
    page = markup[:_LONGEST].replace(QUOTED, "").replace(_END, "")
    page = _BLOCKQUOTE.sub(lambda tag: tag[0] + QUOTED if tag[1] else _END + tag[0], page)
    page = _INVISIBLE.sub(r"<\1 hidden", _LIST.sub(r"\1div", page))
    text = extract_plain_text(
        page, list_bullets=False, alt_texts=False, skip_elements=("title", "[hidden]")
    )
    lines, depth = [], 0
    for line in text.split("\n"):
        depth += line.count(QUOTED)
        words = " ".join(line.replace(QUOTED, "").replace(_END, "").split())
        lines.append(f"{QUOTED} {words}" if depth and words else words)
        depth = max(0, depth - line.count(_END))
    return "\n".join(lines)
