"""Markup of posts and mails as text: blocks are lines of their own, hidden parts are gone.

Nothing in it is run, fetched or followed.
"""

from __future__ import annotations

import re

from resiliparse.extract.html2text import extract_plain_text

_LONGEST = 1_000_000  # characters of markup that are read
_TAG = re.compile(
    r"</?(?:p|br|div|span|ul|ol|li|a|b|i|em|strong|h[1-6]|table|tr|td|th|hr|blockquote|pre|html|body"
    r"|head|img|font|code|u|s|article|aside|center|dl|dt|dd|del|details|fieldset|figcaption|figure"
    r"|ins|label|legend|mark|section|small|strike|sub|summary|sup|tbody|thead)(?:\s[^<>]*)?/?>",
    re.I,
)
_BLOCK = re.compile(r"<(?:p|br|div|table|tr|li|html|body)(?:\s[^<>]*)?/?>", re.I)
# Lists would indent their lines further; options of a form would be left out; the rest would run
# into what follows.
_AS_DIV = re.compile(
    r"(</?)(?:ul|ol|dl|dir|menu|select|option|textarea|button|summary|dialog|legend|caption|search)"
    r"\b[^<>]*",
    re.I,
)
_INVISIBLE = re.compile(
    r"<(\w{1,20})\b(?=[^<>]*(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])"
    r"|mso-hide\s*:\s*all))",
    re.I,
)
_UNSEEN = ("title", "template", "[hidden]", ".invisible")  # the last: the middle of a long link


def plain(markup: str) -> str:
    """The visible text of HTML: paragraphs, lists, headings, cells and breaks apart, links as they
    are shown, runs of blanks as one.
    """
    page = _INVISIBLE.sub(r"<\1 hidden", _AS_DIV.sub(r"\1div", markup[:_LONGEST]))
    text = extract_plain_text(page, list_bullets=False, alt_texts=False, skip_elements=_UNSEEN)
    return "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()


def is_markup(text: str) -> bool:
    """Does the text hold tags of HTML, and not only `<` and `>`?"""
    return _TAG.search(text) is not None


def has_blocks(text: str) -> bool:
    """Does HTML part the lines of this text?"""
    return _BLOCK.search(text) is not None
