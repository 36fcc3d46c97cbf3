"""`earshot explore`: one page about a pile of complaints or calls."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from stream.cli.calls import BadRows
from stream.cli.options import CurrentModel, present, require, settings_with
from stream.errors import UserError

if TYPE_CHECKING:
    from connectors.events import TextEvent
    from connectors.files import BadRow
    from models.training.explore.texts import SourceText
    from stream.triage.judgement import Judgement

NEEDED = ("sklearn", "matplotlib", "wordcloud")

LABELS = ("topic", "problem", "sentiment", "outcome")
# Names that a table may have for its own labels; text, date and brand are recognised as `replay`
# does.
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
CALL = ("file", "transcript_id", "call_id", "call", "transcript", "id")
UNDECIDED = frozenset({"", "-", "nan", "none", "null", "n/a", "disputed", "tie", "unknown"})
BATCH = 64
MANY_NAMES = 10  # a column with more distinct labels than one in so many texts is prose, not labels


def add_to(app: typer.Typer) -> None:
    app.command()(explore)


def explore(
    source: Annotated[
        Path,
        typer.Argument(help="CSV of complaints, JSON Lines of events, or a folder of transcripts."),
    ],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV that says of each call (column file) its sentiment and outcome."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=20, help="Texts to read, at most; the first ones.")
    ] = 20_000,
    model: CurrentModel = None,
) -> None:
    """One page of what complaints or calls say: themes, words, severity, outcomes, duplicates,
    languages.

    A table's own columns (topic, problem, dissatisfaction, sentiment, outcome) are shown where it
    has them; the model says the rest. The page is one file without links to anything; personal data
    in it is replaced. Exit code 1: some rows could not be read (each is named).
    """
    present(source)
    present(labels)
    require(NEEDED, "explore")
    from models.training.explore.report import Source, page
    from models.training.explore.texts import understand
    from stream.bootstrap.loading import load_analyzer, load_judge

    bad_rows: list[BadRow] = []
    pile = _read(source, bad_rows, limit)
    if labels is not None:
        pile = _with_labels(pile, labels)
    if not pile.texts:
        reason = f" ({bad_rows[0].reason})" if bad_rows else ""
        raise UserError(f"{source}: no text could be read{reason}")
    settings = settings_with(model=model)
    analyzer = load_analyzer(settings)
    judge = load_judge(settings, analyzer)
    count, kind = len(pile.texts), pile.kind
    judgements: list[Judgement] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"reading {count:,} {kind}s", total=count)
        for start in range(0, count, BATCH):
            judgements += judge([event for event, _ in pile.texts[start : start + BATCH]])
            progress.update(task, completed=len(judgements))
    texts = understand(
        [text for _, text in pile.texts],
        [(judgement.text, judgement.analysis) for judgement in judgements],
    )
    html = page(
        texts,
        Source(
            source.name, kind, analyzer.version, left_out=len(bad_rows), labels=tuple(pile.labels)
        ),
    )
    try:
        out.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out}: it cannot be written ({error.strerror})") from None
    print(f"{out}: {count:,} {kind}s", file=sys.stderr)
    left_out = BadRows()
    for bad in bad_rows:
        left_out.of(source.name)(bad)
    left_out.leave()


Texts = list[tuple["TextEvent", "SourceText"]]


@dataclass(frozen=True)
class Pile:
    """Texts of one file or folder. kind: of one of them. labels: the file's own labels."""

    texts: Texts
    kind: str
    labels: list[str] = field(default_factory=list)


def _read(path: Path, bad_rows: list[BadRow], limit: int) -> Pile:
    """A table of complaints with its own labels; the events of any other file."""
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
    from connectors.formats.rows import BadRow, reason
    from models.training.custom.history import as_index

    columns = _columns(path)
    if columns is None:
        return None
    rows = _cells(path, columns, bad_rows, limit)
    labels = [name for name in LABELS if _are_labels([cells.get(name, "") for _, cells in rows])]
    has_index = "index" in columns
    indices: Sequence[float | None] = [None] * len(rows)
    if has_index:
        indices = as_index(path, [(line, cells["index"]) for line, cells in rows])
    texts: Texts = []
    for (line, cells), index in zip(rows, indices, strict=True):
        try:
            text = _text(cells, labels, index)
        except ValueError as error:
            bad_rows.append(BadRow(line, reason(error)))
            continue
        texts.append((_complaint(line, text), text))
    return Pile(texts, "complaint", [*labels, *(["dissatisfaction"] if has_index else [])])


def _columns(path: Path) -> dict[str, int] | None:
    """The places of the columns that are shown, by our names; None when it is no such table."""
    from connectors.formats import transcripts
    from connectors.formats.columns import brand_column, date_column, text_column
    from connectors.formats.head import read_head, recognised
    from connectors.tabular.rows import column_name, first_of

    if path.is_dir() or not path.exists():
        return None
    head = read_head(path)
    names = head.table.names if head.table else head.names
    if transcripts.recognises(names) or recognised(head) not in ("complaints", "airline"):
        return None
    places = {
        "text": text_column(names),
        "when": date_column(names),
        "brand": brand_column(names),
    }
    spellings = zip((*LABELS, "index"), (TOPIC, PROBLEM, SENTIMENT, OUTCOME, INDEX), strict=True)
    keys = head.table.keys if head.table else tuple(map(column_name, head.first_row))
    places |= {column: first_of(keys, known) for column, known in spellings}
    return {column: place for column, place in places.items() if place is not None}


def _cells(
    path: Path, columns: Mapping[str, int], bad_rows: list[BadRow], limit: int
) -> list[tuple[int, dict[str, str]]]:
    """Line and cells of the rows that have a text, at most so many."""
    from connectors.formats.head import read_head
    from connectors.formats.readers import rows_of
    from connectors.tabular.text_file import LIKELY, TextFile

    file, head = TextFile(path, otherwise=LIKELY), read_head(path)
    rows: list[tuple[int, dict[str, str]]] = []
    for row in rows_of(file, head, None, bad_rows.append):
        cells = {column: row.values[place].strip() for column, place in columns.items()}
        if cells["text"]:
            rows.append((row.line, cells))
        if len(rows) >= limit:
            break
    return rows


def _text(cells: Mapping[str, str], labels: Sequence[str], index: float | None) -> SourceText:
    """One row. labels: its columns that hold labels. Raises ValueError for a date that is none."""
    from connectors.formats.times import written_time
    from models.training.explore.texts import SourceText

    own = {name: cells[name] for name in labels if cells[name].casefold() not in UNDECIDED}
    return SourceText(
        cells["text"],
        when=written_time(cells["when"]) if cells.get("when") else None,
        brand=cells.get("brand") or None,
        index=index,
        topic=own.get("topic"),
        problem=own.get("problem"),
        sentiment=own.get("sentiment"),
        outcome=own.get("outcome"),
    )


def _complaint(line: int, text: SourceText) -> TextEvent:
    """A row of a table, as the event that it would be in the stream."""
    from connectors.events import Complaint

    return Complaint(
        id=f"row:{line}",
        conversation=f"row:{line}",
        occurred_at=datetime(2024, 1, 1, tzinfo=UTC),  # nothing is judged by its time
        brand=text.brand and text.brand[:300],
        text=text.text,
    )


def _are_labels(values: Sequence[str]) -> bool:
    """Two names or more, each for many texts: a column of titles is prose."""
    names = {value for value in values if value.casefold() not in UNDECIDED}
    return 2 <= len(names) <= max(60, len(values) // MANY_NAMES)


def _with_labels(pile: Pile, path: Path) -> Pile:
    """The calls with the labels of a CSV, by file name or number.

    Raises UserError where it labels none of them.
    """
    call, rows = _label_rows(path)
    by_stem = {_stem(row[call]): row for row in rows}
    texts: Texts = []
    known = 0
    for event, text in pile.texts:
        row = by_stem.get(_stem(event.id)) or {}
        known += bool(row)
        sentiment = _first(row, SENTIMENT) or text.sentiment
        outcome = _first(row, OUTCOME) or text.outcome
        texts.append((event, replace(text, sentiment=sentiment, outcome=outcome)))
    if not known:
        first = _stem(pile.texts[0][0].id) if pile.texts else "-"
        raise UserError(f"{path}: its column {call} names none of the calls; the first is {first}")
    return Pile(texts, pile.kind, ["sentiment", "outcome"])


def _label_rows(path: Path) -> tuple[str, list[Mapping[str, str]]]:
    """The name of the column with the call, and the rows. Raises UserError for another file."""
    from models.evaluation.labelled_file import read_labelled

    table = read_labelled(path, error=UserError)
    call = next((name for name in CALL if name in table.columns), None)
    if call is None or not {*SENTIMENT, *OUTCOME} & set(table.columns):
        columns = ", ".join(table.columns)
        raise UserError(
            f"{path}: it needs a column file and sentiment or outcome; its columns are {columns}"
        )
    return call, [row.cells for row in table.rows]


def _stem(name: str) -> str:
    """`call:transcript_7`, `transcript_7.txt` and `7` are the same call."""
    from connectors.formats.calls import plain_name
    from connectors.formats.calls import stem as stem_of

    stem = stem_of(Path(plain_name(name.rpartition(":")[2]))).strip().casefold()
    return stem.rpartition("_")[2] if stem.rpartition("_")[2].isdigit() else stem


def _first(row: Mapping[str, Any], columns: Sequence[str]) -> str | None:
    """The label of the first column that has one, as words: `follow_up_needed` without `_`."""
    for column in columns:
        label = str(row.get(column) or "").strip()
        if label.casefold() not in UNDECIDED:
            return label.replace("_", " ")
    return None
