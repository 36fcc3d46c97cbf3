"""Signature and footers of a mail: jobs, notices, the lines of scanners, lists and telephones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set

from connectors.imap import phrases
from connectors.imap.phrases import any_of

_LONGEST = 14  # lines of a signature
SIGNATURE = "-- "  # the line before one (RFC 3676, 4.3); without its blank it may be a rule

_DELIMITER = re.compile(r"--|—|[-_]{5,}")
_ARMOUR = re.compile(r"-----BEGIN PGP (?P<kind>SIGNED MESSAGE|SIGNATURE|PUBLIC KEY BLOCK)-----")
_CONTACT = re.compile(r"\S@\S|https?:|\bwww\.|\+?\d[\d /().-]{6,}\d| \| ")


def footer_lines(lines: Sequence[str], cut: Set[int], author: str = "") -> set[int]:
    """The numbers of the lines, besides those that are cut, that no person wrote for this mail."""
    footers = _armour(lines)
    paragraphs = _paragraphs(lines, cut | footers)
    if len(paragraphs) > 1 and _is_notice(lines, paragraphs[0]):
        footers.update(paragraphs.pop(0))
    while len(paragraphs) > 1 and _is_notice(lines, paragraphs[-1]):
        footers.update(paragraphs.pop())
    rest = [number for paragraph in paragraphs for number in paragraph]
    while len(rest) > 1 and _is_tagline(lines[rest[-1]]):
        footers.add(rest.pop())
    return footers | _signature(lines, rest, " ".join(author.split()).lower())


def _armour(lines: Sequence[str]) -> set[int]:
    """What OpenPGP writes around a text (RFC 9580, 7): its header, its signature, and keys."""
    armour: set[int] = set()
    end = None
    for number, line in enumerate(lines):
        begin = _ARMOUR.match(line)
        if begin and end is None:
            is_header = begin["kind"] == "SIGNED MESSAGE"
            end = "" if is_header else f"-----END PGP {begin['kind']}-----"
        if end is not None:
            armour.add(number)
            end = None if line.strip() == end else end
    return armour if end is None else set()


def _paragraphs(lines: Sequence[str], cut: Set[int]) -> list[list[int]]:
    paragraphs: list[list[int]] = [[]]
    for number, line in enumerate(lines):
        if number in cut or not line.strip():
            paragraphs.append([])
        else:
            paragraphs[-1].append(number)
    return [paragraph for paragraph in paragraphs if paragraph]


def _is_notice(lines: Sequence[str], paragraph: Sequence[int]) -> bool:
    text = " ".join(lines[number] for number in paragraph)[:3000]
    if phrases.FIRST_PERSON.search(text):
        return False
    return any(all(any_of(part).search(text) for part in kind) for kind in phrases.NOTICES)


def _is_tagline(line: str) -> bool:
    bare = line.strip()
    if len(bare) > 100 or not any_of(*phrases.SENT_FROM).match(bare):
        return False
    return any_of(*phrases.DEVICES).search(bare) is not None


def _signature(lines: Sequence[str], rest: Sequence[int], author: str) -> set[int]:
    """The lines below the writer's name: after dashes, a sign-off, or the name in From."""
    for at in range(max(1, len(rest) - _LONGEST), len(rest)):
        begin = _signature_begin(lines, rest, at, author)
        if begin is not None and all(_describe(lines, rest[begin:], author)):
            return set(rest[begin:])
    return set()


def _signature_begin(lines: Sequence[str], rest: Sequence[int], at: int, author: str) -> int | None:
    """Where the signature begins that this line may announce: after the name, which stays."""
    line = lines[rest[at]].strip()
    if _DELIMITER.fullmatch(line):
        return at if _is_signed(lines, rest[at:], author) else None
    if author and line.lower().startswith(author):
        return at if line[len(author) :].strip(" ,.") else at + 1
    if author and line.lower().strip(" ,.") == author.partition(" ")[0]:
        return at + 1
    signs_off = len(line) < 60 and any_of(*phrases.SIGN_OFFS).fullmatch(line)
    if signs_off and at + 1 < len(rest):
        return at + 2 if len(lines[rest[at + 1]].split()) <= 5 else None
    return None


def _is_signed(lines: Sequence[str], numbers: Sequence[int], author: str) -> bool:
    """numbers: of the lines from a rule on."""
    is_certain = lines[numbers[0]] == SIGNATURE
    return is_certain or any(_identifies(lines[number], author) for number in numbers)


def _identifies(line: str, author: str) -> bool:
    """By a telephone, an address or the writer's name: below a rule alone, others write lists."""
    names = set(re.findall(r"\w{3,}", author))
    return bool(_CONTACT.search(line)) or not names.isdisjoint(re.findall(r"\w{3,}", line.lower()))


def _describe(lines: Sequence[str], numbers: Sequence[int], author: str) -> Iterator[bool]:
    """Whether each line tells of a name, a job or a company: short, in capitals, said to nobody."""
    previous, was_titled = None, False
    for number in numbers:
        line = lines[number].strip()
        if _is_furniture(line):
            yield True
            continue
        is_short = len(line.split()) <= 8 and not line[:1].islower()
        goes_on = was_titled and previous == number - 1 and is_short
        is_named = " " in author and re.match(re.escape(author) + r"\s*[,|/–-]", line.lower())
        was_titled = goes_on or bool(is_named) or _is_titled(line)
        previous = number
        yield was_titled and not _speaks(line)


def _is_furniture(line: str) -> bool:
    is_rule = _DELIMITER.fullmatch(line) is not None
    return is_rule or _is_tagline(line) or _is_notice((line,), (0,))


def _speaks(line: str) -> bool:
    return bool(phrases.FIRST_PERSON.search(line) or phrases.SPEAKS.search(line))


def _is_titled(line: str) -> bool:
    if len(line) > 120:
        return False
    if _CONTACT.search(line):
        return True
    words: list[str] = re.findall(r"[^\W\d_]{4,}", line)
    if len(words) > 4 and line.isupper():
        return False  # a shout
    return 2 * sum(word[0].isupper() for word in words) >= len(words) > 0
