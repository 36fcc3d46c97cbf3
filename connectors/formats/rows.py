"""The rows of a text file, plain or gzip, one at a time: where each starts, and what is wrong with
the damaged ones.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pydantic import ValidationError

from connectors.events import Event, Sourced, wrong_field

GZIP_MAGIC = b"\x1f\x8b"
LINE_FEED = 10
MAX_LINE = 1 << 20  # bytes; a message may have 256 KB


class Position(NamedTuple):
    """Where reading goes on. line: the lines before it. byte: its offset (in the unpacked text of a
    .gz).
    """

    line: int
    byte: int


START = Position(0, 0)


class BadRow(NamedTuple):
    """A row that was left out. line: where it starts, counted from 1. reason: never the words of a
    message.
    """

    line: int
    reason: str


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
        self._raw: BinaryIO | None = None

    @property
    def done(self) -> int:
        """Bytes of the file (packed ones, of a .gz) that have been read; `total` at the end."""
        if self._raw is None:
            return 0
        return self.total if self._raw.closed else self._raw.tell()

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        with self.path.open("rb") as raw:
            self._raw = raw
            if self.packed:
                yield io.BufferedReader(gzip.GzipFile(fileobj=raw), 1 << 16)
            else:
                yield raw

    def head(self, size: int = 1 << 16) -> bytes:
        """The first bytes, unpacked."""
        with self._opened() as file:
            block = file.read(size)
        self._raw = None
        return block

    def raw_lines(self, start: Position = START) -> Iterator[tuple[bytes, int, int, bool]]:
        """The lines from `start` on: (bytes, number, offset after it, whether it was too long and
        is cut off).
        """
        number, end = start
        with self._opened() as file:
            file.seek(end)
            while raw := file.readline(MAX_LINE):
                number += 1
                end += len(raw)
                too_long = len(raw) == MAX_LINE and raw[-1] != LINE_FEED
                rest = raw if too_long else b""
                while (
                    rest and rest[-1] != LINE_FEED
                ):  # the rest of an endless line is read and dropped
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


class _Feed:
    """Hands lines to a csv.reader and remembers those of the row it is in, so that they can be read
    once more.
    """

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
    is what notices it.
    """
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        problem = None
        values: list[str] = []
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = f"cannot be read as CSV: {error}"
        pending = feed.row_ended()
        first, last = pending[0], pending[-1]
        if problem and len(pending) == 1 and first.text.count('"') % 2 == 0:
            # `"so" he said` as a field of one line is sloppy, not dangerous
            with suppress(csv.Error):
                values, problem = next(csv.reader([first.text], delimiter=delimiter)), None
        if problem is None and not values and not first.damage:
            continue  # an empty line
        if problem is None and len(values) != width:
            problem = f"has {len(values)} columns, not {width}"
        if problem:
            feed.again.extendleft(reversed(pending[1:]))
        damage = (line.damage for line in pending if line.damage)
        if wrong := first.damage or problem or next(damage, None):
            on_bad_row(BadRow(first.number, wrong))
        else:
            yield Row(first.number, values, Position(last.number, last.end))


def reason(error: ValueError) -> str:
    """What is wrong, in one line, without the words of the message itself."""
    if isinstance(error, ValidationError):
        return wrong_field(error, slice(-1, None))
    return str(error)


def events(
    rows: Iterator[Row], event_of: Callable[[list[str]], Event], on_bad_row: OnBadRow
) -> Iterator[Sourced]:
    """Each row as the event that `event_of` makes of its values; a ValueError there is a bad row."""
    for row in rows:
        try:
            event = event_of(row.values)
        except ValueError as error:
            on_bad_row(BadRow(row.line, reason(error)))
        else:
            yield Sourced(event, row.end)


def column_name(name: str) -> str:
    """`Consumer complaint narrative` as `consumer_complaint_narrative`."""
    return "_".join("".join(char if char.isalnum() else " " for char in name.casefold()).split())


def first_of(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    """The index of the first of the `wanted` columns that `names` has."""
    return next((names.index(name) for name in wanted if name in names), None)
