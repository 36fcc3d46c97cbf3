"""Files of calls, and the tables that label them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePath

from connectors.base import FormatError
from connectors.events import Transcript
from connectors.files import BadRow, open_file
from models.calls.head import LABELS, Task
from models.calls.sides import Utterance
from stream.errors import UserError
from stream.triage.judgement import utterances

Calls = dict[str, list[Utterance]]  # turns by the name of the call
Labels = dict[str, dict[Task, str | None]]  # by the name of the call
OnBadRow = Callable[[BadRow], None]

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
    """The calls of a file or a folder by name: the file's in a folder, the call's id otherwise.

    Raises FormatError, one line, when there is no call to read.
    """
    calls: Calls = {}
    format = "transcripts" if path.is_dir() else None
    for event, cursor in open_file(path, format, on_bad_row=on_bad_row):
        if not isinstance(event, Transcript):
            raise FormatError(f"{path}: holds no calls; a call is turns of a customer and an agent")
        name = cursor if isinstance(cursor, str) else event.id.partition(":")[2]
        calls[name] = utterances(event)
    return calls


def read_labels(path: Path) -> Labels:
    """The labels of a CSV with the columns `file`, `sentiment`, `outcome` (either of the two).

    Raises UserError naming the column, line or label that is wrong.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            tasks = _tasks(path, [name.strip() for name in reader.fieldnames or ()])
            return {
                (row["file"] or "").strip(): _labels_of(path, reader.line_num, tasks, row)
                for row in reader
            }
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except OSError as error:
        raise UserError(f"{path}: it cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: it is no CSV in UTF-8 ({error})") from None


def _tasks(path: Path, columns: Sequence[str]) -> list[Task]:
    tasks = [task for task in LABELS if task in columns]
    if "file" not in columns or not tasks:
        names = ", ".join(columns) or "(none)"
        raise UserError(
            f"{path}: it needs the columns file and sentiment, outcome or both; it has {names}"
        )
    return tasks


def _labels_of(
    path: Path, line: int, tasks: Iterable[Task], row: Mapping[str, str | None]
) -> dict[Task, str | None]:
    return {task: _label(path, line, task, row[task] or "") for task in tasks}


def labelled(data: Path, labels: Path | None, on_bad_row: OnBadRow) -> tuple[Calls, Labels]:
    """The calls that have labels, and the labels, by name.

    labels: `labels.csv` beside or within the data where it is None. data may be the table of labels
    itself; its files lie beside it then. A file may be named without its suffix. Raises UserError
    where calls and labels do not meet.
    """
    if labels is None and data.suffix == ".csv" and _is_labels(data):
        data, labels = data.parent, data
    if labels is None:
        labels = _labels_beside(data)
    by_file = read_labels(labels)
    if not by_file:
        raise UserError(f"{labels}: it has no rows")
    calls = read_calls(data, on_bad_row)
    by_stem = {PurePath(name).stem: name for name in calls}
    by_call = {by_stem.get(PurePath(file).stem, file): row for file, row in by_file.items()}
    missing = [name for name in by_call if name not in calls]
    if missing:
        raise UserError(
            f"{labels}: there is no call {missing[0]!r} in {data}"
            f" ({len(missing)} of {len(by_call)} are missing)"
        )
    return {name: calls[name] for name in by_call}, by_call


def _labels_beside(data: Path) -> Path:
    labels = (data if data.is_dir() else data.parent) / "labels.csv"
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


def _label(path: Path, line: int, task: Task, written: str) -> str | None:
    if not written.strip():
        return None
    known = _NAMES[task].get(written.strip().casefold())
    if known is None:
        raise UserError(
            f"{path}: unknown {task} {written[:40]!r} (line {line}); use {', '.join(LABELS[task])}"
        )
    return known


def _is_labels(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return "file" in (csv.DictReader(file).fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error):
        return False
