"""Labelled complaints of a company: a CSV whose columns and scale are recognised, and reported."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.evaluation.labelled_file import CELL_LIMIT, Table, read_labelled
from models.text import normalize
from models.training.corpus.data import part_of, text_hash
from models.training.errors import TrainingError

LABELLED = ("topic", "problem")
INDEX = "dissatisfaction"
# What people call our columns, the likelier first.
COLUMNS = {
    "text": (
        "text",
        "complaint_text",
        "consumer_complaint_narrative",
        "complaint_narrative",
        "narrative",
        "complaint",
        "complaint_description",
        "description",
        "customer_complaint",
        "message",
        "body",
        "tweet",
        "comment",
        "review",
    ),
    "topic": ("topic", "theme", "product", "complaint_type", "department"),
    "problem": ("problem", "category", "issue", "intent", "reason", "title"),
    INDEX: (
        "dissatisfaction",
        "customer_dissatisfaction_index",
        "dissatisfaction_index",
        "customer_dissatisfaction",
        "severity",
        "dissatisfaction_level",
        "index",
    ),
}
REST = "other"  # where a class goes that has too few texts to be learnt
FEW = 500  # texts
_EMPTY = frozenset({"", "-", "nan", "none", "null", "n/a", "na", "unknown"})

WORDS = {
    "very low": 0.0,
    "low": 100 / 6,
    "medium": 50.0,
    "moderate": 50.0,
    "high": 500 / 6,
    "very high": 100.0,
    "critical": 100.0,
}
_RANGES = {"0-100": (0.0, 100.0), "1-5": (1.0, 5.0), "0-4": (0.0, 4.0)}
SCALES = (*_RANGES, "words")
_SCALE_NAMES = {
    "0-100": "an index of 0 to 100",
    "1-5": "1 (content) to 5 (furious)",
    "0-4": "severity 0 to 4",
    "words": "Low, Medium, High",
}

Mark = tuple[int, str]  # line of the file, and its value of dissatisfaction as written


class HistoryError(TrainingError):
    """The history cannot be learnt from."""


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text of the history. A missing label is None. index: 0 (content) to 100 (furious)."""

    text: str  # normalised
    topic: str | None = None
    problem: str | None = None
    index: float | None = None


@dataclass(frozen=True)
class History:
    """texts: the distinct ones. notes: what was recognised, a sentence each, for a person.

    scale: of the dissatisfaction, one of SCALES; None where the file has none.
    """

    texts: tuple[LabelledText, ...]
    notes: tuple[str, ...] = ()
    scale: str | None = None

    def labels(self, task: str) -> list[str]:
        """The names of a task (`topic`, `problem`) in order of the alphabet, [] where none is."""
        return sorted(label_counts(self.texts, task))

    @property
    def has_index(self) -> bool:
        return any(text.index is not None for text in self.texts)


def label_counts(texts: Iterable[LabelledText], task: str) -> Counter[str]:
    """The number of texts of each label of a task."""
    labels: list[str | None] = [getattr(text, task) for text in texts]
    return Counter(label for label in labels if label is not None)


def read_history(
    path: Path,
    columns: Mapping[str, str] | None = None,
    *,
    scale: str | None = None,
    minimum: int = 3,
) -> History:
    """The labelled complaints of a CSV.

    columns: which column is the text, topic, problem, dissatisfaction, where the name does not
    tell. scale: one of SCALES; recognised by the values otherwise. minimum: a class with fewer
    texts becomes `other`. Raises HistoryError, one line that says what is wrong and where, for what
    cannot be learnt from.
    """
    table = read_labelled(path, error=HistoryError)
    recognised = recognised_columns(path, table.columns, columns or {})
    if set(recognised) == {"text"}:
        raise HistoryError(
            f"{path}: no column topic, problem or dissatisfaction; its columns are"
            f" {', '.join(table.columns)} (name one, for instance --problem COLUMN)"
        )
    described = ", ".join(f"{ours} is {name!r}" for ours, name in recognised.items())
    scale, indices, scale_notes = _indices(table, recognised.get(INDEX), scale)
    texts, left_out = _distinct(_texts(table, recognised, indices))
    notes = (f"columns: {described}", *scale_notes, *left_out)
    history = History(tuple(texts), notes, scale)
    for task in LABELLED:
        if task in recognised:
            history = _frequent(path, history, task, recognised[task], minimum)
    if scale is not None and not history.has_index:
        raise HistoryError(f"{path}: the column {recognised[INDEX]!r} is empty in every row")
    return history


def recognised_columns(
    path: Path, names: Sequence[str], columns: Mapping[str, str]
) -> dict[str, str]:
    """Our columns by the file's names for them. columns: those that a person names.

    Raises HistoryError without a text, or for a name that the file does not have.
    """
    by_plain_name: dict[str, str] = {}
    for name in names:
        by_plain_name.setdefault(column_name(name), name)
    recognised: dict[str, str] = {}
    for ours, theirs in columns.items():
        if column_name(theirs) not in by_plain_name:
            raise HistoryError(f"{path}: no column {theirs!r}; its columns are {', '.join(names)}")
        recognised[ours] = by_plain_name[column_name(theirs)]
    for ours, spellings in COLUMNS.items():
        candidates = [by_plain_name[name] for name in spellings if name in by_plain_name]
        free = [name for name in candidates if name not in recognised.values()]
        if free and ours not in recognised:
            recognised[ours] = free[0]
    if "text" not in recognised:
        raise HistoryError(
            f"{path}: no column text; its columns are {', '.join(names)} (name it: --text COLUMN)"
        )
    return recognised


def column_name(name: str) -> str:
    """`Customer Dissatisfaction-Index` as `customer_dissatisfaction_index`."""
    return "_".join(re.findall(r"[^\W_]+", name.casefold()))


def as_index(path: Path, marks: Sequence[Mark]) -> list[float | None]:
    """Values of dissatisfaction, on a scale that is recognised, as an index of 0 to 100."""
    scale = recognised_scale(path, marks)
    return [_index(path, mark, scale) for mark in marks]


def recognised_scale(path: Path, marks: Sequence[Mark]) -> str:
    """The one of SCALES that all values are on. Raises HistoryError where none is."""
    filled = [(line, mark) for line, mark in marks if mark.casefold() not in _EMPTY]
    words = [(line, mark) for line, mark in filled if mark.casefold() in WORDS]
    numbers = [(line, mark) for line, mark in filled if mark.casefold() not in WORDS]
    if words and numbers:
        (first, word), (second, number) = words[0], numbers[0]
        raise HistoryError(
            f"{path}: dissatisfaction is on mixed scales: line {first} says {word!r},"
            f" line {second} says {number[:CELL_LIMIT]!r}; use one for all rows"
        )
    if not numbers:
        return "words"
    return _numeric_scale(path, [_number(path, mark) for mark in numbers])


def _numeric_scale(path: Path, values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    reach = f"{path}: dissatisfaction reaches from {low:g} to {high:g}"
    if not 0 <= low <= high <= 100:
        raise HistoryError(f"{reach}; 0 to 100 is the widest scale")
    if high > 5:
        return "0-100"
    if high <= 1 and not all(value == int(value) for value in values):
        raise HistoryError(f"{reach}, a share: multiply it by 100")
    if low >= 1:
        return "1-5"
    if high <= 4:
        return "0-4"
    raise HistoryError(f"{reach}, which may be 0-100 or its own scale; say which: --scale 0-100")


def _indices(
    table: Table, column: str | None, scale: str | None
) -> tuple[str | None, list[float | None], list[str]]:
    """The scale of a column, the index of each row, and a note of what was read."""
    if column is None:
        return None, [None] * len(table.rows), []
    marks = [(row.line, row[column]) for row in table.rows]
    scale = scale or recognised_scale(table.path, marks)
    indices = [_index(table.path, mark, scale) for mark in marks]
    count = sum(index is not None for index in indices)
    return scale, indices, [f"dissatisfaction: read as {_SCALE_NAMES[scale]}, {count:,} values"]


def _index(path: Path, mark: Mark, scale: str) -> float | None:
    line, value = mark
    if value.casefold() in _EMPTY:
        return None
    where = f"{path}: line {line}: dissatisfaction {value[:CELL_LIMIT]!r}"
    if scale == "words":
        if value.casefold() not in WORDS:
            raise HistoryError(f"{where} is none of {', '.join(WORDS)}")
        return WORDS[value.casefold()]
    low, high = _RANGES[scale]
    number = _number(path, mark)
    if not low <= number <= high:
        raise HistoryError(f"{where} is not on the scale {scale}")
    return (number - low) / (high - low) * 100


def _number(path: Path, mark: Mark) -> float:
    line, value = mark
    try:
        number = float(value.removesuffix("%"))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise HistoryError(
            f"{path}: line {line}: dissatisfaction {value[:CELL_LIMIT]!r} is on no known scale:"
            f" {', '.join(SCALES[:-1])}, or Low, Medium, High"
        )
    return number


def _texts(
    table: Table, recognised: Mapping[str, str], indices: Sequence[float | None]
) -> list[LabelledText]:
    tasks = [task for task in LABELLED if task in recognised]
    texts: list[LabelledText] = []
    for row, index in zip(table.rows, indices, strict=True):
        labels = {task: _label(row[recognised[task]]) for task in tasks}
        text = normalize(row.cells[recognised["text"]])
        texts.append(LabelledText(text, index=index, **labels))
    return texts


def _label(cell: str) -> str | None:
    label = " ".join(cell.split())
    return None if label.casefold() in _EMPTY else label[:120]


def _distinct(texts: Sequence[LabelledText]) -> tuple[list[LabelledText], list[str]]:
    """The distinct texts, and a note of those that are left out.

    Those are empty texts, repeats, and texts whose repeats have other labels.
    """
    first: dict[str, LabelledText] = {}
    torn: set[str] = set()
    empty = repeats = 0
    for text in texts:
        if not text.text:
            empty += 1
            continue
        key = text_hash(text.text)
        earlier = first.setdefault(key, text)
        if earlier is not text:
            repeats += 1
            if (earlier.topic, earlier.problem) != (text.topic, text.problem):
                torn.add(key)
    distinct = [text for key, text in first.items() if key not in torn]
    if not (empty or repeats):
        return distinct, []
    note = (
        f"left out: {empty:,} rows without text, {repeats:,} repeats,"
        f" {len(torn):,} texts with labels that differ"
    )
    return distinct, [note]


def _frequent(path: Path, history: History, task: str, column: str, minimum: int) -> History:
    """The history with the rare classes of a task as `other`.

    Raises HistoryError when fewer than two are left.
    """
    counts = label_counts(history.texts, task)
    where = f"{path}: {task} (column {column!r})"
    if not counts:
        raise HistoryError(f"{where} is empty in every row")
    rare = {label for label, count in counts.items() if count < minimum}
    frequent = counts.keys() - rare
    if len(frequent - {REST}) < 2:
        short = f"; {len(rare):,} more have fewer than {minimum}" if rare else ""
        raise HistoryError(
            f"{where} has fewer than 2 classes with {minimum} texts or more"
            f" ({len(frequent)}{short})"
        )
    note = f"{task}: {len(frequent)} classes, {counts.total():,} texts"
    if rare:
        note += f"; {len(rare):,} rare ones with fewer than {minimum} texts are learnt as {REST!r}"
    texts = tuple(
        _with_label(text, task, REST) if getattr(text, task) in rare else text
        for text in history.texts
    )
    return replace(history, texts=texts, notes=(*history.notes, note))


def _with_label(text: LabelledText, task: str, label: str) -> LabelledText:
    return replace(text, topic=label) if task == "topic" else replace(text, problem=label)


def parts(history: History) -> tuple[list[LabelledText], list[LabelledText]]:
    """(learnt, held out): a tenth by the hash of the text, a fifth of few texts.

    The last text of a class is never held out.
    """
    held_parts = ("validation",) if len(history.texts) >= FEW else ("validation", "test")
    learnt: list[LabelledText] = []
    candidates: list[LabelledText] = []
    for text in history.texts:
        (candidates if part_of(text.text) in held_parts else learnt).append(text)
    known = {(task, getattr(text, task)) for text in learnt for task in LABELLED}
    held_out: list[LabelledText] = []
    for text in candidates:
        labels = {(task, getattr(text, task)) for task in LABELLED}
        (held_out if labels <= known else learnt).append(text)
    return learnt, held_out


def fewer(
    texts: Sequence[LabelledText], task: str, count: int, draw: int = 0
) -> list[LabelledText]:
    """At most `count` texts of each class of a task. The draw's number and the texts decide."""
    shuffled = sorted(texts, key=lambda text: text_hash(f"{draw}:{text.text}"))
    counts: Counter[str] = Counter()
    selected: list[LabelledText] = []
    for text in shuffled:
        label = getattr(text, task)
        if label is not None and counts[label] < count:
            counts[label] += 1
            selected.append(text)
    return selected
