"""Own words of a mail: markup becomes text, quoted history and signature are cut off."""

from __future__ import annotations

import html
import re

LONGEST = 50_000  # characters of a mail that are kept
_MARKUP = 300_000  # characters of markup that are read
_DEEPEST = 100  # tags in tags
_TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]{0,40})([^<>]*)>")
_ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+)")
_LINES = 2_000  # within which the history begins

_BREAKS = {
    "br",
    "p",
    "div",
    "tr",
    "li",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "table",
    "ul",
    "ol",
    "hr",
}
_RAW = {
    "script",
    "style",
    "textarea",
    "title",
    "xmp",
    "iframe",
    "noembed",
    "noframes",
}  # no tags within
_UNSEEN = {"head", "template", "noscript", "svg", "math", "object", "blockquote"}
_EMPTY = {
    "br",
    "hr",
    "img",
    "input",
    "meta",
    "link",
    "col",
    "area",
    "base",
    "embed",
    "source",
    "track",
    "wbr",
    "param",
}
_HISTORY = {
    "gmail_quote",
    "gmail_quote_container",
    "yahoo_quoted",
    "moz-cite-prefix",
    "protonmail_quote",
    "zmail_extra",
}
_FROM_HERE = {
    "divrplyfwdmsg",
    "appendonsend",
    "mail-editor-reference-message-container",
    "reply-intro",
}
_INVISIBLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|mso-hide\s*:\s*all",
    re.I,
)
_HIDDEN = re.compile(r"(?:^|\s)hidden(?=\s|=|/|$)", re.I)

# The line before a quoted mail, in the words of the mail programs of eight languages.
_WROTE = re.compile(
    r"^(on|am|le|el|il|op|em|den)\b.{4,200}?"
    r"\b(wrote|schrieb|(a )?écrit|escribió|ha scritto|schreef|escreveu|skrev)\b.{0,120}:$",
    re.IGNORECASE | re.DOTALL,
)
_RULE = re.compile(
    r"^[-_*\s]{2,}(original message|original-nachricht|ursprüngliche nachricht|"
    r"message d'origine|mensaje original|messaggio originale|oorspronkelijk bericht|"
    r"mensagem original|ursprungligt meddelande)[-_*\s]*$",
    re.IGNORECASE,
)
_HEAD = re.compile(r"^\**(from|von|de|da|van|från|fra)\**\s*:\s*\**\s*\S", re.IGNORECASE)
_SENT = re.compile(
    r"^\**(sent|date|gesendet|datum|envoyé|enviado( el)?|fecha|inviato|data|verzonden|"
    r"skickat|sendt|to|an|à|para|a|aan|till|til)\**\s*:",
    re.IGNORECASE,
)


def from_markup(markup: str) -> str:
    """The text of HTML as a reader sees it, without quoted history. Nothing in it is run, fetched
    or followed.

    Read in one pass of our own: anybody may send a mail, and the standard library's parser takes
    time with the square of a length that is made to break it (CVE-2025-6069), or raises.
    """
    markup = _without_comments(markup[:_MARKUP])
    visible = _VisibleText()
    at = 0
    for match in _TAG.finditer(markup):
        if match.start() < at:
            continue  # within a script
        closing, tag, attributes = match[1], match[2].lower(), match[3][:2000]
        visible.add(_flat(markup[at : match.start()]))
        at = match.end()
        if not closing and tag in _RAW:
            end = markup.lower().find(f"</{tag}", at) if visible.depth < _DEEPEST else -1
            at = end if end >= 0 else len(markup)
            continue
        if tag in _BREAKS:
            visible.add("\n")
        if closing:
            visible.close(tag)
        elif tag not in _EMPTY and visible.depth < _DEEPEST:
            values = _values(attributes)
            if values.get("id", "").lower() in _FROM_HERE:
                at = len(markup)
                break
            visible.open(tag, hides=_hides(tag, values, attributes))
    visible.add(_flat(markup[at:]))
    return _tidied("".join(visible.parts))


class _VisibleText:
    """The text outside of hidden tags."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._open: list[tuple[str, bool]] = []  # tags around the place; does each hide its text?
        self._hiding = 0

    @property
    def depth(self) -> int:
        return len(self._open)

    def add(self, text: str) -> None:
        if not self._hiding:
            self.parts.append(text)

    def open(self, tag: str, *, hides: bool) -> None:
        self._open.append((tag, hides))
        self._hiding += hides

    def close(self, tag: str) -> None:
        """Close the tag and the open tags within; a tag that is not open changes nothing."""
        if all(name != tag for name, _ in self._open):
            return
        name = ""
        while name != tag:
            name, hides = self._open.pop()
            self._hiding -= hides


def _values(attributes: str) -> dict[str, str]:
    return {name.lower(): value.strip("\"'") for name, value in _ATTRIBUTE.findall(attributes)}


def _hides(tag: str, values: dict[str, str], attributes: str) -> bool:
    return (
        tag in _UNSEEN
        or bool(_HISTORY & set(values.get("class", "").split()))
        or _INVISIBLE.search(values.get("style", "")) is not None
        or _HIDDEN.search(attributes) is not None
    )


def _without_comments(markup: str) -> str:
    """A comment that does not end hides the rest, as in a browser."""
    parts, at = [], 0
    while (start := markup.find("<!", at)) >= 0:
        parts.append(markup[at:start])
        end = "-->" if markup.startswith("<!--", start) else ">"
        stop = markup.find(end, start + 2)
        if stop < 0:
            return "".join(parts)
        at = stop + len(end)
    return "".join(parts) + markup[at:]


def _flat(data: str) -> str:
    return re.sub(r"[ \t\r\n\f]+", " ", html.unescape(data))


def own_words(text: str) -> str:
    """Without the quoted history and the signature below; a mail of nothing else stays as it is.

    Forwarded text stays: it is part of the message.
    """
    text = text[: 4 * LONGEST]
    lines = _tidied(text).split("\n")
    searched = range(min(len(lines), _LINES))
    end = next((at for at in searched if _begins_history(lines, at)), len(lines))
    signature = next((at for at in range(end) if lines[at].rstrip() == "--"), end)
    own_lines = [line for line in lines[:signature] if not line.lstrip().startswith(">")]
    return (_tidied("\n".join(own_lines)) or _tidied(text))[:LONGEST]


def _begins_history(lines: list[str], at: int) -> bool:
    line = lines[at].strip()
    if _RULE.match(line):
        return True
    following = [next_line.strip() for next_line in lines[at : at + 4]]
    # Many programs break the line with the author of the quoted mail in two or three.
    if any(_WROTE.match(" ".join(following[:count])) for count in (1, 2, 3)):
        return True
    if _HEAD.match(line):
        return sum(bool(_SENT.match(next_line)) for next_line in following[1:]) >= 2
    return False


def _tidied(text: str) -> str:
    """One kind of line end, no control characters, no trailing blanks, one empty line at most."""
    plain = re.sub(r"\r\n?|\u2028|\u2029", "\n", text)
    plain = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u2060\ufeff]", "", plain).replace(
        "\xa0", " "
    )
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in plain.split("\n"))).strip()
