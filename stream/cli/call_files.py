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

Turns = Sequence[Utterance]
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


def read_calls(path: Path, on_bad_row: OnBadRow) -> dict[str, list[Utterance]]:
    """The calls of a file or a folder by their names: of a file in a folder its own, and otherwise
    the call's id.

    Raises FormatError, one line, when there is no call to read.
    """
    found: dict[str, list[Utterance]] = {}
    for event, cursor in open_file(
        path, "transcripts" if path.is_dir() else None, on_bad_row=on_bad_row
    ):
        if not isinstance(event, Transcript):
            raise FormatError(f"{path}: holds no calls; a call is turns of a customer and an agent")
        name = cursor if isinstance(cursor, str) else event.id.partition(":")[2]
        found[name] = utterances(event)
    return found


def read_labels(path: Path) -> dict[str, dict[Task, str | None]]:
    """What a CSV with the columns `file`, `sentiment`, `outcome` (either of the two) says of each
    call.

    Raises UserError naming the column, line or label that is wrong.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = [name.strip() for name in reader.fieldnames or ()]
            tasks = [task for task in LABELS if task in columns]
            if "file" not in columns or not tasks:
                there = ", ".join(columns) or "(none)"
                raise UserError(
                    f"{path}: it needs the columns file and sentiment, outcome or both; it has {there}"
                )
            labels: dict[str, dict[Task, str | None]] = {}
            for row in reader:
                told = {
                    task: _label(path, reader.line_num, task, row[task] or "") for task in tasks
                }
                labels[(row["file"] or "").strip()] = told
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except OSError as error:
        raise UserError(f"{path}: it cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: it is no CSV in UTF-8 ({error})") from None
    return labels


def labelled(
    data: Path, labels: Path | None, on_bad_row: OnBadRow
) -> tuple[dict[str, list[Utterance]], dict[str, dict[Task, str | None]]]:
    """The calls that have labels, by name. labels: `labels.csv` beside or within the data where it
    is not given.

    data may be the table of labels itself; its files lie beside it then. A file may be named
    without its suffix. Raises UserError where calls and labels do not meet.
    """
    if labels is None and data.suffix == ".csv" and _is_labels(data):
        data, labels = data.parent, data
    if labels is None:
        labels = (data if data.is_dir() else data.parent) / "labels.csv"
        if not labels.exists():
            raise UserError(
                f"{data}: which calls are how? --labels FILE, a CSV with the columns file,sentiment,outcome"
            )
    told = read_labels(labels)
    calls = read_calls(data, on_bad_row)
    by_stem = {PurePath(name).stem: name for name in calls}
    named = {by_stem.get(PurePath(name).stem, name): one for name, one in told.items()}
    missing = [name for name in named if name not in calls]
    if missing:
        raise UserError(
            f"{labels}: there is no call {missing[0]!r} in {data} ({len(missing)} of {len(named)} are missing)"
        )
    if not named:
        raise UserError(f"{labels}: it has no rows")
    return {name: calls[name] for name in named}, named


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
