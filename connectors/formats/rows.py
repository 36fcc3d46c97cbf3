"""Rows of a text file, plain or gzip, with their positions, and reasons of damaged ones."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pydantic import ValidationError

from connectors.events import Event, SourcedEvent, wrong_field
from connectors.formats.recoded import Recoded, recoding
from connectors.skipped import Kind

GZIP_MAGIC = b"\x1f\x8b"
LINE_FEED = 10
HEAD = 1 << 16  # bytes that a format is recognised by
MAX_LINE = 1 << 20  # bytes; a message may have 256 KB


_CAMEL = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MISSING = frozenset(  # as R, pandas, spreadsheets and databases write it
    ("NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None", r"\N")
)


class Position(NamedTuple):
    """Where reading goes on. line: the lines before it. byte: its offset, of a .gz in its text."""

    line: int
    byte: int


START = Position(0, 0)


class BadRow(NamedTuple):
    """A row that was left out. line: counted from 1. reason: without the words of a message."""

    line: int
    reason: str
    kind: Kind = "row"
    size: int = 1  # how many of this kind the reason is about


OnBadRow = Callable[[BadRow], None]


class Line(NamedTuple):
    text: str
    number: int
    end: int  # the offset of the byte after it
    damage: str | None


class Row(NamedTuple):
    line: int
    values: list[str]
    end: Position


class Doubtful(Exception):
    """A row that is read, and in which something is wrong."""

    def __init__(self, event: Event, reason: str) -> None:
        super().__init__(reason)
        self.event, self.reason = event, reason


class TextFile:
    """A file that is read line by line in constant memory.

    A line ends at a line feed alone: exports are known to hold bare carriage returns within a text.
    A line that is not UTF-8 is read in the encoding `otherwise`, or is damaged where there is none.
    """

    def __init__(self, path: Path, *, otherwise: str | None = None) -> None:
        self.path = path
        self.otherwise = otherwise
        self.total = path.stat().st_size
        with path.open("rb") as file:
            self.packed = file.read(2) == GZIP_MAGIC
        with self._unpacked() as file:
            self._recoding = recoding(file.read(HEAD))
        self._raw: BinaryIO | None = None

    @property
    def done(self) -> int:
        """Bytes of the file (packed ones, of a .gz) that have been read; `total` at the end."""
        if self._raw is None:
            return 0
        return self.total if self._raw.closed else self._raw.tell()

    @property
    def is_recoded(self) -> bool:
        """Are the positions those of a text that is not as the file holds it?"""
        return self.packed or self._recoding is not None

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        with self._unpacked() as file:
            if self._recoding is None:
                yield file
            else:
                yield io.BufferedReader(Recoded(file, *self._recoding), 1 << 16)

    @contextmanager
    def _unpacked(self) -> Iterator[BinaryIO]:
        with self.path.open("rb") as raw:
            self._raw = raw
            if self.packed:
                yield io.BufferedReader(gzip.GzipFile(fileobj=raw), 1 << 16)
            else:
                yield raw

    def head(self) -> bytes:
        """The first bytes, unpacked."""
        with self._opened() as file:
            block = file.read(HEAD)
        self._raw = None
        return block

    def is_longer_than(self, limit: int) -> bool:
        """Whether it has more bytes than these, unpacked; no more of it is read."""
        with self._opened() as file:
            while limit >= 0 and (block := file.read(min(limit + 1, HEAD))):
                limit -= len(block)
        self._raw = None
        return limit < 0

    def raw_lines(self, start: Position = START) -> Iterator[tuple[bytes, int, int, bool]]:
        """The lines from `start` on: (bytes, number, offset after it, was it cut off?)."""
        number, end = start
        with self._opened() as file:
            _skip(file, end)
            while raw := file.readline(MAX_LINE):
                number += 1
                end += len(raw)
                too_long = len(raw) == MAX_LINE and raw[-1] != LINE_FEED
                rest = raw if too_long else b""
                # The rest of an endless line is read and dropped.
                while rest and rest[-1] != LINE_FEED:
                    rest = file.readline(MAX_LINE)
                    end += len(rest)
                yield raw, number, end, too_long

    def lines(self, start: Position = START) -> Iterator[Line]:
        for raw, number, end, too_long in self.raw_lines(start):
            damage = None
            try:
                text = raw.decode()
            except UnicodeDecodeError as error:
                text = raw.decode(self.otherwise or "utf-8", "replace")
                if self.otherwise is None:
                    damage = (
                        f"is not UTF-8 (byte 0x{raw[error.start]:02x} at column {error.start + 1})"
                    )
            if number == 1:
                text = text.removeprefix("\ufeff")
            if "\0" in text:
                damage = "holds a NUL byte"
            if too_long:
                text, damage = "too long\n", f"is longer than {MAX_LINE:,} bytes"
            if "\r" in text:
                text = text.rstrip("\r\n").replace("\r", " ") + "\n"
            yield Line(text, number, end, damage)


def _skip(file: BinaryIO, count: int) -> None:
    if file.seekable():
        file.seek(count)
        return
    while count > 0:
        count -= len(file.read(min(count, HEAD))) or count


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
    lines: Iterator[Line], width: int, delimiter: str, on_bad_row: OnBadRow
) -> Iterator[Row]:
    """The rows that have `width` fields; the others are reported.

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
        problem = problem or _width_problem(values, width)
        if problem:
            feed.again.extendleft(reversed(pending[1:]))
        fault = first.damage or problem or _damage(pending)
        if fault:
            on_bad_row(BadRow(first.number, fault))
        else:
            yield Row(first.number, values, Position(last.number, last.end))


def _next_values(reader: Iterator[list[str]]) -> tuple[list[str], str | None]:
    """The fields of the next row, or the problem with it. Raises StopIteration at the end."""
    try:
        return next(reader), None
    except csv.Error as error:
        return [], f"cannot be read as CSV: {error}"


def _sloppy_values(
    lines: Sequence[Line], delimiter: str, problem: str
) -> tuple[list[str], str | None]:
    """`"so" he said` as a field of one line is sloppy, not dangerous; a stray quote is."""
    text = lines[0].text
    if len(lines) > 1 or text.count('"') % 2:
        return [], problem
    return _next_values(csv.reader([text], delimiter=delimiter))


def _width_problem(values: list[str], width: int) -> str | None:
    return None if len(values) == width else f"has {len(values)} columns, not {width}"


def _damage(lines: Iterable[Line]) -> str | None:
    return next((line.damage for line in lines if line.damage), None)


def reason(error: ValueError) -> str:
    """The error in one line, without the words of the message that is wrong."""
    if isinstance(error, ValidationError):
        return wrong_field(error, slice(-1, None))
    return str(error)


def rows_as_events(
    rows: Iterator[Row], event_of: Callable[[list[str]], Event], on_bad_row: OnBadRow
) -> Iterator[SourcedEvent]:
    """The rows as events. event_of: makes one of the values; its ValueError is a bad row, its
    Doubtful one that is read and named.
    """
    for row in rows:
        try:
            event = event_of(row.values)
        except Doubtful as doubt:
            on_bad_row(BadRow(row.line, doubt.reason, "date"))
            yield SourcedEvent(doubt.event, row.end)
        except ValueError as error:
            on_bad_row(BadRow(row.line, reason(error)))
        else:
            yield SourcedEvent(event, row.end)


def column_name(name: str) -> str:
    """`Consumer complaint narrative` as `consumer_complaint_narrative`, `ParticipantRole` as
    `participant_role`.
    """
    name = _CAMEL.sub("_", name)
    return "_".join("".join(char if char.isalnum() else " " for char in name.casefold()).split())


def first_of(names: Sequence[str], candidates: Sequence[str]) -> int | None:
    """The index of the first of the candidate columns that `names` has."""
    return next((names.index(name) for name in candidates if name in names), None)


def present(cell: str) -> str:
    """The cell without spaces around it; empty where a program wrote that it has no value."""
    cell = cell.strip()
    return "" if cell in _MISSING else cell
