"""Own words of a mail, told from its quoted history, signature and footers by what surrounds them.

No table of phrases says where a quotation begins: a line with a date, a clock and an address does,
or a block of header lines, and only where a quotation follows. When unsure, words are the author's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from connectors.imap import phrases
from connectors.imap.footers import SIGNATURE, footer_lines
from connectors.imap.markup import QUOTED
from connectors.imap.phrases import any_of

LONGEST = 50_000  # characters of a mail that are kept, of each kind
_LINES = 3_000  # within which quotations are looked for
_HEADER = 400  # characters of the longest line before a quotation
_RUN = re.compile(rf"\s*[>{QUOTED}]")
_MARKS = re.compile(rf"^[\s>{QUOTED}]+")

_DATE = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
_CLOCK = re.compile(r"(?<![\d.])\d{1,2}[:h]\d\d|\b(?:kl\.?|kello|klo)\s*\d{1,2}\.\d\d")
_ADDRESS = re.compile(r"[<(\[]\s*(?:mailto:)?[^\s<>()\[@]+@[^\s<>()@]+[>)\]]")
# "Care <care@x.example> wrote:"
_AUTHOR_LINE = any_of(
    r"\W{0,3}(?!.*\b(?:i|ich|je|ik|yo|io|eu|jag)\b)[\w .,'\"-]{2,60}"
    r"[<(\[]\s*(?:mailto:)?[^\s<>()@]+@[^\s<>()@]+[>)\]]\s*(?:\w{1,20} ){0,2}"
    rf"(?:{'|'.join(phrases.WROTE)})(?: \w{{1,20}})? ?[:：]\Z"
)
_ENDS_IN_ADDRESS = re.compile(rf"{_ADDRESS.pattern}\s*+[:：]\Z")  # "Zitat von <care@x.example>:"
_ENDS = re.compile(r"[:：][^\w:：]*\Z|\A---.*---\Z")
_LABEL = re.compile(r"\W{0,3}[^\W\d_][^:：\n<>@]{0,28}[:：]\W{0,3}\s*\S")
_SUBJECT = any_of(rf"\W*(?:{'|'.join(phrases.SUBJECT_LABELS)})\W*[:：]")
_RULE = re.compile(r"[\s>*]{0,9}[-_=]{3,}+[^-_=]{0,50}[-_=]*+\s*\Z")
_ORIGINAL = any_of(rf"[-_=]{{3,}}+\s*+\w*\s?(?:{phrases.ORIGINAL})")
_ANSWER_ABOVE = any_of(rf"[\W_]{{0,8}}(?:\w{{1,12}} ){{0,5}}(?:{'|'.join(phrases.ANSWER_ABOVE)})")
_FORWARDED = any_of(
    rf"\W*+[^:]{{0,40}}(?:{'|'.join(phrases.FORWARDED)})[^.!?]{{0,40}}[-_=:]++\W*+\Z"
)
_POINTS_DOWN = any_of(*phrases.POINTS_DOWN)


@dataclass(frozen=True, slots=True)
class Words:
    """A mail's text in two. trimmed: quoted history, signature and footers; '' without any."""

    own: str
    trimmed: str = ""


def own_words(
    text: str, *, is_reply: bool = False, is_forward: bool = False, author: str = ""
) -> Words:
    """The author's words, and the rest. A mail of nothing else stays whole.

    is_reply, is_forward: by its headers; what is forwarded is the message. author: the name in
    From, which begins a signature.
    """
    lines = _tidied(text[: 4 * LONGEST]).split("\n")
    cut = set() if is_forward else _history(lines, is_reply)
    cut |= footer_lines(lines, cut, author)
    own = _joined(line for at, line in enumerate(lines) if at not in cut)
    if not any(character.isalnum() for character in own):
        return Words(_joined(lines)[:LONGEST])
    trimmed = _joined(lines[at].replace(QUOTED, ">") for at in sorted(cut))
    return Words(own[:LONGEST], trimmed[:LONGEST])


def _history(lines: list[str], is_reply: bool) -> set[int]:
    """The numbers of the lines that somebody else wrote, or wrote before."""
    cut: set[int] = set()
    at, quotes_seen = 0, False
    while at < min(len(lines), _LINES) and not _begins_forward(lines, at):
        end = _quotation_end(lines, at)
        if end > at:
            is_trusted = quotes_seen or _is_introduced(lines, at, end)
            is_old = is_reply and (_stands_apart(lines, at, end) or _holds_header(lines, at, end))
            if is_trusted or is_old:
                cut.update(range(at, end))
                quotes_seen = True
            at = end
        elif is_reply and _begins_rest(lines, at):
            if not _points_down(lines[:at]):
                cut.update(range(_with_rule(lines, at), len(lines)))
            break
        else:
            at += 1
    return cut


def _begins_forward(lines: list[str], at: int) -> bool:
    """Whether what follows is forwarded: it is the message then, in a reply as well."""
    is_marked = len(lines[at]) < 200 and _FORWARDED.match(lines[at])
    return bool(is_marked) and _is_block(lines, _next_text(lines, at + 1))


def _quotation_end(lines: list[str], at: int) -> int:
    """The line after the quoted lines that begin here, with the line before that introduces them;
    the same line where none begin.
    """
    if _RUN.match(lines[at]):
        return _run_end(lines, at)
    after = _attribution_end(lines, at)
    below = len(lines) if after is None else _next_text(lines, after)
    return _run_end(lines, below) if below < len(lines) and _RUN.match(lines[below]) else at


def _is_introduced(lines: list[str], at: int, end: int) -> bool:
    return any(_attribution_end(lines, number) for number in range(at, min(end, at + 4)))


def _holds_header(lines: list[str], at: int, end: int) -> bool:
    return any(_is_block(lines, number) for number in range(at, min(end, at + 4)))


def _points_down(above: list[str]) -> bool:
    text = "\n".join(above)
    return len(text) < 600 and _POINTS_DOWN.search(text) is not None


def _begins_rest(lines: list[str], at: int) -> bool:
    """Whether all below is history without marks: a program wrote this line, not a person."""
    if _is_block(lines, at):
        return True
    if _ORIGINAL.match(lines[at]):
        below = _text_at(lines, at + 1)[:_HEADER]
        return _LABEL.match(below) is not None or _ADDRESS.search(below) is not None
    if len(lines[at]) < 100 and _ANSWER_ABOVE.match(_MARKS.sub("", lines[at])):
        return True
    header = " ".join(lines[at : _attribution_end(lines, at) or at])
    is_timed = _ADDRESS.search(header) and _CLOCK.search(header)
    return bool(is_timed or _AUTHOR_LINE.match(header.strip()))


def _attribution_end(lines: list[str], at: int) -> int | None:
    """The line after "On 12 March 2026 at 10:02, Care <care@x.example> wrote:", in any language;
    None where no such line begins. Programs break it in up to three.
    """
    for end in range(at + 1, min(at + 4, len(lines) + 1)):
        if _attributes(lines, at, end):
            begins_below = any(_attributes(lines, start, end) for start in range(at + 1, end))
            return None if begins_below else end
    return None


def _attributes(lines: list[str], start: int, end: int) -> bool:
    part = [_MARKS.sub("", line).strip(" *") for line in lines[start:end]]
    if not all(part) or len(line := " ".join(part)) > _HEADER or not _ENDS.search(line):
        return False
    has_clock = _CLOCK.search(line) is not None
    is_quoted = _RUN.match(_text_at(lines, end)) is not None
    if _DATE.search(line):
        return has_clock or "@" in line or is_quoted
    is_of_program = has_clock and _ADDRESS.search(line) is not None
    return is_of_program or _is_author_line(line, is_quoted=is_quoted)


def _is_author_line(line: str, *, is_quoted: bool) -> bool:
    """Whether the line names who wrote what follows. is_quoted: with marks; the verb may be any."""
    if _AUTHOR_LINE.match(line):
        return True
    return is_quoted and bool(_ENDS_IN_ADDRESS.search(line)) and not _speaks_of_itself(line)


def _speaks_of_itself(line: str) -> bool:
    return phrases.FIRST_PERSON.search(line) is not None


def _is_block(lines: list[str], at: int) -> bool:
    """Whether a block "From: ... Sent: ... To: ... Subject: ..." begins here, in any language. A
    person's own From and To (of a journey) have no address and no clock.
    """
    block = _labelled_lines(lines[at : at + 14])
    above = [_MARKS.sub("", line) for line in lines[max(0, at - 1) : at] if len(line) < 60]
    dates = [line for line in [*above, *block] if _DATE.search(line)]  # `Message du 12/03/26 10:02`
    if len(block) < 3 or not dates:
        return False
    has_clock = any(map(_CLOCK.search, dates))
    has_address = any("@" in line for line in block[:3])
    has_subject = any(_SUBJECT.match(line) for line in block)
    return has_clock + has_address + (has_subject and len(block) > 3) >= 2


def _labelled_lines(lines: list[str]) -> list[str]:
    """The lines "Label: value" at the beginning; a long list of addresses may go on in the next."""
    block: list[str] = []
    for line in lines:
        bare = _MARKS.sub("", line).strip()[:_HEADER]
        if _LABEL.match(bare):
            block.append(bare)
        elif block and "@" in bare:
            block[-1] += bare
        else:
            break
    return block


def _stands_apart(lines: list[str], at: int, end: int) -> bool:
    """Whether a run of lines with `>` that no header introduces is a quotation: of a reply, it is
    where it stands alone. `>3 weeks` and `> 400 ppm` are numbers.
    """
    run = [_MARKS.sub("", line) for line in lines[at:end] if line.strip()]
    if lines[at].startswith(QUOTED) or all(line[:1].isdigit() for line in run):
        return False  # markup indents one's own words as well
    is_apart = at == 0 or not lines[at - 1].strip()
    return is_apart and (at == 0 or end >= len(lines) or len(run) > 1)


def _run_end(lines: list[str], at: int) -> int:
    """The line after the quoted lines that begin here; empty lines between them belong to them."""
    end = at
    for number in range(at, len(lines)):
        if _RUN.match(lines[number]):
            end = number + 1
        elif lines[number].strip():
            break
    return end


def _with_rule(lines: list[str], at: int) -> int:
    """The place of the rule above a header block, such as "-----Original Message-----"."""
    above = at - 1
    while above > 0 and not lines[above].strip():
        above -= 1
    is_rule = above >= 0 and _RULE.match(lines[above][:_HEADER])
    return above if is_rule else at


def _next_text(lines: list[str], at: int) -> int:
    while at < len(lines) and not lines[at].strip():
        at += 1
    return at


def _text_at(lines: list[str], at: int) -> str:
    below = _next_text(lines, at)
    return lines[below] if below < len(lines) else ""


def _joined(lines: Iterable[str]) -> str:
    """The lines without the marks of quoted blocks, tidied again."""
    return _tidied("\n".join(line.replace(f"{QUOTED} ", "") for line in lines))


def _tidied(text: str) -> str:
    """One kind of line end, no control characters, no trailing blanks but of the line before a
    signature, one empty line at most.
    """
    plain = re.sub(r"\r\n?|\u2028|\u2029", "\n", text)
    plain = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u2060\ufeff]", "", plain)
    rows = plain.replace("\xa0", " ").split("\n")
    plain = "\n".join(row if row == SIGNATURE else row.rstrip() for row in rows)
    return re.sub(r"\n{3,}", "\n\n", plain).strip()
