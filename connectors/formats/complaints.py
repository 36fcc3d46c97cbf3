"""Complaints as CSV: any table with a column of free text, such as those of FCC and CFPB."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from string import punctuation
from urllib.parse import quote

from connectors.events import Complaint
from connectors.formats.columns import (
    AUTHOR,
    CLASSES,
    CLOCK,
    GIVEN_NAME,
    ID,
    THREAD,
    TITLE,
    brand_column,
    date_column,
    text_column,
)
from connectors.formats.rows import Doubtful
from connectors.formats.times import NO_DATE, doubt, written_time
from connectors.markup import is_markup, plain
from connectors.tabular.rows import column_name, first_of, is_rule, present

_LONGEST_NAME = 100
_REPEATED = 2  # names of columns that stand in the row itself
_OF_A_FORM = frozenset(("open-ended response", "response", "other (please specify)"))
_SUM = re.compile(  # `Total`, `Total complaints: 2`; `Total rubbish` is somebody's word
    r"(?:grand |sub)?(?:total[es]{0,2}|sum|summe|gesamt|suma|somme|итого|合計)"
    r"(?:[^\d:]{0,30}:?\s*[\d.,]+|:)?",
    re.I,
)


def recognises(names: Sequence[str]) -> bool:
    return text_column(names) is not None


def complaint(
    names: Sequence[str],
    undated: datetime,
    day_first: bool | None = None,
    header: Sequence[str] = (),
) -> Callable[[list[str]], Complaint]:
    """Rows of any complaints table.

    The id is the row's own, or else a hash of text, date, title, author and brand, so that a second
    replay doubles nothing. undated: the time of a row without a date; the file's own time is the
    latest possible one. header: the names of the columns as the table has them.
    """
    text_, date_, brand_ = text_column(names), date_column(names), brand_column(names)
    id_, title_, author_ = (role.place(names) for role in (ID, TITLE, AUTHOR))
    clock_, thread_, first_name_ = (
        first_of(names, (name,)) for name in (CLOCK, THREAD, GIVEN_NAME)
    )
    is_subject = title_ is not None and names[title_] not in CLASSES

    def words(text: str, title: str) -> tuple[str, str]:
        """Text and title; a subject alone is the text. Raises ValueError where both are empty."""
        if not text and is_subject:
            text, title = title, ""
        if not text:
            raise ValueError("has no text")
        return text, title

    def complaint_of(row: list[str]) -> Complaint:
        def value(column: int | None) -> str:
            return present(row[column]) if column is not None else ""

        _check_message(header, row)
        text, title = words(value(text_), value(title_))
        date, brand, author = (value(column) for column in (date_, brand_, author_))
        date = f"{date} {value(clock_)}".strip() if date else ""
        author = f"{value(first_name_)} {author}".strip()
        id = f"complaints:{native_id(value(id_)) or fingerprint(text, date, title, author, brand)}"
        thread = value(thread_)
        text = plain(text) if is_markup(text) else text
        moment, fault = _moment(date, day_first) if date else (undated, None)
        complaint = Complaint(
            id=id,
            conversation=f"complaints:{native_id(thread)}" if thread else id,
            occurred_at=undated if fault else moment,
            title=title[:300] or None,
            brand=brand[:300] or None,
            author=author[:300] or None,
            text=text,
        )
        if fault:
            raise Doubtful(complaint, f"the date {date[:40]!r} {fault}; the file's time is taken")
        return complaint

    return complaint_of


def _check_message(header: Sequence[str], row: Sequence[str]) -> None:
    """Raises ValueError for a row that is no message."""
    cells = [cell.strip() for cell in row if cell.strip()]
    if is_rule(cells):
        raise ValueError("is a line between rows")
    if cells and _names_columns(header, row, cells):
        raise ValueError("names the columns again")
    if cells and len(cells) < len(row) and _SUM.fullmatch(cells[0]):
        raise ValueError("sums up the rows above it")


def _names_columns(header: Sequence[str], row: Sequence[str], cells: Sequence[str]) -> bool:
    """By our names, by a form's, or by codes in JSON; cells: the row's that are not empty."""
    pairs = zip(header, row, strict=False)
    repeated = sum(
        len(cell) <= _LONGEST_NAME and column_name(cell) == name != "" for name, cell in pairs
    )
    is_form = all(cell.casefold() in _OF_A_FORM for cell in cells)
    is_code = len(cells) > 1 and all(cell.startswith("{") and cell.endswith("}") for cell in cells)
    return repeated >= _REPEATED or is_form or is_code


def _moment(date: str, day_first: bool | None) -> tuple[datetime, str | None]:
    """The moment, and what is wrong with it: then it is of no use."""
    try:
        moment = written_time(date, day_first=day_first)
    except ValueError:
        return datetime.max, NO_DATE
    return moment, doubt(moment, datetime.now(UTC))


def native_id(id: str) -> str:
    """The id as a part of an event's id: other letters than printable ASCII as %20, a long one as
    a hash.
    """
    quoted = quote(id, safe=punctuation)
    return quoted if len(quoted) <= 200 else fingerprint(id)


def fingerprint(*parts: str) -> str:
    return sha256("\x1f".join(parts).encode()).hexdigest()[:16]
