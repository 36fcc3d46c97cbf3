"""Readers of the formats: a file and its head in, events with their cursors out."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from connectors.events import Event, SourcedEvent, decode
from connectors.formats import call_json, calls, complaints, transcripts, twcs, tweets
from connectors.formats.columns import TEXT, date_column, text_column
from connectors.formats.head import FileHead
from connectors.formats.rows import BadRow, OnBadRow, reason, rows_as_events
from connectors.formats.times import Order, order_of
from connectors.tabular.rows import Row, column_name, csv_rows
from connectors.tabular.text_file import LIKELY, MAX_LINE, START, Position, TextFile

# The encoding of a line that is not UTF-8, in formats where that happens.
_OTHERWISE = {"sentiment140": "latin-1", "complaints": LIKELY, "transcripts": LIKELY}

Reader = Callable[[TextFile, FileHead, Position | None, OnBadRow], Iterator[SourcedEvent]]
EventOf = Callable[[list[str]], Event]


def _table(columns: Sequence[str], event_of: Callable[[FileHead], EventOf]) -> Reader:
    """A reader of one event a row."""

    def read(
        file: TextFile, head: FileHead, start: Position | None, on_bad_row: OnBadRow
    ) -> Iterator[SourcedEvent]:
        head.need(columns)
        return rows_as_events(rows_of(file, head, start, on_bad_row), event_of(head), on_bad_row)

    return read


def rows_of(
    file: TextFile, head: FileHead, start: Position | None, on_bad_row: OnBadRow
) -> Iterator[Row]:
    if head.table:
        return head.table.rows(file, start or START, on_bad_row)
    lines = file.lines(start or head.data)
    if head.escapes:
        lines = (line._replace(text=line.text.replace('\\"', '""')) for line in lines)
    return csv_rows(
        lines,
        len(head.names),
        head.delimiter,
        lambda line, reason: on_bad_row(BadRow(line, reason)),
        _shortest_row(head.names),
    )


def _shortest_row(names: Sequence[str]) -> int | None:
    """The fewest cells of a row that a spreadsheet ended early: more than up to its text, which
    may be cut where it is the last.
    """
    text = text_column(names)
    return None if text is None or transcripts.recognises(names) else text + 2


def _read_sentiment140(
    file: TextFile, head: FileHead, start: Position | None, on_bad_row: OnBadRow
) -> Iterator[SourcedEvent]:
    if not {"user", "text"} <= set(head.names):
        head = head.without_header(tweets.SENTIMENT140)
    head.need(tweets.OF_140)
    return rows_as_events(
        rows_of(file, head, start, on_bad_row), tweets.sentiment140(head.names), on_bad_row
    )


def _read_twcs(
    file: TextFile, head: FileHead, start: Position | None, on_bad_row: OnBadRow
) -> Iterator[SourcedEvent]:
    head.need(twcs.COLUMNS)

    def both_passes() -> Iterator[SourcedEvent]:
        reader = twcs.Twcs(head.names)
        first = rows_of(TextFile(file.path), head, None, lambda bad: None)
        reader.learn(row.values for row in first)
        yield from rows_as_events(rows_of(file, head, start, on_bad_row), reader.tweet, on_bad_row)

    return both_passes()


def _read_complaints(
    file: TextFile, head: FileHead, start: Position | None, on_bad_row: OnBadRow
) -> Iterator[SourcedEvent]:
    rows = rows_of(file, head, start, on_bad_row)
    return rows_as_events(rows, _complaint_of(file, head), on_bad_row)


def _complaint_of(file: TextFile, head: FileHead) -> EventOf:
    names = head.table.names if head.table else head.names
    if not complaints.recognises(names):
        head.need(TEXT.known[:1])
    header = tuple(map(column_name, head.first_row)) if head.data != START else ()
    return complaints.complaint(names, calls.file_time(file.path), head.day_first, header)


def event_of_row(format: str, file: TextFile, head: FileHead) -> EventOf:
    """What makes an event of a row, for who reads other columns of a table beside it.

    format: `complaints` or `airline`. The function raises ValueError for a row that is no event,
    Doubtful for one in which something is wrong.
    """
    head = replace(head, day_first=order_in(file, format, head).day_first)
    return tweets.airline(head.names) if format == "airline" else _complaint_of(file, head)


def otherwise(format: str, head: FileHead) -> str | None:
    """The encoding of lines that are not UTF-8; of JSON the one in which its keys were found."""
    return LIKELY if head.table else _OTHERWISE.get(format)


def order_in(file: TextFile, format: str, head: FileHead) -> Order:
    """How the dates of a whole table are written: it is read once for that where its beginning
    leaves it open.
    """
    column = date_column(head.table.names if head.table else head.names)
    is_open = re.search(r"\b\d{1,2}[/-]\d{1,2}[/-]\d{2,4}\b", head.text)
    if format != "complaints" or column is None or not is_open:
        return Order(None)
    again = TextFile(file.path, otherwise=file.otherwise)
    rows = rows_of(again, head, None, lambda bad: None)
    return order_of(row.values[column] for row in rows)


def _read_transcripts(
    file: TextFile, head: FileHead, start: Position | None, on_bad_row: OnBadRow
) -> Iterator[SourcedEvent]:
    if transcripts.recognises(head.columns):
        return transcripts.of_table(file.path, head.names)(
            rows_of(file, head, start, on_bad_row), on_bad_row
        )
    if head.is_json:
        is_one = call_json.is_document(head.text) or call_json.has_turns_a_line(file.path)
        of_json = call_json.of_document if is_one else call_json.of_json
        return of_json(file, start or START, on_bad_row)
    return iter(()) if start else transcripts.of_text(file, on_bad_row)


def _read_jsonl(
    file: TextFile, head: FileHead, start: Position | None, on_bad_row: OnBadRow
) -> Iterator[SourcedEvent]:
    for raw, number, end, too_long in file.raw_lines(start or START):
        value = raw.removeprefix(codecs.BOM_UTF8).strip() if number == 1 else raw.strip()
        if not value:
            continue
        try:
            if too_long:
                raise ValueError(f"is longer than {MAX_LINE:,} bytes")
            event = decode(value)
        except ValueError as error:
            on_bad_row(BadRow(number, reason(error)))
        else:
            yield SourcedEvent(event, Position(number, end))


READERS: dict[str, Reader] = {
    "airline": _table(tweets.AIRLINE, lambda head: tweets.airline(head.names)),
    "sentiment140": _read_sentiment140,
    "twcs": _read_twcs,
    "complaints": _read_complaints,
    "transcripts": _read_transcripts,
    "jsonl": _read_jsonl,
}
