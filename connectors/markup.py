"""Markup of posts and messages as text: blocks are lines of their own, hidden parts are gone."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BREAKS = frozenset(("br", "hr", "tr", "dt", "dd", "li", "div", "option"))
_BLOCKS = frozenset(
    (
        *("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "blockquote", "pre"),
        *("section", "article", "aside", "header", "footer", "figure", "figcaption", "address"),
        *("details", "summary", "main", "nav", "form", "fieldset", "body"),
    )
)
_CELLS = frozenset(("td", "th"))
_UNSEEN = frozenset(("script", "style", "head", "title", "template"))
_TAG = re.compile(
    r"</?(?:p|br|div|span|ul|ol|li|a|b|i|em|strong|h[1-6]|table|tr|td|th|hr|blockquote|pre|html|body"
    r"|head|img|font|code|u|s)(?:\s[^<>]*)?/?>",
    re.I,
)
_DECLARATION = re.compile(r"<[!?][^<>]*+>")
# A `<` that begins no whole tag is a sign of the text: for each of them the parser would look for
# an end, or for a closing quote, as far as the text goes.
_VALUES = r"""[^<>'"]*+(?:(?:"[^"<]*+"|'[^'<]*+')[^<>'"]*+)*+"""
_VALUES_WITH_TAGS = rf"""(?:(?:"[^"]{{0,200}}+"|'[^']{{0,200}}+'){_VALUES}){{0,3}}+"""
_NO_TAG = re.compile(rf"<(?!/?[a-zA-Z]{_VALUES}{_VALUES_WITH_TAGS}>)")


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden_spans = 0
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._space(tag)
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "span":
            # The middle of a long link is for machines; readers see an ellipsis.
            hides = "invisible" in (dict(attrs).get("class") or "").split()
            self._hidden_spans += 1 if self._hidden_spans or hides else 0

    def handle_endtag(self, tag: str) -> None:
        if tag != "br":
            self._space(tag)
        if tag in _UNSEEN and self._unseen:
            self._unseen -= 1
        elif tag == "span" and self._hidden_spans:
            self._hidden_spans -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden_spans and not self._unseen:
            self.parts.append(data)

    def _space(self, tag: str) -> None:
        if tag == "br":
            self.parts.append("\n")
        elif tag in _BREAKS:
            self._line(1)
        elif tag in _BLOCKS:
            self._line(2)
        elif tag in _CELLS:
            self.parts.append(" ")

    def _line(self, feeds: int) -> None:
        """End the line, and leave as many feeds as are missing."""
        text = "".join(self.parts[-3:]).rstrip(" ")
        ended = len(text) - len(text.rstrip("\n"))
        if text and ended < feeds:
            self.parts.append("\n" * (feeds - ended))


def plain(markup: str) -> str:
    """The text of HTML: paragraphs, lists, headings, cells and breaks apart, links as they are
    shown.
    """
    parser = _Text()
    parser.feed(_NO_TAG.sub("&lt;", _DECLARATION.sub("", _without_comments(markup))))
    parser.close()
    return "".join(parser.parts).strip()


def _without_comments(markup: str) -> str:
    parts: list[str] = []
    at = 0
    while (start := markup.find("<!--", at)) >= 0 and (end := markup.find("-->", start + 4)) >= 0:
        parts.append(markup[at:start])
        at = end + len("-->")
    return "".join(parts) + markup[at:]


def is_markup(text: str) -> bool:
    """Does the text hold tags of HTML, and not only `<` and `>`?"""
    return _TAG.search(text) is not None
