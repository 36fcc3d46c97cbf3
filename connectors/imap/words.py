"""What a person wrote in a mail: markup becomes text, and what others wrote before is cut off."""

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

# Where an answer quotes what came before, in the words of the mail programs of eight languages.
_WROTE = re.compile(
    r"^(on|am|le|el|il|op|em|den)\b.{4,200}?"
    r"\b(wrote|schrieb|(a )?écrit|escribió|ha scritto|schreef|escreveu|skrev)\b.{0,120}:$",
    re.IGNORECASE | re.DOTALL,
)
_RULE = re.compile(
    r"^[-_*\s]{2,}(original message|original-nachricht|ursprüngliche nachricht|message d'origine|mensaje original|"
    r"messaggio originale|oorspronkelijk bericht|mensagem original|ursprungligt meddelande)[-_*\s]*$",
    re.IGNORECASE,
)
_HEAD = re.compile(r"^\**(from|von|de|da|van|från|fra)\**\s*:\s*\**\s*\S", re.IGNORECASE)
_SENT = re.compile(
    r"^\**(sent|date|gesendet|datum|envoyé|enviado( el)?|fecha|inviato|data|verzonden|skickat|sendt|"
    r"to|an|à|para|a|aan|till|til)\**\s*:",
    re.IGNORECASE,
)


def from_markup(markup: str) -> str:
    """The text of HTML as a reader sees it, without quoted history. Nothing in it is run, fetched
    or followed.

    Read in one pass of our own: anybody may send a mail, and the standard library's parser takes
    time with the square of a length that is made to break it (CVE-2025-6069), or raises.
    """
    markup = _without_comments(markup[:_MARKUP])
    parts: list[str] = []
    around: list[
        tuple[str, bool]
    ] = []  # the tags around this place, and whether each begins something unseen
    unseen = at = 0
    for found in _TAG.finditer(markup):
        if found.start() < at:
            continue  # within a script
        closing, tag, given = found[1], found[2].lower(), found[3][:2000]
        if not unseen:
            parts.append(_flat(markup[at : found.start()]))
        at = found.end()
        if not closing and tag in _RAW:
            end = markup.lower().find(f"</{tag}", at) if len(around) < _DEEPEST else -1
            if end < 0:
                at = len(markup)
                break
            at = end
            continue
        if tag in _BREAKS and not unseen:
            parts.append("\n")
        if closing:
            if any(name == tag for name, _ in around):
                while around:
                    name, hid = around.pop()
                    unseen -= hid
                    if name == tag:
                        break
        elif tag not in _EMPTY and len(around) < _DEEPEST:
            attributes = {
                name.lower(): value.strip("\"'") for name, value in _ATTRIBUTE.findall(given)
            }
            if attributes.get("id", "").lower() in _FROM_HERE:
                at = len(markup)
                break
            around.append((tag, _hides(tag, attributes, given)))
            unseen += around[-1][1]
    if not unseen:
        parts.append(_flat(markup[at:]))
    return _tidied("".join(parts))


def _hides(tag: str, attributes: dict[str, str], given: str) -> bool:
    return (
        tag in _UNSEEN
        or bool(_HISTORY & set(attributes.get("class", "").split()))
        or _INVISIBLE.search(attributes.get("style", "")) is not None
        or re.search(r"(?:^|\s)hidden(?=\s|=|/|$)", given, re.IGNORECASE) is not None
    )


def _without_comments(markup: str) -> str:
    """One that does not end hides the rest, as in a browser."""
    kept, at = [], 0
    while (start := markup.find("<!", at)) >= 0:
        kept.append(markup[at:start])
        end = "-->" if markup.startswith("<!--", start) else ">"
        stop = markup.find(end, start + 2)
        if stop < 0:
            return "".join(kept)
        at = stop + len(end)
    return "".join(kept) + markup[at:]


def _flat(data: str) -> str:
    return re.sub(r"[ \t\r\n\f]+", " ", html.unescape(data))


def own_words(text: str) -> str:
    """Without the quoted history and the signature below. A mail that holds nothing else is kept as
    it is.

    What somebody forwards is theirs to say, and stays.
    """
    text = text[: 4 * LONGEST]
    lines = _tidied(text).split("\n")
    end = next(
        (at for at in range(min(len(lines), _LINES)) if _begins_history(lines, at)), len(lines)
    )
    signature = next((at for at in range(end) if lines[at].rstrip() == "--"), end)
    kept = [line for line in lines[:signature] if not line.lstrip().startswith(">")]
    return (_tidied("\n".join(kept)) or _tidied(text))[:LONGEST]


def _begins_history(lines: list[str], at: int) -> bool:
    line = lines[at].strip()
    if _RULE.match(line):
        return True
    # The line that says who wrote is broken in two or three by many programs.
    if any(
        _WROTE.match(" ".join(each.strip() for each in lines[at : at + count]))
        for count in (1, 2, 3)
    ):
        return True
    if _HEAD.match(line):
        return sum(bool(_SENT.match(each.strip())) for each in lines[at + 1 : at + 4]) >= 2
    return False


def _tidied(text: str) -> str:
    """One kind of line end, no control characters, no trailing blanks, one empty line at most."""
    plain = re.sub(r"\r\n?|\u2028|\u2029", "\n", text)
    plain = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u2060\ufeff]", "", plain).replace(
        "\xa0", " "
    )
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in plain.split("\n"))).strip()
