"""Reader of labelled CSV files: every row is checked, and a bad one is named by its line."""

from __future__ import annotations

import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

from connectors.tabular.rows import csv_rows, decoded, header_of
from connectors.tabular.text_file import LIKELY, TextFile, fault_of
from models.evaluation.metrics import EvaluationError

Labels = NDArray[np.int64]
ErrorType = Callable[[str], Exception]

PART = 1024  # texts that are held at a time
SENTIMENT_COLUMNS = ("text", "label")
USUAL = "negative, neutral, positive or 0, 1, 2"
_OTHER_NAMES = {
    "text": ("tweet", "review", "review_text", "comment", "message", "content", "body", "sentence"),
    "label": ("sentiment", "polarity", "airline_sentiment", "class"),
}
CELL_LIMIT = 40  # characters of a cell in a message
# What an export puts before a sign, so that a spreadsheet takes no cell for a formula.
_DEFUSED = re.compile(r"(?:\A|(?<=[;|\t\n\r]))'(?=[=+@-])")

_NAMES = {"negative": 0, "neg": 0, "neutral": 1, "neu": 1, "positive": 2, "pos": 2}
# Numbers mean what the set of them means: TweetEval, Sentiment140 (with or without neutral),
# signed, and two classes.
_NUMBERINGS: tuple[dict[str, int], ...] = (
    {"0": 0, "1": 2},
    {"0": 0, "1": 1, "2": 2},
    {"0": 0, "2": 1, "4": 2},
    {"-1": 0, "0": 1, "1": 2},
)
_KNOWN = _NAMES.keys() | {label for numbering in _NUMBERINGS for label in numbering}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table. line: where it begins in the file. cells: as written, by column."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        """The cell without spaces around it; empty where the table has no such column."""
        return self.cells.get(column, "").strip()


@dataclass(frozen=True)
class Table:
    """A labelled file that fits into memory. error: of its messages to a person."""

    path: Path
    columns: tuple[str, ...]
    rows: Sequence[Row]
    error: ErrorType

    def refused(self, row: Row, reason: str) -> Exception:
        return self.error(f"{self.path}: line {row.line}: {reason}")

    def unknown(self, row: Row, column: str, choices: Iterable[str]) -> Exception:
        cell = row[column][:CELL_LIMIT]
        return self.refused(row, f"unknown {column} {cell!r}; use {', '.join(choices)}")


def read_labelled(
    path: Path,
    required: Sequence[str] = (),
    *,
    any_of: Sequence[str] = (),
    error: ErrorType = EvaluationError,
) -> Table:
    """All rows of a table in any encoding and with any delimiter, perhaps `.gz`.

    required: columns that it must have; any_of: columns of which it must have one. Raises `error`,
    one line, for a file that cannot be read, has no rows, lacks a column, or has a row of another
    width.
    """
    with CsvFile(path, error) as file:
        rows = list(file.rows(required, any_of))
        if not rows:
            raise error(f"{path}: it has no rows")
        return Table(path, file.columns, rows, error)


def rows_of(path: Path, error: ErrorType = EvaluationError) -> Iterator[Mapping[str, str]]:
    """The cells of each row of a table of any size, as written, by column. Raises as read_labelled
    does.
    """
    with CsvFile(path, error) as file:
        yield from (row.cells for row in file.rows())


class CsvFile:
    """Rows of a table. A context manager: a pipe is kept in a file, to be read twice."""

    def __init__(self, path: Path, error: ErrorType) -> None:
        self.path, self._error = path, error
        self.columns: tuple[str, ...] = ()
        self._spare: IO[bytes] | None = None

    def __enter__(self) -> Self:
        pipe = self.path.exists() and not self.path.is_file() and not self.path.is_dir()
        if pipe:  # `<(...)`
            self._spare = tempfile.NamedTemporaryFile()  # closed on exit
            with self.path.open("rb") as file:
                shutil.copyfileobj(file, self._spare)
            self._spare.flush()
        return self

    def __exit__(self, *_: object) -> None:
        if self._spare is not None:
            self._spare.close()

    def rows(self, required: Sequence[str] = (), any_of: Sequence[str] = ()) -> Iterator[Row]:
        """The rows in order, from the beginning at each call; empty lines are none."""
        try:
            file = TextFile(Path(self._spare.name) if self._spare else self.path, otherwise=LIKELY)
            block = file.head()
            if fault := fault_of(block):
                raise self._error(f"{self.path}: {fault}")
            header = header_of(decoded(block, file.otherwise or ""))
            self.columns = _columns(header.cells, (*required, *any_of))
            self._check_columns(required, any_of)
            with closing(file.lines()) as every_line:
                lines = islice(every_line, header.lines, None)
                for row in csv_rows(lines, len(self.columns), header.delimiter, self._refuse):
                    plain = [_DEFUSED.sub("", cell) for cell in row.values]
                    yield Row(row.line, dict(zip(self.columns, plain, strict=True)))
        except FileNotFoundError:
            raise self._error(f"{self.path}: there is no such file") from None
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise self._error(f"{self.path}: it cannot be read ({reason})") from None

    def _refuse(self, line: int, reason: str) -> None:
        raise self._error(
            f"{self.path}: line {line} {reason}; a text with a comma, a line break or a quote"
            " stands in quotes"
        )

    def _check_columns(self, required: Sequence[str], any_of: Sequence[str]) -> None:
        if not self.columns and not required:
            raise self._error(f"{self.path}: it is empty; the first line names its columns")
        columns = ", ".join(self.columns) or "(none)"
        lacking = _lacking([name for name in required if name not in self.columns])
        if any_of and not set(any_of) & set(self.columns):
            lacking.append(f"no column {_listed(any_of, 'or')}")
        if lacking:
            raise self._error(f"{self.path}: {', and '.join(lacking)}; its columns are {columns}")
        for name in (*required, *any_of):
            if self.columns.count(name) > 1:
                raise self._error(f"{self.path}: the column {name} is there twice")


class LabelledFile:
    """Texts and their sentiments (0 negative, 1 neutral, 2 positive) of a CSV of any size.

    A context manager. n: rows. classes: the sentiments that occur, or negative and positive where
    there is no neutral text. Every row is read before the first part is given: a bad one is named
    before any time is spent. Raises EvaluationError, one line with the file and the line in it,
    for what cannot be read or has no meaning.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = CsvFile(path, EvaluationError)
        self._file.__enter__()
        try:
            self.n, self._meaning = self._checked()
        except BaseException:
            self.__exit__()
            raise
        self.classes = [0, 1, 2] if 1 in self._meaning.values() else [0, 2]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.__exit__()

    def parts(self, size: int = PART) -> Iterator[tuple[list[str], Labels]]:
        """Texts and labels, so many at a time, in order."""
        texts: list[str] = []
        labels: list[int] = []
        for row in self._file.rows(SENTIMENT_COLUMNS):
            label = row["label"].lower()
            if label not in self._meaning:
                raise EvaluationError(
                    f"{self.path}: line {row.line} is another than a moment ago;"
                    " the file was changed"
                )
            texts.append(row.cells["text"])
            labels.append(self._meaning[label])
            if len(texts) == size:
                yield texts, np.array(labels, dtype=np.int64)
                texts, labels = [], []
        if texts:
            yield texts, np.array(labels, dtype=np.int64)

    def _checked(self) -> tuple[int, dict[str, int]]:
        """The number of rows, and what the labels that occur mean."""
        count = 0
        first: dict[str, int] = {}  # line of each label
        for row in self._file.rows(SENTIMENT_COLUMNS):
            count += 1
            label = row["label"].lower()
            if label not in first:
                if label not in _KNOWN:
                    raise self._unknown(label, row.line)
                first[label] = row.line
        if not count:
            raise EvaluationError(f"{self.path}: it has no rows")
        return count, self._meaning_of(first)

    def _meaning_of(self, first: Mapping[str, int]) -> dict[str, int]:
        for meaning in (_NAMES, *_NUMBERINGS):
            if first.keys() <= meaning.keys():
                return {label: meaning[label] for label in first}
        # Each has a meaning, but not beside the others: the message names the one that came last.
        label = max(first, key=lambda name: first[name])
        known = ", ".join(name for name in first if name != label)
        raise EvaluationError(
            f"{self.path}: line {first[label]}: label {label!r} does not go with {known};"
            f" use {USUAL}"
        )

    def _unknown(self, label: str, line: int) -> EvaluationError:
        reason = f"unknown label {label[:CELL_LIMIT]!r}" if label else "it has no label"
        return EvaluationError(f"{self.path}: line {line}: {reason}; use {USUAL}")


def read_sentiments(path: Path) -> tuple[list[str], Labels]:
    """All texts of a file that fits into memory, and their sentiments. Raises EvaluationError."""
    with LabelledFile(path) as file:
        parts = list(file.parts())
    texts = [text for part, _ in parts for text in part]
    return texts, np.concatenate([labels for _, labels in parts])


def _columns(names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The names of a header. One that is ours in other letters (`Text`), or usual for it elsewhere
    (`tweet`), is ours.
    """
    columns = [name.strip() for name in names]
    for ours in known:
        folded = [column.casefold() for column in columns]
        spellings = (ours.casefold(), *_OTHER_NAMES.get(ours, ()))
        place = next((folded.index(name) for name in spellings if name in folded), None)
        if ours not in columns and place is not None:
            columns[place] = ours
    return tuple(columns)


def _lacking(names: Sequence[str]) -> list[str]:
    """The missing columns in words, as a list of none or one."""
    if not names:
        return []
    return [f"no column{'s' if len(names) > 1 else ''} {_listed(names, 'and')}"]


def _listed(names: Sequence[str], last: str) -> str:
    """`a, b and c`, with `last` before the last name."""
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
