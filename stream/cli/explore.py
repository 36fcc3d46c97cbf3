"""`earshot explore`: one page about a pile of complaints or calls."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from stream.cli.calls import BadRows
from stream.cli.explored_files import OUTCOME, SENTIMENT, UNDECIDED, Pile, Texts, read_pile
from stream.cli.options import CurrentModel, present, require, settings_with
from stream.errors import UserError

if TYPE_CHECKING:
    from connectors.files import BadRow
    from models.training.explore.texts import SourceText
    from stream.triage.judgement import Judge, Judgement

NEEDED = ("sklearn", "matplotlib", "wordcloud")

CALL = ("file", "transcript_id", "call_id", "call", "transcript", "id")
BATCH = 64


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

    Texts are judged as by a worker; those of a brand's own account are left out. A table's own
    columns (topic, problem, dissatisfaction, sentiment, outcome) are shown where it has them; the
    model says the rest. The page is one file without links to anything; personal data in it is
    replaced. Exit code 1: some rows could not be read (each is named).
    """
    present(source)
    present(labels)
    require(NEEDED, "explore")
    from models.training.explore.report import Source, page
    from models.training.explore.texts import understand
    from stream.bootstrap.loading import load_analyzer, load_judge

    bad_rows: list[BadRow] = []
    pile = read_pile(source, bad_rows, limit)
    if labels is not None:
        pile = _with_labels(pile, labels)
    if not pile.texts:
        reason = f" ({bad_rows[0].reason})" if bad_rows else ""
        raise UserError(f"{source}: no text could be read{reason}")
    settings = settings_with(model=model)
    analyzer = load_analyzer(settings)
    judged = _judged(pile, load_judge(settings, analyzer))
    if not judged:
        raise UserError(f"{source}: every text is by an account of a brand's own")
    texts = understand(
        [text for text, _ in judged],
        [(_words_of(judgement, pile), judgement.analysis) for _, judgement in judged],
    )
    count, kind = len(texts), pile.kind
    html = page(
        texts,
        Source(
            source.name,
            kind,
            analyzer.version,
            left_out=sum(bad.kind != "date" for bad in bad_rows),
            labels=tuple(pile.labels),
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


def _judged(pile: Pile, judge: Judge) -> list[tuple[SourceText, Judgement]]:
    """The texts as a worker judges them, without those of a brand's own accounts."""
    count = len(pile.texts)
    judgements: list[Judgement] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"reading {count:,} {pile.kind}s", total=count)
        for start in range(0, count, BATCH):
            judgements += judge([event for event, _ in pile.texts[start : start + BATCH]])
            progress.update(task, completed=len(judgements))
    return [
        (text, judgement)
        for (_, text), judgement in zip(pile.texts, judgements, strict=True)
        if getattr(judgement.event, "direction", None) == "inbound"
    ]


def _words_of(judgement: Judgement, pile: Pile) -> str:
    """The redacted words, without a title that is a label of the file: it says nothing of them."""
    if pile.has_classes and getattr(judgement.event, "title", None):
        return judgement.text.partition("\n")[2]
    return judgement.text


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
