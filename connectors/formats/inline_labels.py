"""Labels within a line: a whole call on one line, or two speakers on it, is parted before each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from itertools import islice

from connectors.formats.labels import TIME, is_name, is_numbered, is_role

_STAMP = rf"(?:[\[(]{TIME}[\])]\s)?"
_WORD = r"[^\W\d_][\w.'\u2019-]{0,30}"
_LABEL = (
    rf"(?P<label>[*_]{{0,2}}{_WORD}(?:[ _][\w.&'\u2019#-]{{1,30}}){{0,3}}(?: ?\([^()]{{1,40}}\))?)"
)
_AFTER_SENTENCE = re.compile(
    r"(?:\A|(?<=[.?!\u2026\"\u201d)\]*_]\s)|(?<=\s\s))"
    rf"{_STAMP}{_LABEL}[*_]{{0,2}}\s?[:\uff1a][*_]{{0,2}}(?:\s|\Z)"
)
# Where a transcript has no punctuation, a word that names a side is enough.
_ANYWHERE = re.compile(
    r"(?:\A|(?<=\s))(?P<label>[A-Z][^\W\d_]{1,20}(?:[ _]\d{1,2})?)[:\uff1a](?:\s|\Z)"
)


_LOWER = re.compile(r"(?<!\w)[a-z]\w*")


def parted(lines: Sequence[str]) -> list[list[str]]:
    """Each line, parted before every label within it.

    A label within a line is known by its repetition: it begins lines or parts again and again, or
    is the only other speaker of the file.
    """
    by_line = [list(_labels(line)) for line in lines]
    counts = Counter(label for labels in by_line for _, label in labels)
    first = {label for labels in by_line for place, label in labels if place == 0}
    known = _known(counts, first)
    if len(known) < 2:
        return [[line] for line in lines]
    return [list(_cut(line, labels, known)) for line, labels in zip(lines, by_line, strict=True)]


def unwrapped(lines: Sequence[str]) -> list[str]:
    """One line for all of these, where a third of the labels stand within them: whoever
    wrapped them looked at no label.
    """
    labels = [
        (speech <= place, label)
        for line, speech in zip(lines, map(_speech, lines), strict=True)
        for place, label in _labels(line)
    ]
    counts = Counter(label for _, label in labels)
    known = _known(counts, {label for is_within, label in labels if not is_within})
    begun = [not is_within for is_within, label in labels if label in known]
    is_wrapped = len(known) > 1 and 3 * sum(begun) <= 2 * len(begun)
    return [" ".join(filter(None, lines))] if is_wrapped else list(lines)


def _known(counts: Counter[str], first: Set[str]) -> set[str]:
    """The labels that come again; the roles besides, where only one label begins lines."""
    known = {label for label, times in counts.items() if times > 1 and _may_speak(label)}
    if len(known | first) < 2 or len(first) < 2:
        known |= {label for label in counts if is_role(label) or is_numbered(label)}
    return known


def _labels(line: str) -> Iterator[tuple[int, str]]:
    """(place, label) in the order of the line."""
    places = {match.start(): match["label"] for match in _AFTER_SENTENCE.finditer(line)}
    for match in _ANYWHERE.finditer(line):
        if is_role(match["label"]) or is_numbered(match["label"]):
            places.setdefault(match.start(), match["label"])
    yield from ((place, label.strip("*_ ")) for place, label in sorted(places.items()))


def _may_speak(label: str) -> bool:
    return is_role(label) or is_numbered(label) or is_name(label)


def _cut(line: str, labels: Sequence[tuple[int, str]], known: Set[str]) -> Iterator[str]:
    begin, speaks, speech = 0, "", _speech(line)
    for place, label in labels:
        if label not in known or label == speaks:
            continue
        words = line[begin:place].partition(":")[2] if speaks else ""
        if not place or (re.search(r"\w", words) if speaks else speech <= place):
            if place:
                yield line[begin:place].strip()
            begin, speaks = place, label
    yield line[begin:]


def _speech(line: str) -> int:
    """Where words of a speaker have begun, and not the `Mr.` or `Client` of a label: the end of the
    second word in small letters. Told once a line: once a label would take the square of it.
    """
    second = next(islice(_LOWER.finditer(line), 1, 2), None)
    return second.end() if second else len(line) + 1
