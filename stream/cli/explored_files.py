"""Files that `earshot explore` reads: their texts as events, and the labels that they bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from connectors.events import Event, TextEvent
    from connectors.files import BadRow
    from connectors.formats.head import FileHead
    from connectors.formats.readers import EventOf
    from models.training.explore.texts import SourceText

LABELS = ("topic", "problem", "sentiment", "outcome")
# Names that a table may have for its own labels; text, title, author, date and brand are recognised
# as `replay` does.
TOPIC = ("topic", "product", "complaint_type", "theme")
PROBLEM = ("problem", "issue", "category", "intent", "negativereason", "reason", "title")
INDEX = (
    "dissatisfaction",
    "customer_dissatisfaction_index",
    "dissatisfaction_index",
    "customer_dissatisfaction",
)
SENTIMENT = ("sentiment", "airline_sentiment", "sentiment_human", "sentiment_silver")
OUTCOME = ("outcome", "resolution", "outcome_human", "outcome_silver", "company_response", "status")
UNDECIDED = frozenset({"", "-", "nan", "none", "null", "n/a", "disputed", "tie", "unknown"})
MANY_NAMES = 10  # a column with more distinct labels than one in so many texts is prose, not labels

Texts = list[tuple["TextEvent", "SourceText"]]


@dataclass(frozen=True)
class Pile:
    """Texts of one file or folder. kind: of one of them. labels: the file's own labels.

    has_classes: the titles name kinds of complaints, and are no words of a customer.
    """

    texts: Texts
    kind: str
    labels: list[str] = field(default_factory=list)
    has_classes: bool = False


class LabelledEvent(NamedTuple):
    """A row of a table as the event that `replay` makes of it, and its cells by our names."""

    line: int
    event: TextEvent
    cells: Mapping[str, str]


def read_pile(path: Path, bad_rows: list[BadRow], limit: int) -> Pile:
    """A table of complaints with its own labels; the events of any other file.

    bad_rows: rows that cannot be read are added to it. limit: texts, at most. Raises FormatError.
    """
    from connectors.base import FormatError

    with suppress(FormatError):
        table = _read_table(path, bad_rows, limit)
        if table:
            return table
    return _read_events(path, bad_rows, limit)


def _read_events(path: Path, bad_rows: list[BadRow], limit: int) -> Pile:
    from connectors.files import open_file
    from models.training.explore.texts import SourceText

    source = open_file(path, on_bad_row=bad_rows.append)
    texts: Texts = []
    for event, _ in source:
        # A brand's own answers are no complaints.
        if event.kind == "deleted" or event.direction == "outbound":
            continue
        if event.text.strip():
            text = SourceText(event.text, when=event.occurred_at, brand=event.brand)
            texts.append((event, text))
        if len(texts) >= limit:
            break
    kinds = {"transcripts": "call", "complaints": "complaint"}
    return Pile(texts, kinds.get(source.format, "message"))


def _read_table(path: Path, bad_rows: list[BadRow], limit: int) -> Pile | None:
    """The rows of a table of complaints, with its own labels; None when it is no such table."""
    from connectors.formats.columns import CLASSES, TITLE
    from connectors.formats.head import read_head
    from models.training.custom.history import as_index

    if path.is_dir() or not path.exists():
        return None
    head = read_head(path)
    columns = _columns(head)
    if columns is None:
        return None
    rows = _rows(path, head, columns, bad_rows, limit)
    labels = [name for name in LABELS if _are_labels([row.cells.get(name, "") for row in rows])]
    has_index = "index" in columns
    indices: Sequence[float | None] = [None] * len(rows)
    if has_index:
        indices = as_index(path, [(row.line, row.cells["index"]) for row in rows])
    texts: Texts = [
        (row.event, _text(row, labels, index)) for row, index in zip(rows, indices, strict=True)
    ]
    names = _names(head)
    title = TITLE.place(names)
    return Pile(
        texts,
        "complaint",
        [*labels, *(["dissatisfaction"] if has_index else [])],
        has_classes=title is not None and names[title] in CLASSES,
    )


def _names(head: FileHead) -> Sequence[str]:
    return head.table.names if head.table else head.names


def _columns(head: FileHead) -> dict[str, int] | None:
    """The places of the columns that are shown, by our names; None when it is no such table."""
    from connectors.formats import transcripts
    from connectors.formats.columns import date_column, text_column
    from connectors.formats.head import recognised
    from connectors.tabular.rows import column_name, first_of

    names = _names(head)
    if transcripts.recognises(names) or recognised(head) not in ("complaints", "airline"):
        return None
    places = {"text": text_column(names), "when": date_column(names)}
    spellings = zip((*LABELS, "index"), (TOPIC, PROBLEM, SENTIMENT, OUTCOME, INDEX), strict=True)
    keys = head.table.keys if head.table else tuple(map(column_name, head.first_row))
    places |= {column: first_of(keys, known) for column, known in spellings}
    return {column: place for column, place in places.items() if place is not None}


def _rows(
    path: Path, head: FileHead, columns: Mapping[str, int], bad_rows: list[BadRow], limit: int
) -> list[LabelledEvent]:
    """The rows that have a text, at most so many."""
    from connectors.formats.head import recognised
    from connectors.formats.readers import event_of_row, rows_of
    from connectors.tabular.text_file import LIKELY, TextFile

    file = TextFile(path, otherwise=LIKELY)
    event_of = event_of_row(recognised(head), file, head)
    rows: list[LabelledEvent] = []
    for row in rows_of(file, head, None, bad_rows.append):
        cells = {column: row.values[place].strip() for column, place in columns.items()}
        event = _event(row.line, row.values, cells, event_of, bad_rows)
        if event is not None:
            rows.append(LabelledEvent(row.line, event, cells))
        if len(rows) >= limit:
            break
    return rows


def _event(
    line: int,
    values: list[str],
    cells: dict[str, str],
    event_of: EventOf,
    bad_rows: list[BadRow],
) -> TextEvent | None:
    """The row's event; None where it is none. A date that is none is named, and left empty."""
    from connectors.events import Deleted
    from connectors.formats.rows import BadRow, Doubtful, reason

    event: Event
    try:
        event = event_of(values)
    except Doubtful as doubt:
        bad_rows.append(BadRow(line, doubt.reason, "date"))
        event, cells["when"] = doubt.event, ""
    except ValueError as error:
        if cells.get("text"):
            bad_rows.append(BadRow(line, reason(error)))
        return None
    return None if isinstance(event, Deleted) or not event.text.strip() else event


def _text(row: LabelledEvent, labels: Sequence[str], index: float | None) -> SourceText:
    """One row. labels: its columns that hold labels."""
    from models.training.explore.texts import SourceText

    event, cells = row.event, row.cells
    own = {name: cells[name] for name in labels if cells[name].casefold() not in UNDECIDED}
    return SourceText(
        event.text,
        when=event.occurred_at if cells.get("when") else None,
        brand=event.brand,
        index=index,
        topic=own.get("topic"),
        problem=own.get("problem"),
        sentiment=own.get("sentiment"),
        outcome=own.get("outcome"),
    )


def _are_labels(values: Sequence[str]) -> bool:
    """Two names or more, each for many texts: a column of titles is prose."""
    names = {value for value in values if value.casefold() not in UNDECIDED}
    return 2 <= len(names) <= max(60, len(values) // MANY_NAMES)
