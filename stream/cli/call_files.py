"""Files of calls, and the tables that label them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePath

from connectors.base import FormatError
from connectors.events import Transcript
from connectors.files import LABELS as LABELS_FILE
from connectors.files import BadRow, open_file
from connectors.formats.calls import ENDINGS, plain_name
from models.calls.head import LABELS, Task
from models.calls.sides import Utterance
from models.evaluation.labelled_file import CsvFile, Row, Table, read_labelled
from models.evaluation.metrics import EvaluationError
from stream.cli.corrections import CALLS_FILE
from stream.errors import UserError
from stream.triage.judgement import utterances

Calls = dict[str, list[Utterance]]  # turns by the name of the call
Labels = dict[str, dict[Task, str | None]]  # by the name of the call
OnBadRow = Callable[[BadRow], None]

LINES = (".jsonl", ".ndjson")

_NAMES: Mapping[Task, Mapping[str, str]] = {
    "sentiment": {label: label for label in LABELS["sentiment"]},
    "outcome": {
        "resolved": "resolved",
        **dict.fromkeys(
            ("follow_up", "follow-up", "follow up", "follow_up_needed", "follow-up needed"),
            "follow_up",
        ),
    },
}


def read_calls(path: Path, on_bad_row: OnBadRow) -> Calls:
    """The redacted turns of the calls of a file or a folder, by name. Raises FormatError."""
    return {name: utterances(call) for name, call in read_transcripts(path, on_bad_row).items()}


def read_transcripts(path: Path, on_bad_row: OnBadRow) -> dict[str, Transcript]:
    """The calls of a file or a folder by name: the file's in a folder, the call's id otherwise.

    Raises FormatError, one line, when there is no call to read.
    """
    calls: dict[str, Transcript] = {}
    path = _exported(path)
    format = "transcripts" if path.is_dir() else None
    for event, cursor in open_file(path, format, on_bad_row=on_bad_row):
        if not isinstance(event, Transcript):
            raise FormatError(f"{path}: holds no calls; a call is turns of a customer and an agent")
        name = cursor if isinstance(cursor, str) else event.id.partition(":")[2]
        calls[name] = event
    return calls


def _exported(path: Path) -> Path:
    """The calls of a folder as `earshot export corrections` writes it, which holds no other file;
    the path itself otherwise.
    """
    names = {file.name for file in path.glob("*") if not file.name.startswith(".")}
    return path / CALLS_FILE if CALLS_FILE in names <= {CALLS_FILE, LABELS_FILE} else path


def read_labels(path: Path) -> Labels:
    """The labels of a CSV with the columns `file`, `sentiment`, `outcome` (either of the two).

    Raises UserError naming the column, line or label that is wrong.
    """
    table = read_labelled(path, ["file"], any_of=list(LABELS), error=UserError)
    tasks = [task for task in LABELS if task in table.columns]
    return {row["file"]: {task: _label(table, row, task) for task in tasks} for row in table.rows}


def labelled(data: Path, labels: Path | None, on_bad_row: OnBadRow) -> tuple[Calls, Labels]:
    """The calls that have labels, and the labels, by name.

    labels: where it is None, those in the lines of the data (JSON Lines, a call with `name`,
    `sentiment`, `outcome` and `turns` a line), else `labels.csv` beside or within the data. data
    may be the table of labels itself; its files lie beside it then. A file may be named without its
    suffix. Raises UserError where calls and labels do not meet.
    """
    if labels is None and (lines := _labelled_lines(data)):
        return _of_lines(data, lines, on_bad_row)
    if labels is None and data.suffix == ".csv" and _is_labels(data):
        data, labels = data.parent, data
    if labels is None:
        labels = _labels_beside(data)
    by_file = read_labels(labels)
    calls = read_calls(data, on_bad_row)
    by_name = _by_name(calls)
    by_call = {by_name.get(file, file): row for file, row in by_file.items()}
    missing = [name for name in by_call if name not in calls]
    if missing:
        raise UserError(
            f"{labels}: there is no call {missing[0]!r} in {data}"
            f" ({len(missing)} of {len(by_call)} are missing)"
        )
    return {name: calls[name] for name in by_call}, by_call


def _labelled_lines(data: Path) -> dict[int, Mapping[str, object]]:
    """By its number from 1, each line of JSON Lines that holds a call and a label of it."""
    if data.suffix not in LINES or not data.is_file():
        return {}
    lines: dict[int, Mapping[str, object]] = {}
    with data.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue  # the reader of calls says so
            if isinstance(row, dict) and "turns" in row and not row.keys().isdisjoint(LABELS):
                lines[number] = row
    return lines


def _of_lines(
    data: Path, lines: Mapping[int, Mapping[str, object]], on_bad_row: OnBadRow
) -> tuple[Calls, Labels]:
    calls: Calls = {}
    labels: Labels = {}
    for event, cursor in open_file(data, "transcripts", on_bad_row=on_bad_row):
        row = lines.get(cursor.line)
        if isinstance(event, Transcript) and row is not None:
            name = str(row.get("name") or event.id.partition(":")[2])
            if name in calls:
                raise UserError(f"{data}: line {cursor.line}: a second call {name!r}")
            calls[name] = utterances(event)
            labels[name] = {
                task: _in_line(f"{data}: line {cursor.line}", row.get(task), task)
                for task in LABELS
            }
    return calls, labels


def _in_line(where: str, label: object, task: Task) -> str | None:
    if label is None or label == "":
        return None
    known = _NAMES[task].get(str(label).strip().casefold())
    if known is None:
        raise UserError(f"{where}: unknown {task} {label!r}; use {', '.join(LABELS[task])}")
    return known


def _by_name(calls: Iterable[str]) -> dict[str, str]:
    """The calls by the ways to name one: its path, its file's name, either without its suffix."""
    by_name: dict[str, str] = {}
    for call in calls:
        path = PurePath(plain_name(call))
        plain = path.with_suffix("") if path.suffix.lower() in ENDINGS else path
        for name in (call, str(path), path.name, str(plain), plain.name):
            by_name.setdefault(name, call)
    return by_name


def _labels_beside(data: Path) -> Path:
    labels = (data if data.is_dir() else data.parent) / LABELS_FILE
    if not labels.exists():
        raise UserError(
            f"{data}: which calls are how? --labels FILE, a CSV with the columns"
            " file,sentiment,outcome"
        )
    return labels


def truths(
    names: Iterable[str], labels: Mapping[str, Mapping[Task, str | None]]
) -> dict[Task, list[str | None]]:
    """The labels of each task in the order of `names`."""
    names = list(names)
    return {task: [labels[name].get(task) for name in names] for task in LABELS}


def _label(table: Table, row: Row, task: Task) -> str | None:
    if not row[task]:
        return None
    label = _NAMES[task].get(row[task].casefold())
    if label is None:
        raise table.unknown(row, task, LABELS[task])
    return label


def _is_labels(path: Path) -> bool:
    try:
        with CsvFile(path, EvaluationError) as file:
            next(file.rows(), None)
            return "file" in file.columns
    except EvaluationError:
        return False
