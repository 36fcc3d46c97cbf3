"""Recognition of a file's format by its beginning."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from connectors.base import FormatError
from connectors.formats import (
    call_json,
    calls,
    captions,
    complaints,
    speakers,
    transcripts,
    twcs,
    tweets,
)
from connectors.formats.json_table import JsonTable, json_table
from connectors.formats.labels import is_role
from connectors.formats.rows import START, Position, TextFile, column_name, first_of
from connectors.formats.table_columns import by_content, may_name_columns
from connectors.formats.turn_columns import Columns, inferred

FORMATS = ("airline", "sentiment140", "twcs", "complaints", "transcripts", "jsonl")

_SEPARATOR = re.compile(r"\"?sep=([,;\t|])\"?\r?\n", re.I)  # a spreadsheet's own first line
_BACKSLASH = re.compile(r"[^\\,;\t|\r\n]\\\"[^,;\t|\r\n]|,\"\\\"")  # of a database: `said \"no\"`
_TURN_ROWS = 200
_FEWEST_TURNS = 4
_PEOPLE = ("name", "user", "author", "user_name", "username", "person", "who", "display_name")
_TITLE_LINES = 6  # within which the names of the columns are looked for
_OUR_KIND = re.compile(r'"kind"\s*:\s*"(?:tweet|complaint|transcript|deleted)"')
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


@dataclass(frozen=True, slots=True)
class FileHead:
    """The beginning of a file. names: of the first row, by column_name(). data: the rows' start."""

    path: Path
    text: str
    first_row: tuple[str, ...]
    names: tuple[str, ...]
    delimiter: str
    data: Position
    day_first: bool | None = None  # of its dates
    table: JsonTable | None = None  # of JSON whose objects are messages
    escapes: bool = False  # is a quote within a cell written as `\\"`?

    @property
    def is_json(self) -> bool:
        lines = self.text.split("\n")[:20]
        looks_so = any(line.lstrip().startswith(("{", "[{", '[["')) for line in lines)
        return looks_so and not captions.is_captions(self.text)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of a table; none of JSON, whose keys stand between commas as well."""
        has_none = call_json.begins_json(self.text) or captions.names_no_columns(self.text)
        return () if has_none else self.names

    def need(self, columns: Sequence[str]) -> None:
        """Raises FormatError that names the missing columns."""
        missing = [name for name in columns if name not in self.names]
        if missing:
            raise FormatError(
                f"{self.path}: the column {', '.join(missing)} is missing; {self.first_line}"
            )

    def with_text(self, column: str) -> FileHead:
        """The head with this column for that of the texts. Raises FormatError where it has none."""
        if self.table:
            return replace(self, table=self.table.with_text(column, self.path))
        name_of_text = column_name(column)
        if name_of_text not in self.names:
            columns = ", ".join(self.first_row)
            raise FormatError(
                f"{self.path}: there is no column {column}; its columns are {columns}"
            )
        names = ["" if name in complaints.TEXT else name for name in self.names]
        names[self.names.index(name_of_text)] = complaints.TEXT[0]
        return replace(self, names=tuple(names))

    def without_header(self, names: Sequence[str]) -> FileHead:
        return replace(self, names=tuple(names), data=START)

    @property
    def first_line(self) -> str:
        """The first line in words, for a message."""
        line = self.text.lstrip().partition("\n")[0].strip()
        return f"the first line is {line if len(line) <= 100 else line[:100] + '…'!r}"


def read_head(path: Path) -> FileHead:
    """Raises FormatError when it is no text; OSError, EOFError or zlib.error as reading does."""
    block = TextFile(path).head()
    start = block[:4096]
    if b"\0" in block.partition(b"\n")[0] or len(_CONTROL.findall(start)) > len(start) // 20:
        raise FormatError(f"{path}: is a binary file, not text")
    text = _decoded(block).removeprefix("\ufeff")
    if not text.strip():
        raise FormatError(f"{path}: is empty")
    separator = _SEPARATOR.match(text)
    first = 1 if separator else _header_line(text)
    lines = block.split(b"\n")
    rest = "\n".join(text.split("\n")[first:])
    delimiter = separator[1] if separator else _delimiter(rest.partition("\n")[0])
    first_row, count = _first_row(rest, delimiter)
    data = Position(first + count, sum(len(line) + 1 for line in lines[: first + count]))
    names = tuple(map(column_name, first_row))
    escapes = _BACKSLASH.search(rest) is not None and '""' not in rest
    head = FileHead(path, text, first_row, names, delimiter, data, escapes=escapes)
    if not head.is_json:
        return _by_its_cells(head, rest)
    is_ours = _OUR_KIND.search(text) is not None
    return head if is_ours else replace(head, table=json_table(TextFile(path)))


def _decoded(block: bytes) -> str:
    """As UTF-8, whose last character may be cut; else in the letters of Windows."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(block)
    except UnicodeDecodeError:
        return block.decode("cp1252", "replace")


def _by_its_cells(head: FileHead, rest: str) -> FileHead:
    """The head with our names for the columns that are told by what stands in them."""
    rows, are_all = _sample(head, rest)
    if transcripts.recognises(head.names):
        return head if transcripts.take_turns(head.names, rows[1:]) else _of_letters(head, rows[1:])
    turned = _with_turns(head, rows)
    if turned is not head or not are_all or _is_conversation(head.text, head.names):
        return turned
    if not may_name_columns(head.first_row) and not complaints.recognises(head.names):
        return head
    return replace(head, names=by_content(head.names, rows[1:]))


def _of_letters(head: FileHead, rows: Sequence[Sequence[str]]) -> FileHead:
    """Of a table of which each row is of somebody else: they are authors, and no speakers."""
    names = [complaints.AUTHOR[0] if name in calls.SPEAKER else name for name in head.names]
    return replace(head, names=by_content(names, rows))


def _sample(head: FileHead, rest: str) -> tuple[list[list[str]], bool]:
    """The first rows as wide as the first, and whether nearly all are."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows += islice(csv.reader(_lines(rest), delimiter=head.delimiter), _TURN_ROWS)
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    right = [row for row in rows if len(row) == len(head.names)]
    return right, 10 * len(right) >= 9 * len(rows)


def _with_turns(head: FileHead, rows: Sequence[Sequence[str]]) -> FileHead:
    """The head of a table whose cells name both sides again and again, with the names of turns."""
    names = list(head.names)
    entries = [
        {str(place): cell.strip() for place, cell in enumerate(row)} for row in rows if len(row) > 1
    ]
    columns = inferred(entries[1:], need_sides=True) if len(entries) > 2 else None
    columns = columns or _of_two_people(names, entries[1:])
    if columns is None or _is_conversation(head.text):
        return head
    first = entries[0][columns.side]  # comes again where no row names the columns
    is_turn = is_role(first) and any(row[columns.side] == first for row in entries[1:])
    if is_turn:
        names = [""] * len(names)
    names[int(columns.side)], names[int(columns.text)] = "speaker", "text"
    return head.without_header(names) if is_turn else replace(head, names=tuple(names))


def _of_two_people(names: Sequence[str], rows: Sequence[Mapping[str, str]]) -> Columns | None:
    """Of a table of two people who take turns, named in a column for names; no row has an id or a
    subject of its own.
    """
    are_messages = first_of(names, (*complaints.ID, *complaints.TITLE)) is not None
    columns = inferred(rows) if len(rows) >= _FEWEST_TURNS and not are_messages else None
    if columns is None or names[int(columns.side)] not in _PEOPLE:
        return None
    return columns if len({row[columns.side] for row in rows} - {""}) == 2 else None


def _delimiter(line: str) -> str:
    return max(",;\t|", key=line.count)


def _is_conversation(text: str, names: Sequence[str] = ()) -> bool:
    """Does the text itself name two speakers, at the beginnings of its lines? names: of columns; a
    table of one that we know is none.
    """
    if names and complaints.recognises(names) and (len(names) > 1 or names[0] in complaints.TEXT):
        return False
    turns = () if captions.is_captions(text) else speakers.turns(text.split("\n"))
    return captions.is_captions(text) or len({turn.name or turn.speaker for turn in turns}) > 1


def _lines(text: str) -> Iterator[str]:
    return (line.strip("\r").replace("\r", " ") + "\n" for line in text.split("\n"))


def _first_row(text: str, delimiter: str) -> tuple[tuple[str, ...], int]:
    """The cells of the first row, and the lines that it takes."""
    reader = csv.reader(_lines(text), delimiter=delimiter)
    first_row: tuple[str, ...] = ()
    with suppress(csv.Error, StopIteration):
        first_row = tuple(next(reader))
    return first_row, reader.line_num


def _header_line(text: str) -> int:
    """The place of the line that names the columns: below empty lines, and below a title that has
    but one cell, where what follows is a table that we know.
    """
    for place, line in enumerate(text.split("\n")[:_TITLE_LINES]):
        cells = line.strip().split(_delimiter(line))
        if len(cells) > 1 and place:
            names = tuple(column_name(cell) for cell in cells)
            known = complaints.recognises(names) or transcripts.recognises(names)
            return place if known else 0
        if len(cells) > 1:
            break
    return 0


def recognised(head: FileHead) -> str:
    """The format's name. Raises FormatError when it is none of them."""
    tweet_set = _tweet_set(head)
    if tweet_set is not None:
        return tweet_set
    if transcripts.recognises(head.columns):
        return "transcripts"
    if complaints.recognises(head.columns) and not _is_rather_talk(head):
        return "complaints"
    if head.is_json and _OUR_KIND.search(head.text):
        return "jsonl"
    if head.table is not None:
        return "complaints"
    is_call = _holds_calls(head) or captions.is_captions(head.text)
    if is_call or speakers.turns(head.text.split("\n")):
        return "transcripts"
    raise FormatError(
        f"{head.path}: the format is not recognised: {head.first_line}; "
        f"the formats are {', '.join(FORMATS)} (--format); "
        "of a table, name the column of the texts (--text)"
    )


def _tweet_set(head: FileHead) -> str | None:
    """The public set of tweets whose columns those are."""
    names = set(head.columns)
    if names >= set(tweets.AIRLINE):
        return "airline"
    if names >= set(twcs.COLUMNS):
        return "twcs"
    is_140 = names >= set(tweets.SENTIMENT140) or tweets.is_sentiment140(head.first_row)
    return "sentiment140" if is_140 else None


def _is_rather_talk(head: FileHead) -> bool:
    """A conversation whose first line happens to hold a word such as `message`."""
    is_header = may_name_columns(head.first_row) or head.first_row[0] in complaints.TEXT
    return not (is_header or head.names[0] in complaints.TEXT) and _is_conversation(head.text)


def _holds_calls(head: FileHead) -> bool:
    if not head.is_json:
        return False
    keys = re.findall(r'"(\w+)"\s*:', head.text)
    return call_json.has_calls(keys) or call_json.holds_calls(head.path)
