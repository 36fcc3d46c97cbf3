"""Rows of CSV with any delimiter, their header, and the names of their columns."""

from __future__ import annotations

import codecs
import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from connectors.tabular.text_file import MAX_LINE, Line, Position

_NUMBER_SIGN = re.compile("#|№|\\bN[º°]")
_CAMEL = re.compile(  # and `レビューID`
    r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[\u3040-\u9fff\uac00-\ud7a3])(?=[A-Za-z])"
)
_MISSING = frozenset(  # as R, pandas, spreadsheets and databases write it
    ("NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None", r"\N")
)


_SEPARATOR = re.compile(r"\"?sep=([,;\t|])\"?\r?\n", re.I)  # a spreadsheet's own first line


class Row(NamedTuple):
    line: int
    values: list[str]
    end: Position


class Header(NamedTuple):
    """The first row. lines: how many it takes, with those above it. text: from it on."""

    cells: tuple[str, ...]
    delimiter: str
    lines: int
    text: str


def header_of(text: str, above: Callable[[str], int] = lambda text: 0) -> Header:
    """The header in the beginning of a file; its delimiter is the one that it has most of. above:
    how many lines of a text stand above the header.
    """
    separator = _SEPARATOR.match(text)
    first = 1 if separator else above(text)
    rest = "\n".join(text.split("\n")[first:])
    delimiter = separator[1] if separator else delimiter_of(rest.partition("\n")[0])
    cells, count = first_row(rest, delimiter)
    return Header(cells, delimiter, first + count, rest)


def delimiter_of(line: str) -> str:
    return max(",;\t|", key=line.count)


def first_row(text: str, delimiter: str) -> tuple[tuple[str, ...], int]:
    """The cells of the first row, and the lines that it takes."""
    reader = csv.reader(whole_lines(text), delimiter=delimiter)
    cells: tuple[str, ...] = ()
    with suppress(csv.Error, StopIteration):
        cells = tuple(next(reader))
    return cells, reader.line_num


def whole_lines(text: str) -> Iterator[str]:
    return (line.strip("\r").replace("\r", " ") + "\n" for line in text.split("\n"))


def decoded(block: bytes, otherwise: str) -> str:
    """As UTF-8, whose last character may be cut; else in the other encoding."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(block)
    except UnicodeDecodeError:
        text = block.decode(otherwise, "replace")
    return text.removeprefix("\ufeff")


class _Feed:
    """Lines for a csv.reader. The lines of its row are kept, so that they can be read again."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self.lines = lines
        self.again: deque[Line] = deque()
        self.pending: list[Line] = []
        self.length = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self.again.popleft() if self.again else next(self.lines)
        self.pending.append(line)
        self.length += len(line.text)
        if self.length > MAX_LINE:
            raise csv.Error(f"is longer than {MAX_LINE:,} characters")
        return line.text

    def row_ended(self) -> list[Line]:
        lines, self.pending, self.length = self.pending, [], 0
        return lines


def csv_rows(
    lines: Iterator[Line],
    width: int,
    delimiter: str,
    on_bad_row: Callable[[int, str], None],
    shortest: int | None = None,
) -> Iterator[Row]:
    """The rows that have `width` fields; the others are reported. shortest: the fewest fields of
    a row that lacks its last, empty ones; `width` where None. Empty ones too many are none.

    A stray quote swallows the rows after it until the next quote or the field limit of `csv`: those
    lines are read again as rows of their own, so that one damaged row costs one row. Strict parsing
    notices it.
    """
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        try:
            values, problem = _next_values(reader)
        except StopIteration:
            return
        pending = feed.row_ended()
        first, last = pending[0], pending[-1]
        if problem:
            values, problem = _sloppy_values(pending, delimiter, problem)
        if problem is None and not values and not first.damage:
            continue  # an empty line
        values, problem = _as_wide(values, problem, width, shortest or width)
        if problem:
            feed.again.extendleft(reversed(pending[1:]))
        fault = first.damage or problem or _damage(pending)
        if fault:
            on_bad_row(first.number, fault)
        else:
            yield Row(first.number, values, Position(last.number, last.end))


def _next_values(reader: Iterator[list[str]]) -> tuple[list[str], str | None]:
    """The fields of the next row, or the problem with it. Raises StopIteration at the end."""
    try:
        return next(reader), None
    except csv.Error as error:
        # It quotes the delimiter, and a tab in a reason would be one in a terminal or a table.
        return [], f"cannot be read as CSV: {error}".replace("'\t'", "a tab")


def _sloppy_values(
    lines: Sequence[Line], delimiter: str, problem: str
) -> tuple[list[str], str | None]:
    """`"so" he said` as a field of one line is sloppy, not dangerous; a stray quote is."""
    text = lines[0].text
    if len(lines) > 1 or text.count('"') % 2:
        return [], problem
    return _next_values(csv.reader([text], delimiter=delimiter))


def _as_wide(
    values: list[str], problem: str | None, width: int, shortest: int
) -> tuple[list[str], str | None]:
    """The fields with the empty ones that are missing, without those too many; the problem."""
    if shortest <= len(values) < width:
        values = values + [""] * (width - len(values))
    elif not any(values[width:]):
        values = values[:width]
    return values, problem or _width_problem(values, width)


def _width_problem(values: list[str], width: int) -> str | None:
    return None if len(values) == width else f"has {len(values)} columns, not {width}"


def _damage(lines: Iterable[Line]) -> str | None:
    return next((line.damage for line in lines if line.damage), None)


def column_name(name: str) -> str:
    """`Consumer complaint narrative` as `consumer_complaint_narrative`, `ParticipantRole` as
    `participant_role`.
    """
    name = _CAMEL.sub("_", _NUMBER_SIGN.sub(" number ", name))
    return "_".join("".join(char if char.isalnum() else " " for char in name.casefold()).split())


def first_of(names: Sequence[str], candidates: Sequence[str]) -> int | None:
    """The index of the first of the candidate columns that `names` has."""
    return next((names.index(name) for name in candidates if name in names), None)


def is_rule(cells: Sequence[str]) -> bool:
    """A line of dashes, as databases and Markdown draw it below the names of the columns?"""
    return len(cells) > 0 and all(cell.strip(" -=:+") == "" for cell in cells)


def present(cell: str) -> str:
    """The cell without spaces around it; empty where a program wrote that it has no value."""
    cell = cell.strip()
    return "" if cell in _MISSING else cell
