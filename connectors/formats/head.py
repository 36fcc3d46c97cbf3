"""Recognition of a file's format by its beginning."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
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
from connectors.formats.call_people import flag_side
from connectors.formats.cells import is_value
from connectors.formats.columns import DATE, ID, TEXT, TITLE, WHOLE, with_text
from connectors.formats.json_table import JsonTable, json_table
from connectors.formats.labels import is_role, labelled
from connectors.formats.table_columns import by_content, may_name_columns
from connectors.formats.turn_columns import Columns, inferred
from connectors.tabular.rows import (
    column_name,
    decoded,
    delimiter_of,
    first_of,
    first_row,
    header_of,
    is_rule,
    whole_lines,
)
from connectors.tabular.text_file import LIKELY, START, Position, TextFile, fault_of

FORMATS = ("airline", "sentiment140", "twcs", "complaints", "transcripts", "jsonl")

_BACKSLASH = re.compile(r"[^\\,;\t|\r\n]\\\"[^,;\t|\r\n]|,\"\\\"")  # of a database: `said \"no\"`
_TURN_ROWS = 200
_FEWEST_TURNS = 4
_PEOPLE = ("name", "user", "author", "user_name", "username", "person", "who", "display_name")
_TITLE_LINES = 12  # within which the names of the columns are looked for
_TITLE_CELLS = 2  # of a line above them
_OUR_KIND = re.compile(r'"kind"\s*:\s*"(?:tweet|complaint|transcript|deleted)"')


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
    rivals: tuple[int, ...] = ()  # columns that may be the texts as well

    @property
    def own_names(self) -> tuple[str, ...]:
        """The names as the file gives them; one that comes again is numbered: `text`, `text_2`."""
        return self.table.keys if self.table else _numbered(self.first_row)

    @property
    def doubt(self) -> str:
        """In words, which column was taken for the texts where another may be it; else ''."""
        columns: FileHead | JsonTable = self.table or self
        if not columns.rivals:
            return ""
        written = self.own_names
        rivals = ", ".join(written[place] for place in columns.rivals)
        return (
            f"the texts are those of the column {written[columns.names.index(TEXT.name)]}, and may"
            f" as well be those of {rivals}; --text chooses"
        )

    @property
    def is_json(self) -> bool:
        lines = self.text.split("\n")[:20]
        looks_so = any(line.lstrip().startswith(("{", "[{", '[["')) for line in lines)
        looks_so = looks_so or re.match(r"\s*\[\s{1,40}\[\s{1,40}\"", self.text) is not None
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
        names = self.table.names if self.table else self.names
        renamed = with_text(names, self.own_names, column_name(column))
        if renamed is None:
            columns = ", ".join(self.own_names if self.table else self.first_row)
            raise FormatError(
                f"{self.path}: there is no column {column}; its columns are {columns}"
            )
        if self.table:
            return replace(self, table=self.table._replace(names=renamed, rivals=()))
        return replace(self, names=renamed, rivals=())

    def without_header(self, names: Sequence[str]) -> FileHead:
        return replace(self, names=tuple(names), data=START)

    @property
    def first_line(self) -> str:
        """The first line in words, for a message."""
        line = self.text.lstrip().partition("\n")[0].strip()
        return f"the first line is {line if len(line) <= 100 else line[:100] + '…'!r}"


def read_head(path: Path) -> FileHead:
    """Raises FormatError when it is no text; OSError, EOFError or zlib.error as reading does."""
    file = TextFile(path, otherwise=LIKELY)
    block = file.head()
    if fault := fault_of(block):
        raise FormatError(f"{path}: {fault}")
    text = decoded(block, file.otherwise or "")
    if not text.strip():
        raise FormatError(f"{path}: is empty")
    header = header_of(text, _header_line)
    lines = block.split(b"\n")[: header.lines]
    head = FileHead(
        path,
        text,
        header.cells,
        _numbered(header.cells),
        header.delimiter,
        Position(header.lines, sum(len(line) + 1 for line in lines)),
        escapes=_BACKSLASH.search(header.text) is not None and '""' not in header.text,
    )
    if not head.is_json:
        return head if _tweet_set(head) else _by_its_cells(head, header.text)
    is_ours = _OUR_KIND.search(text) is not None
    return (
        head
        if is_ours
        else replace(head, table=json_table(TextFile(path, otherwise=file.otherwise)))
    )


def _numbered(cells: Sequence[str]) -> tuple[str, ...]:
    times: Counter[str] = Counter()
    names = []
    for name in map(column_name, cells):
        times[name] += 1
        names.append(f"{name}_{times[name]}" if name and times[name] > 1 else name)
    return tuple(names)


def _by_its_cells(head: FileHead, rest: str) -> FileHead:
    """The head with our names for the columns that are told by what stands in them."""
    rows, are_all = _sample(head, rest)
    if transcripts.recognises(head.names):
        return head if transcripts.take_turns(head.names, rows[1:]) else _of_letters(head, rows[1:])
    turned = head if _are_whole(head.names, rows[1:]) else _with_turns(head, rows)
    if turned is not head or not are_all or _is_conversation(head.text, head.names):
        return turned
    if may_name_columns(head.first_row) or complaints.recognises(head.names):
        return _of_letters(head, rows[1:])
    return _without_names(head, rows)


def _without_names(head: FileHead, rows: Sequence[Sequence[str]]) -> FileHead:
    """The head of a table whose first row is a message already: it has sentences, and dates."""
    if len(rows) < 2 or not any(map(is_value, head.first_row)):
        return head
    names = by_content([""] * len(head.names), rows).names
    return head.without_header(names) if {TEXT.name, DATE.name} <= set(names) else head


def _of_letters(head: FileHead, rows: Sequence[Sequence[str]]) -> FileHead:
    """Of a table of which each row is of somebody else: senders are authors, and no speakers."""
    columns = by_content(head.names, rows)
    names = ["" if name in calls.SPEAKER or flag_side(name) else name for name in columns.names]
    return replace(head, names=tuple(names), rivals=columns.rivals)


def _sample(head: FileHead, rest: str) -> tuple[list[list[str]], bool]:
    """The first rows as wide as the first, and whether nearly all are."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows += islice(csv.reader(whole_lines(rest), delimiter=head.delimiter), _TURN_ROWS)
    rows = [row for row in rows if row and not is_rule(row)]
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


def _are_whole(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Has each row the id of a whole call or ticket of its own?"""
    place = first_of(names, WHOLE)
    return place is not None and 1 < len(rows) == len({row[place] for row in rows if row[place:]})


def _of_two_people(names: Sequence[str], rows: Sequence[Mapping[str, str]]) -> Columns | None:
    """Of a table of two people who take turns, named in a column for names; no row has an id or a
    subject of its own.
    """
    are_messages = first_of(names, (*ID.known, *TITLE.known)) is not None
    columns = inferred(rows) if len(rows) >= _FEWEST_TURNS and not are_messages else None
    if columns is None or names[int(columns.side)] not in _PEOPLE:
        return None
    return columns if len({row[columns.side] for row in rows} - {""}) == 2 else None


def _is_conversation(text: str, names: Sequence[str] = ()) -> bool:
    """Does the text itself name two speakers, at the beginnings of its lines? names: of columns; a
    table of one that we know is none.
    """
    if names and complaints.recognises(names) and (len(names) > 1 or names[0] in TEXT.known):
        return False
    turns = () if captions.is_captions(text) else speakers.turns(text.split("\n"))
    return captions.is_captions(text) or len({turn.name or turn.speaker for turn in turns}) > 1


def _header_line(text: str) -> int:
    """The place of the line that names the columns: below empty lines, and below a title and facts
    of one or two cells, where what follows is a table that we know.
    """
    widest = 0
    for place, line in enumerate(text.split("\n")[:_TITLE_LINES]):
        cells, _ = first_row(line, delimiter_of(line))
        full = sum(bool(cell.strip()) for cell in cells)
        names = tuple(map(column_name, cells))
        if place and full > max(1, widest) and (widest < 2 or may_name_columns(cells)):
            known = complaints.recognises(names) or transcripts.recognises(names)
            if known or widest == 0:
                return place if known else 0
        widest = max(widest, full)
        if widest > _TITLE_CELLS:
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
    raise _not_recognised(head)


def _not_recognised(head: FileHead) -> FormatError:
    if _is_markup(head):
        return FormatError(
            f"{head.path}: the format is not recognised: XML or HTML without turns; "
            "save its table as CSV"
        )
    return FormatError(
        f"{head.path}: the format is not recognised: {head.first_line}; "
        f"the formats are {', '.join(FORMATS)} (--format); "
        "of a table, name the column of the texts (--text)"
    )


def _is_markup(head: FileHead) -> bool:
    return head.text.lstrip().startswith("<")


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
    """A conversation or a page whose first line happens to hold a word such as `message`."""
    if _is_markup(head):
        return True
    first = labelled(head.text.lstrip().partition("\n")[0])
    if first and first.text and is_role(first.label) and _is_conversation(head.text):
        return True
    is_header = may_name_columns(head.first_row) or head.first_row[0] in TEXT.known
    return not (is_header or head.names[0] in TEXT.known) and _is_conversation(head.text)


def _holds_calls(head: FileHead) -> bool:
    if not head.is_json:
        return False
    keys = re.findall(r'"(\w+)"\s*:', head.text)
    return call_json.has_calls(keys) or call_json.holds_calls(head.path)
