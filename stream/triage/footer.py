"""The footers and signatures of mails: what machines and letterheads add to what a person said."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

# A line that a mail system or a company's lawyer adds, with what follows in its paragraph.
_NOTICE = re.compile(
    r"""^[ \t>*_-]*(?:
    this\ (?:e-?mail|message|communication|transmission)(?:\ message)?
        (?:\ (?:and|with|including)\ (?:any|its|all)\ (?:attachments?|files?)[^\n]{0,30})?
        \ (?:is|are|may|has|was|contains?|originated)\b[^\n]{0,60}
        \b(?:confidential|intended|scanned|checked|protected|privileged|outside)\b
    |(?:caution|warning|notice|disclaimer|confidentiality(?:\ notice)?|external(?:\ e-?mail)?)\ ?:
        \ ?(?:this|the|do\ not\ click)\b[^\n]{0,40}
        \b(?:e-?mail|message|communication|attachments?|links?)\b
    |(?:virus[- ]free|scanned\ (?:by|for)|sent\ (?:from|via|with)\ (?:my|the|mail|outlook|yahoo))\b
    |(?:private\ and\ )?confidential\ ?:\ ?this\ (?:e-?mail|message)\b
    |please\ (?:consider|think\ of)\ the\ (?:environment|planet)
    |get\ outlook\ for\b
    |in\ an\ emergency,?\ (?:call|dial|ring)\ (?:999|911|112|000)(?=[.,;\n]|$)
    |unsubscribe\ \|
    |we\ (?:will|would)\ never\ (?:ask|contact|call)\ (?:you\ )?for\ your
    |out[- ]of[- ]hours\ emergenc(?:y|ies)\ ?[?:]
    |registered\ (?:office|in\ england)
    )""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_PARAGRAPH = re.compile(r"(?:\n[ \t]*){2,}|\n-- ?\n")
_NAME = re.compile(
    r"(?:(?:Mrs?|Ms|Dr|Prof|Rev)\.? )?[A-Z][\w'’-]+(?: [A-Z]\.?)?(?: [A-Z][\w'’-]+){1,2}"
    r"(?:,? \(?[\w./]{2,8}\)?){0,2}"
)
_SIGN_OFF = re.compile(
    r"(?:--|(?:(?:best|kind|warm|many) )*(?:regards|wishes|thanks)|thank you|cheers|sincerely"
    r"|yours(?: (?:sincerely|faithfully|truly))?|best),?",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_LONGEST_LINE, _MOST_LINES = 70, 5
_SHORT = 3  # letters up to which a word of a title is in small letters ("of", "and")


def own_words(text: str) -> str:
    """The text with blanks where notices and the titles of a signature stand: every place stays.

    A text that begins with its notice keeps what follows; a signature keeps the name.
    """
    if "\n" not in text:
        return text
    gaps = list(_PARAGRAPH.finditer(text))
    blanks = _notices(text, gaps)
    own = _blanked(text, blanks).rstrip()
    own_gaps = [gap for gap in gaps if gap.end() < len(own)]
    if own_gaps:
        blanks += _titles(own, own_gaps[-1].end())
    return _blanked(text, blanks)


def judged_words(text: str) -> str:
    """What a model judges of a text: the own words; all of it where there are none."""
    if "\n" not in text:
        return text
    own = "\n".join(line.rstrip() for line in own_words(text).split("\n")).strip()
    return own or text


def _notices(text: str, gaps: Sequence[re.Match[str]]) -> list[tuple[int, int]]:
    """Where notices stand: each to the end of its paragraph."""
    spans: list[tuple[int, int]] = []
    ends = [gap.start() for gap in gaps]
    for notice in _NOTICE.finditer(text):
        following = bisect_left(ends, notice.end())
        end = ends[following] if following < len(ends) else len(text)
        if not spans or spans[-1][1] <= notice.start():
            spans.append((notice.start(), end))
    return spans


def _titles(text: str, start: int) -> list[tuple[int, int]]:
    """Where titles follow a name in the paragraph from `start`; nothing where it is none."""
    lines = text[start:].split("\n", maxsplit=_MOST_LINES + 1)
    if _SIGN_OFF.fullmatch(lines[0].strip()):
        start += len(lines.pop(0)) + 1
    if not 2 <= len(lines) <= _MOST_LINES or not _NAME.fullmatch(lines[0].strip()):
        return []
    if not all(_is_title(line.strip()) for line in lines[1:]):
        return []
    return [(start + len(lines[0]), len(text))]


def _blanked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text with blanks in these spans, in their order; each begins with the end of a line."""
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts += [text[at:start], "\n", " " * (end - start - 1)]
        at = end
    return "".join(parts) + text[at:]


def _is_title(line: str) -> bool:
    """Whether every word of a short line that is no little one begins with a capital."""
    words = [word for word in _WORD.findall(line) if len(word) > _SHORT]
    return len(line) <= _LONGEST_LINE and all(word[0].isupper() for word in words)
