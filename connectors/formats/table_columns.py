"""Columns of a table of messages, told by what stands in them where their names say nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from connectors.formats.complaints import CLOCK, DATE, TEXT, date_column, text_column
from connectors.formats.times import doubt, written_time
from connectors.formats.turn_columns import word_count

_MOSTLY = 0.8  # of the cells that are not empty
_CELLS = 50  # that are looked at
_LONGEST_NAME = 100
_LONGEST_DATE = 60
_OF_TIME = frozenset(
    ("at", "created", "epoch", "posted", "received", "sent", "unix", "utc", "when")
)
_SECONDS = re.compile(r"1\d{9}(?:\.\d{1,9})?")
_NUMBER = re.compile(r"[\d.,:/ +-]+")
_DATE = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{4}-\d\d|\d{4}[年년]|\b20\d{12}\b|\b1\d{12}(?:\d{3})?\b"
)
_MONTH, _YEAR = re.compile(r"[^\W\d_]{3}"), re.compile(r"\b\d{4}\b")  # `12 March 2026`
_TIME_OF_DAY = re.compile(
    r"\d{1,2}[:.h]\d\d(?:[:.]\d\d)?(?:\.\d{1,9})?(?: ?[ap]\.?m\.?)?(?: Uhr)?", re.I
)
_WRITTEN_BY_OTHERS = frozenset(["agent", "answer", "internal", "reply", "replies", "resolution"])
_BESIDES = frozenset(
    (
        "birth",
        "birthday",
        "closed",
        "due",
        "dob",
        "end",
        "modified",
        "resolved",
        "updated",
        "version",
    )
)

Rows = Sequence[Sequence[str]]


def may_name_columns(cells: Sequence[str]) -> bool:
    """Can these be the names of columns, and not a row: no numbers, dates, addresses, sentences?"""
    return len(cells) > 1 and all(
        cell.strip() and len(cell) <= _LONGEST_NAME and not _is_value(cell.strip())
        for cell in cells
    )


def _is_value(cell: str) -> bool:
    is_number = _NUMBER.fullmatch(cell) is not None
    return is_number or "@" in cell or cell.endswith((".", "!")) or _is_plain_date(cell)


def by_content(names: Sequence[str], rows: Rows) -> tuple[str, ...]:
    """The names, with our own for the text, the date and the time of day where no name says which
    column that is, or says what its cells deny. rows: some of the table's, each as wide as names.
    """
    better = list(names)
    columns = [[row[place].strip() for row in rows[:_CELLS]] for place in range(len(names))]
    if text_column(better) is None:
        text = _of_sentences(better, columns)
        if text is None:
            return tuple(names)
        _rename(better, text, TEXT[0])
    _find_date(better, columns)
    return tuple(better)


def _find_date(names: list[str], columns: Rows) -> None:
    date = date_column(names)
    if date is None or not _mostly(columns[date], _can_be_read):
        date = next(_dates(names, columns), date)
        if date is None:
            return
        _rename(names, date, DATE[0])
    if any(":" in cell for cell in columns[date]):
        return
    for place, cells in enumerate(columns):
        if place != date and _mostly(cells, _is_time_of_day) and _is_own(names[place]):
            _rename(names, place, CLOCK)
            return


def _dates(names: Sequence[str], columns: Rows) -> Iterator[int]:
    """The columns whose cells are dates, but for the text's."""
    text = text_column(names)
    for place, cells in enumerate(columns):
        are_dates = _mostly(cells, _is_plain_date) or _are_seconds(names[place], cells)
        if place != text and _is_own(names[place]) and are_dates:
            yield place


def _rename(names: list[str], place: int, name: str) -> None:
    names[:] = ["" if other == name else other for other in names]
    names[place] = name


def _of_sentences(names: Sequence[str], columns: Rows) -> int | None:
    """The wordiest of the columns with sentences; what was answered only where nothing else is."""
    words = [word_count(cells) for cells in columns]
    own = [bool(name) and _WRITTEN_BY_OTHERS.isdisjoint(name.split("_")) for name in names]
    best = max(range(len(names)), key=lambda place: (own[place] and words[place] > 0, words[place]))
    return best if words[best] and len(columns[best]) > 1 else None


def _is_own(name: str) -> bool:
    """Is it no column of what became of a message, or of somebody's birth?"""
    return _BESIDES.isdisjoint(name.split("_"))


def _can_be_read(cell: str) -> bool:
    try:
        written_time(cell)
    except ValueError:
        return False
    return True


def _is_plain_date(cell: str) -> bool:
    """Whatever its column is called: no bare number of another kind, and of our days."""
    if len(cell) > _LONGEST_DATE or not _can_be_read(cell):
        return False
    if not _DATE.search(cell) and not (_MONTH.search(cell) and _YEAR.search(cell)):
        return False
    return doubt(written_time(cell), datetime.now(UTC)) is None


def _are_seconds(name: str, cells: Sequence[str]) -> bool:
    """Unix time, under a name that does not contradict: an order has ten digits as well."""
    is_time = not _OF_TIME.isdisjoint(name.split("_"))
    return is_time and _mostly(cells, lambda cell: _SECONDS.fullmatch(cell) is not None)


def _is_time_of_day(cell: str) -> bool:
    return _TIME_OF_DAY.fullmatch(cell) is not None


def _mostly(cells: Sequence[str], holds: Callable[[str], bool]) -> bool:
    full = [cell for cell in cells if cell]
    return bool(full) and sum(map(holds, full)) >= _MOSTLY * len(full)
