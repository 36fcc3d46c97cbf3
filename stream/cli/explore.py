"""The command that looks at a pile of complaints or calls: explore."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from stream.errors import UserError
from stream.settings import read_settings

if TYPE_CHECKING:
    from connectors.events import TextEvent
    from connectors.files import BadRow
    from models.training.explore.texts import SourceText
    from stream.triage.judgement import Judgement

NEEDED = ("sklearn", "matplotlib", "wordcloud")

# What a table may call its own labels; text, date and brand are recognised as `replay` does.
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
    model: Annotated[
        Path | None, typer.Option("--model", help="Directory of a model; the one in use otherwise.")
    ] = None,
) -> None:
    """One page of what complaints or calls say: themes, words, severity, outcomes, duplicates,
    languages.

    A table's own columns (topic, problem, dissatisfaction, sentiment, outcome) are shown where it
    has them; the model says the rest. The page is one file without links to anything; personal data
    in it is replaced.
    """
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise UserError(
            f"explore needs more packages ({', '.join(missing)}): pip install 'earshot[train]'"
        )
    from models.training.explore.report import Source, page
    from models.training.explore.texts import understand
    from stream.bootstrap.loading import load_analyzer, load_brands, load_calls
    from stream.triage.judgement import Judge

    bad: list[BadRow] = []
    found, kind, columns = _read(source, bad, limit)
    if labels is not None:
        found, columns = _labelled(found, labels)
    if not found:
        raise UserError(f"{source}: no text could be read" + (f" ({bad[0].reason})" if bad else ""))
    settings = read_settings()
    if model is not None:
        settings = settings.model_copy(update={"model": model})
    analyzer = load_analyzer(settings)
    judge = Judge(analyzer, load_brands(settings), load_calls(settings, analyzer, whole=True))
    judgements: list[Judgement] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"reading {len(found):,} {kind}s", total=len(found))
        for start in range(0, len(found), BATCH):
            judgements += judge([event for event, _ in found[start : start + BATCH]])
            progress.update(task, completed=len(judgements))
    texts = understand(
        [text for _, text in found],
        [(judgement.text, judgement.analysis) for judgement in judgements],
    )
    made = page(
        texts, Source(source.name, kind, analyzer.version, left_out=len(bad), labels=tuple(columns))
    )
    try:
        out.write_text(made, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out}: it cannot be written ({error.strerror})") from None
    left = (
        f"; {len(bad):,} rows left out (the first: line {bad[0].line} {bad[0].reason})"
        if bad
        else ""
    )
    print(f"{out}: {len(found):,} {kind}s{left}", file=sys.stderr)


Named = list[tuple["TextEvent", "SourceText"]]


def _read(path: Path, bad: list[BadRow], limit: int) -> tuple[Named, str, list[str]]:
    """The texts, what one of them is called, and which labels the file gives itself."""
    from connectors.base import FormatError
    from connectors.files import open_file
    from models.training.explore.texts import SourceText

    with suppress(FormatError):
        if table := _table(path, bad, limit):
            return table
    source = open_file(path, on_bad_row=bad.append)
    found: Named = []
    for event, _ in source:
        # A brand's own answers are no complaints.
        if event.kind == "deleted" or event.direction == "outbound":
            continue
        if event.text.strip():
            text = SourceText(event.text, when=event.occurred_at, brand=event.brand)
            found.append((event, text))
        if len(found) >= limit:
            break
    kinds = {"transcripts": "call", "complaints": "complaint"}
    return found, kinds.get(source.format, "message"), []


def _table(path: Path, bad: list[BadRow], limit: int) -> tuple[Named, str, list[str]] | None:
    """The rows of a table of complaints, with its own labels; None when it is no such table."""
    from connectors.formats import complaints, transcripts
    from connectors.formats.head import read_head, recognised
    from connectors.formats.rows import BadRow, TextFile, csv_rows, first_of, reason
    from connectors.formats.times import written_time
    from models.training.custom.history import as_index
    from models.training.explore.texts import SourceText

    if path.is_dir() or not path.exists():
        return None
    head = read_head(path)
    if transcripts.recognises(head.names) or recognised(head) not in ("complaints", "airline"):
        return None
    places = {
        name: first_of(head.names, wanted)
        for name, wanted in {
            "text": complaints.TEXT,
            "when": (*complaints.DATE, "tweet_created"),
            "brand": (*complaints.BRAND, "airline"),
            "topic": TOPIC,
            "problem": PROBLEM,
            "index": INDEX,
            "sentiment": SENTIMENT,
            "outcome": OUTCOME,
        }.items()
    }
    rows = []
    for row in csv_rows(
        TextFile(path, otherwise="cp1252").lines(head.data),
        len(head.names),
        head.delimiter,
        bad.append,
    ):
        told = {
            name: row.values[place].strip() for name, place in places.items() if place is not None
        }
        if told["text"]:
            rows.append((row.line, told))
        if len(rows) >= limit:
            break
    given = [
        name
        for name in ("topic", "problem", "sentiment", "outcome")
        if _are_labels([told.get(name, "") for _, told in rows])
    ]
    indices = (
        as_index(path, [(line, told.get("index", "")) for line, told in rows])
        if places["index"] is not None
        else [None] * len(rows)
    )
    found: Named = []
    for (line, told), index in zip(rows, indices, strict=True):
        try:
            when = written_time(told["when"]) if told.get("when") else None
        except ValueError as error:
            bad.append(BadRow(line, reason(error)))
            continue
        own = {name: label for name in given if (label := told[name]).casefold() not in UNDECIDED}
        text = SourceText(
            told["text"],
            when=when,
            brand=told.get("brand") or None,
            index=index,
            topic=own.get("topic"),
            problem=own.get("problem"),
            sentiment=own.get("sentiment"),
            outcome=own.get("outcome"),
        )
        found.append((_complaint(line, text), text))
    return (
        found,
        "complaint",
        [*given, *(["dissatisfaction"] if places["index"] is not None else [])],
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


def _labelled(found: Named, path: Path) -> tuple[Named, list[str]]:
    """The calls with what a CSV says of each, by file name or number. Raises UserError if it says
    nothing.
    """
    from dataclasses import replace

    from models.evaluation.labelled_file import read_labelled

    table = read_labelled(path, error=UserError)
    call = next((name for name in CALL if name in table.columns), None)
    if call is None or not {*SENTIMENT, *OUTCOME} & set(table.columns):
        columns = ", ".join(table.columns)
        raise UserError(
            f"{path}: it needs a column file and sentiment or outcome; its columns are {columns}"
        )
    told = {_stem(row[call]): row.cells for row in table.rows}
    named: Named = []
    known = 0
    for event, one in found:
        row = told.get(_stem(event.id)) or {}
        known += bool(row)
        sentiment, outcome = (
            _first(row, SENTIMENT) or one.sentiment,
            _first(row, OUTCOME) or one.outcome,
        )
        named.append((event, replace(one, sentiment=sentiment, outcome=outcome)))
    if not known:
        raise UserError(
            f"{path}: its column {call} names none of the calls; the first is {_stem(found[0][0].id) if found else '-'}"
        )
    return named, ["sentiment", "outcome"]


def _stem(name: str) -> str:
    """`call:transcript_7`, `transcript_7.txt` and `7` are the same call."""
    stem = name.rpartition(":")[2].partition(".")[0].strip().casefold()
    return stem.rpartition("_")[2] if stem.rpartition("_")[2].isdigit() else stem


def _first(row: Mapping[str, Any], wanted: Sequence[str]) -> str | None:
    """The label of the first of the columns that has one, as words: `follow_up_needed` reads
    `follow up needed`.
    """
    labels: Iterator[str] = (str(row.get(name) or "").strip() for name in wanted)
    return next(
        (label.replace("_", " ") for label in labels if label.casefold() not in UNDECIDED), None
    )
