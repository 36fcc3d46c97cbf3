"""Kinds of cells: dates, times of day, numbers, addresses, names of people, sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

from connectors.events import unescaped
from connectors.formats.date_words import plain_clock
from connectors.formats.times import doubt, written_time
from connectors.formats.turn_columns import word_count

_MOSTLY = 0.8  # of the cells that are not empty
_LONGEST_DATE = 60
_SECONDS = re.compile(r"1\d{9}(?:\.\d{1,9})?")
_NUMBER = re.compile(r"[\d.,:/ +-]+")
_ADDRESS = re.compile(r"https?://\S+|(?<!\S)[^\s@]+@\S+")
_HANDLE = re.compile(r"[\w.+-]*@[\w.-]+")
_DATE = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{4}-\d\d|\d{4}[年년]|\b20\d{12}\b|\b1\d{12}(?:\d{3})?\b"
)
_MONTH, _YEAR = re.compile(r"[^\W\d_]{3}"), re.compile(r"\b\d{4}\b")  # `12 March 2026`
_TIME_OF_DAY = re.compile(
    r"\d{1,2}[:.h]\d\d(?:[:.]\d\d)?(?:\.\d{1,9})?(?: ?[ap]\.? ?m\.?)?(?: Uhr)?", re.I
)
_RESOURCE = re.compile(r"[\w-]+/[\w-]+(?:/[\w-]+)*")  # `accounts/1/reviews/2`
_ID = re.compile(r"(?=\D*\d)(?!\d+[.,]\d+\Z)[\w/#.-]{1,60}")  # no decimal number
_PERSON = re.compile(r"[^\W\d_][\w.'\u2019-]*(?: [^\W\d_][\w.'\u2019-]*){1,3}")
_WORD = re.compile(r"\w+")
_FLAGS = frozenset(("yes", "no", "true", "false", "y", "n", "ja", "nein", "oui", "non", "si", "sí"))
_GRADE = re.compile(r"\d{1,2}(?:[.,]\d)?")
_LONGEST_PHRASE = 6  # words, on average
_LONGEST_SUBJECT = 8
_RIVAL = 1 / 3  # of the words of the texts
_SENTENCE = 3  # words
_SAME = 0.3  # of the words may differ, as marks of HTML do


def mostly(cells: Sequence[str], holds: Callable[[str], object]) -> bool:
    full = [cell for cell in cells if cell]
    return bool(full) and sum(map(bool, map(holds, full))) >= _MOSTLY * len(full)


def can_be_read(cell: str) -> bool:
    """As a date."""
    return day_of(cell) is not None


def day_of(cell: str) -> date | None:
    try:
        return written_time(cell).date()
    except ValueError:
        return None


def is_plain_date(cell: str) -> bool:
    """Whatever its column is called: no bare number of another kind, and of our days."""
    if len(cell) > _LONGEST_DATE or not can_be_read(cell):
        return False
    if not _DATE.search(cell) and not (_MONTH.search(cell) and _YEAR.search(cell)):
        return False
    now = datetime.now(UTC)
    return any(not doubt(written_time(cell, day_first=order), now) for order in (False, True))


def is_seconds(cell: str) -> bool:
    """Unix time."""
    return _SECONDS.fullmatch(cell) is not None


def is_time_of_day(cell: str) -> bool:
    return _TIME_OF_DAY.fullmatch(plain_clock(cell[:_LONGEST_DATE])) is not None


def is_value(cell: str) -> bool:
    """No name of a column: a number, an address, a sentence, a date."""
    is_number = _NUMBER.fullmatch(cell) is not None
    return is_number or "@" in cell or cell.endswith((".", "!")) or is_plain_date(cell)


def is_resource(cell: str) -> bool:
    return _RESOURCE.fullmatch(cell) is not None


def is_handle(cell: str) -> bool:
    """`@jane`, or an address of mail."""
    return _HANDLE.fullmatch(cell) is not None


def is_link(cell: str) -> bool:
    return cell.startswith("http")


def are_people(cells: Sequence[str]) -> bool:
    """Names of two to four words, each with a capital, and of most rows another one."""
    full = [cell for cell in cells if cell]
    return 2 * len(set(full)) > len(full) and mostly(cells, _is_person)


def _is_person(cell: str) -> bool:
    return bool(_PERSON.fullmatch(cell)) and all(word[0].isupper() for word in cell.split())


def may_be_words(cells: Sequence[str]) -> bool:
    full = [cell for cell in cells if cell]
    return not full or not all(
        _NUMBER.fullmatch(cell) or _ADDRESS.fullmatch(cell) or is_plain_date(cell) for cell in full
    )


def are_phrases(cells: Sequence[str]) -> bool:
    """Short ones, and more than a yes and no, or grades."""
    full = [cell for cell in cells if cell]
    words = sum(len(cell.split()) for cell in full)
    is_flag = bool(full) and {cell.casefold() for cell in full} <= _FLAGS
    is_grade = bool(full) and all(_GRADE.fullmatch(cell) for cell in full)
    return words <= _LONGEST_PHRASE * len(full) and not is_flag and not is_grade


def are_subjects(cells: Sequence[str]) -> bool:
    """Phrases, each another one, and no names: some go on in lower case."""
    words = [cell.split() for cell in cells if cell]
    differ = 1 < len(words) == len(set(cells) - {""}) >= _MOSTLY * len(cells)
    are_short = sum(map(len, words)) <= _LONGEST_SUBJECT * len(words)
    go_on = any(word[0].islower() for phrase in words for word in phrase[1:])
    return differ and are_short and go_on and not any(is_value(cell) for cell in cells if cell)


def are_ids(cells: Sequence[str]) -> bool:
    """Numbers or keys that count up or down, each another one."""
    ranks = [(len(cell), cell) for cell in cells]
    counted = ranks in (sorted(ranks), sorted(ranks, reverse=True))
    is_plain = all(_ID.fullmatch(cell) and not is_plain_date(cell) for cell in cells)
    return 1 < len(cells) == len(set(cells)) and counted and is_plain


def may_be_text_too(cells: Sequence[str], texts: Sequence[str]) -> bool:
    """Are most cells sentences of a length like the texts', and other words than those?"""
    pairs = [
        (set(_WORD.findall(unescaped(cell))), set(_WORD.findall(unescaped(text))))
        for cell, text in zip(cells, texts, strict=True)
        if cell and cell[0] not in "[{"
    ]
    different = [cell for cell, text in pairs if len(cell - text) > _SAME * len(cell | text)]
    is_long = word_count(cells) >= max(1, _RIVAL * word_count(texts))
    return is_long and 2 * sum(len(cell) >= _SENTENCE for cell in different) > len(pairs)
