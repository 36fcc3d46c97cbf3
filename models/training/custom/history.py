"""A company's own history of complaints: a CSV whose columns and scale are recognised, and said.
Needs no library.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.text import normalize
from models.training.corpus.data import part_of, text_hash
from models.training.errors import TrainingError

LABELLED = ("topic", "problem")
COLUMNS = {
    "text": (
        *(
            "text",
            "complaint_text",
            "consumer_complaint_narrative",
            "complaint_narrative",
            "narrative",
            "complaint",
        ),
        *(
            "complaint_description",
            "description",
            "customer_complaint",
            "message",
            "body",
            "tweet",
            "comment",
            "review",
        ),
    ),
    "topic": ("topic", "theme", "product", "complaint_type", "department"),
    "problem": ("problem", "category", "issue", "intent", "reason", "title"),
    "dissatisfaction": (
        *(
            "dissatisfaction",
            "customer_dissatisfaction_index",
            "dissatisfaction_index",
            "customer_dissatisfaction",
        ),
        *("severity", "dissatisfaction_level", "index"),
    ),
}
REST = "other"  # where a class goes that has too few texts to be learnt
FEW = 500  # texts
_NOTHING = frozenset({"", "-", "nan", "none", "null", "n/a", "na", "unknown"})

WORDS = {
    **{"very low": 0.0, "low": 100 / 6, "medium": 50.0, "moderate": 50.0, "high": 500 / 6},
    **{"very high": 100.0, "critical": 100.0},
}
_RANGES = {"0-100": (0.0, 100.0), "1-5": (1.0, 5.0), "0-4": (0.0, 4.0)}
SCALES = (*_RANGES, "words")


class HistoryError(TrainingError):
    """The history cannot be learnt from."""


@dataclass(frozen=True, slots=True)
class Told:
    """One text of the history. A label that the row does not give is None. index: 0 (content) to
    100 (furious).
    """

    text: str  # normalised
    topic: str | None = None
    problem: str | None = None
    index: float | None = None


@dataclass(frozen=True)
class History:
    """told: each distinct text once. said: what was recognised, a sentence each, for the person who
    asked.

    scale: of the dissatisfaction, one of SCALES; None where there is none.
    """

    told: tuple[Told, ...]
    said: tuple[str, ...] = ()
    scale: str | None = None

    def labels(self, task: str) -> list[str]:
        """The names of a task (`topic`, `problem`), in the order of the alphabet; empty when no row
        gives one.
        """
        return sorted({label for one in self.told if (label := getattr(one, task)) is not None})

    @property
    def has_index(self) -> bool:
        return any(one.index is not None for one in self.told)


def read_history(
    path: Path,
    columns: Mapping[str, str] | None = None,
    *,
    scale: str | None = None,
    least: int = 3,
) -> History:
    """The labelled complaints of a CSV.

    columns: which column is the text, topic, problem, dissatisfaction, where the name does not
    tell. scale: one of SCALES; found out from the values otherwise. least: a class with fewer texts
    becomes `other`. Raises HistoryError, one line that says what is wrong and where, for what
    cannot be learnt from.
    """
    names, rows = _rows(path)
    found = recognised(path, names, columns or {})
    told, said = [], [_columns_line(names, found)]
    marks = (
        [row[found["dissatisfaction"]].strip() for row in rows]
        if "dissatisfaction" in found
        else []
    )
    indices: list[float | None] = [None] * len(rows)
    if marks:
        scale = scale or recognised_scale(path, marks)
        indices = [_index(path, line, mark, scale) for line, mark in enumerate(marks, 2)]
        known = sum(index is not None for index in indices)
        said.append(f"dissatisfaction: read as {_SCALE_TOLD[scale]}, {known:,} values")
    empty = 0
    for row, index in zip(rows, indices, strict=True):
        text = normalize(row[found["text"]])
        empty += not text
        if text:
            labels = {task: _label(row[found[task]]) for task in LABELLED if task in found}
            told.append(Told(text, index=index, **labels))
    distinct, repeats, torn = _distinct(told)
    if empty or repeats or torn:
        said.append(
            f"left out: {empty:,} rows without text, {repeats:,} repeats, {torn:,} texts with labels that differ"
        )
    history = History(tuple(distinct), tuple(said), scale if marks else None)
    for task in LABELLED:
        if task in found:
            history = _frequent(path, history, task, found[task], names, least)
    if not marks and not any(task in found for task in LABELLED):
        raise HistoryError(
            f"{path}: no column topic, problem or dissatisfaction; its columns are {', '.join(names)}"
            " (name one, for instance --problem COLUMN)"
        )
    if marks and not history.has_index:
        raise HistoryError(
            f"{path}: the column {names[found['dissatisfaction']]!r} is empty in every row"
        )
    return history


def recognised(path: Path, names: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    """Where our columns are among `names`. Raises HistoryError without a text, or for a name that
    is not there.
    """
    plain = [column_name(name) for name in names]
    found: dict[str, int] = {}
    for ours, given in columns.items():
        if column_name(given) not in plain:
            raise HistoryError(f"{path}: no column {given!r}; its columns are {', '.join(names)}")
        found[ours] = plain.index(column_name(given))
    for ours, spellings in COLUMNS.items():
        here = (plain.index(name) for name in spellings if name in plain)
        place = next((place for place in here if place not in found.values()), None)
        if ours not in found and place is not None:
            found[ours] = place
    if "text" not in found:
        raise HistoryError(
            f"{path}: no column text; its columns are {', '.join(names)} (name it: --text COLUMN)"
        )
    return found


def column_name(name: str) -> str:
    """`Customer Dissatisfaction-Index` as `customer_dissatisfaction_index`."""
    return "_".join(re.findall(r"[^\W_]+", name.casefold()))


def recognised_scale(path: Path, marks: Sequence[str]) -> str:
    """Which of SCALES the values are on. Raises HistoryError when they are on several, or on none."""
    given = [(line, mark) for line, mark in enumerate(marks, 2) if mark.casefold() not in _NOTHING]
    words = [(line, mark) for line, mark in given if mark.casefold() in WORDS]
    others = [(line, mark) for line, mark in given if mark.casefold() not in WORDS]
    if words and others:
        (line, word), (row, other) = words[0], others[0]
        raise HistoryError(
            f"{path}: dissatisfaction is on mixed scales: row {line} says {word!r}, row {row} says {other[:40]!r};"
            " use one for all rows"
        )
    if not others:
        return "words"
    values = [_number(path, line, mark) for line, mark in others]
    low, high, whole = min(values), max(values), all(value == int(value) for value in values)
    if not 0 <= low <= high <= 100:
        raise HistoryError(
            f"{path}: dissatisfaction reaches from {low:g} to {high:g}; 0 to 100 is the widest scale"
        )
    if high > 5:
        return "0-100"
    if high <= 1 and not whole:
        raise HistoryError(
            f"{path}: dissatisfaction reaches from {low:g} to {high:g}, a share: multiply it by 100"
        )
    if low >= 1:
        return "1-5"
    if high <= 4:
        return "0-4"
    raise HistoryError(
        f"{path}: dissatisfaction reaches from 0 to 5, which may be 0-100 or its own scale; say which: --scale 0-100"
    )


_SCALE_TOLD = {
    "0-100": "an index of 0 to 100",
    "1-5": "1 (content) to 5 (furious)",
    "0-4": "severity 0 to 4",
    "words": "Low, Medium, High",
}


def _index(path: Path, line: int, mark: str, scale: str) -> float | None:
    if mark.casefold() in _NOTHING:
        return None
    if scale == "words":
        if mark.casefold() not in WORDS:
            raise HistoryError(
                f"{path}: dissatisfaction {mark[:40]!r} (row {line}) is none of {', '.join(WORDS)}"
            )
        return WORDS[mark.casefold()]
    low, high = _RANGES[scale]
    value = _number(path, line, mark)
    if not low <= value <= high:
        raise HistoryError(
            f"{path}: dissatisfaction {mark[:40]!r} (row {line}) is not on the scale {scale}"
        )
    return (value - low) / (high - low) * 100


def _number(path: Path, line: int, mark: str) -> float:
    try:
        value = float(mark.removesuffix("%"))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise HistoryError(
            f"{path}: dissatisfaction {mark[:40]!r} (row {line}) is on no known scale:"
            f" {', '.join(SCALES[:-1])}, or Low, Medium, High"
        )
    return value


def _label(cell: str) -> str | None:
    label = " ".join(cell.split())
    return None if label.casefold() in _NOTHING else label[:120]


def _distinct(told: Iterable[Told]) -> tuple[list[Told], int, int]:
    """Each text once, how many were repeats, and how many texts were left out because their repeats
    disagree.
    """
    first: dict[str, Told] = {}
    torn: set[str] = set()
    repeats = 0
    for one in told:
        key = text_hash(one.text)
        seen = first.setdefault(key, one)
        if seen is not one:
            repeats += 1
            if (seen.topic, seen.problem) != (one.topic, one.problem):
                torn.add(key)
    return [one for key, one in first.items() if key not in torn], repeats, len(torn)


def _frequent(
    path: Path, history: History, task: str, column: int, names: Sequence[str], least: int
) -> History:
    """The history with the rare classes of a task as `other`. Raises HistoryError when fewer than
    two are left.
    """
    counts = Counter(label for one in history.told if (label := getattr(one, task)) is not None)
    where = f"{path}: {task} (column {names[column]!r})"
    if not counts:
        raise HistoryError(f"{where} is empty in every row")
    rare = {label for label, count in counts.items() if count < least}
    kept = [label for label in counts if label not in rare]
    if len(set(kept) - {REST}) < 2:
        short = f"; {len(rare):,} more have fewer than {least}" if rare else ""
        raise HistoryError(
            f"{where} has fewer than 2 classes with {least} texts or more ({len(kept)}{short})"
        )
    line = f"{task}: {len(kept)} classes, {sum(counts.values()):,} texts"
    if rare:
        line += f"; {len(rare):,} rare ones with fewer than {least} texts are learnt as {REST!r}"
    told = tuple(
        one if getattr(one, task) not in rare else _with_label(one, task, REST)
        for one in history.told
    )
    return replace(history, told=told, said=(*history.said, line))


def _with_label(one: Told, task: str, label: str) -> Told:
    return replace(one, topic=label) if task == "topic" else replace(one, problem=label)


def parts(history: History) -> tuple[list[Told], list[Told]]:
    """(learnt, held out): a tenth by the hash of the text, a fifth where few, but never a class's
    last text.
    """
    out = ("validation",) if len(history.told) >= FEW else ("validation", "test")
    held = [one for one in history.told if part_of(one.text) in out]
    learnt = [one for one in history.told if part_of(one.text) not in out]
    known = {(task, getattr(one, task)) for one in learnt for task in LABELLED}
    back = [
        one for one in held if any((task, getattr(one, task)) not in known for task in LABELLED)
    ]
    return learnt + back, [one for one in held if one not in back]


def fewer(told: Sequence[Told], task: str, count: int, draw: int = 0) -> list[Told]:
    """At most `count` texts of each class of a task: a draw that its number and the texts alone
    decide.
    """
    drawn = sorted(told, key=lambda one: text_hash(f"{draw}:{one.text}"))
    taken: Counter[str] = Counter()
    kept = []
    for one in drawn:
        label = getattr(one, task)
        if label is not None and taken[label] < count:
            taken[label] += 1
            kept.append(one)
    return kept


def _columns_line(names: Sequence[str], found: Mapping[str, int]) -> str:
    return "columns: " + ", ".join(f"{ours} is {names[place]!r}" for ours, place in found.items())


def _rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the rows, each as wide as the header."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(",;\t", key=first.count), strict=True)
            names = [name.strip() for name in next(reader, [])]
            rows = []
            for row in reader:
                if row and len(row) != len(names):
                    raise HistoryError(
                        f"{path}: line {reader.line_num} has {len(row)} columns, not the header's {len(names)}"
                    )
                if row:
                    rows.append(row)
    except FileNotFoundError:
        raise HistoryError(f"{path}: there is no such file") from None
    except OSError as error:
        raise HistoryError(f"{path}: it cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise HistoryError(
            f"{path}: it is not UTF-8 (byte {error.start}); save it as CSV in UTF-8"
        ) from None
    except csv.Error as error:
        raise HistoryError(
            f"{path}: line {reader.line_num} cannot be read as CSV ({error})"
        ) from None
    if not names:
        raise HistoryError(f"{path}: it is empty; the first line names its columns")
    if not rows:
        raise HistoryError(f"{path}: it has no rows under its header")
    return names, rows


def as_index(path: Path, marks: Sequence[str]) -> list[float | None]:
    """Values of dissatisfaction on whichever scale they are, as an index of 0 to 100; None where
    there is none.
    """
    scale = recognised_scale(path, marks)
    return [_index(path, line, mark, scale) for line, mark in enumerate(marks, 2)]
