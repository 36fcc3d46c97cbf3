"""A CSV with text,label of any size: checked from end to end first, then read in parts."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

from models.evaluation.metrics import EvaluationError

Labels = NDArray[np.int64]

PART = 1024  # texts that are held at a time
COLUMNS = ("text", "label")
USUAL = "negative, neutral, positive or 0, 1, 2"

_NAMES = {"negative": 0, "neg": 0, "neutral": 1, "neu": 1, "positive": 2, "pos": 2}
# Numbers mean what the set of them means: TweetEval, Sentiment140 (with or without neutral),
# signed, and two classes.
_NUMBERINGS: tuple[dict[str, int], ...] = (
    {"0": 0, "1": 2},
    {"0": 0, "1": 1, "2": 2},
    {"0": 0, "2": 1, "4": 2},
    {"-1": 0, "0": 1, "1": 2},
)
_KNOWN = _NAMES.keys() | {label for one in _NUMBERINGS for label in one}


class LabelledFile:
    """Texts and their sentiments (0 negative, 1 neutral, 2 positive). A context manager: pipes are
    kept in a file.

    n: rows. classes: the sentiments that occur, or negative and positive where there is no neutral
    text. Every row is read before the first part is given, so that a bad one is told before any
    time is spent. Raises EvaluationError, one line with the file and the line in it, for what
    cannot be read or has no meaning.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._spare: IO[bytes] | None = None
        try:
            if (
                not path.is_file() and path.exists() and not path.is_dir()
            ):  # `<(...)`: it can be read but once
                self._spare = tempfile.TemporaryFile()  # noqa: SIM115 (closed on exit)
                with path.open("rb") as pipe:
                    shutil.copyfileobj(pipe, self._spare)
            self.n, self._meaning = self._checked()
        except BaseException:
            self.__exit__()
            raise
        self.classes = [0, 1, 2] if 1 in self._meaning.values() else [0, 2]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._spare is not None:
            self._spare.close()

    def parts(self, size: int = PART) -> Iterator[tuple[list[str], Labels]]:
        """Texts and labels, so many at a time, in order."""
        texts: list[str] = []
        labels: list[int] = []
        for line, text, label in self._rows():
            if label not in self._meaning:
                raise EvaluationError(
                    f"{self.path}: line {line} is another than a moment ago; the file was changed"
                )
            texts.append(text)
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
        for line, _, label in self._rows():
            count += 1
            if label not in first:
                if label not in _KNOWN:
                    raise self._unknown(label, line)
                first[label] = line
        if not count:
            raise EvaluationError(f"{self.path}: it has no rows")
        meaning = next((one for one in (_NAMES, *_NUMBERINGS) if first.keys() <= one.keys()), None)
        if (
            meaning is None
        ):  # each has a meaning, but not beside the others: told of the one that came last
            label = max(first, key=lambda name: first[name])
            others = ", ".join(name for name in first if name != label)
            raise EvaluationError(
                f"{self.path}: line {first[label]}: label {label!r} does not go with {others}; use {USUAL}"
            )
        return count, {label: meaning[label] for label in first}

    def _unknown(self, label: str, line: int) -> EvaluationError:
        if not label:
            return EvaluationError(
                f"{self.path}: line {line}: it has no label; use negative, neutral, positive or 0, 1, 2"
            )
        return EvaluationError(
            f"{self.path}: line {line}: unknown label {label[:40]!r}; use negative, neutral, positive or 0, 1, 2"
        )

    def _rows(self) -> Iterator[tuple[int, str, str]]:
        """(line where it begins, text, label) of each row; empty lines are none."""
        line = 1
        try:
            with self._opened() as file:
                rows = csv.reader(file, strict=True)
                header = next(rows, [])
                if missing := [name for name in COLUMNS if name not in header]:
                    there = ", ".join(header) or "(none)"
                    raise EvaluationError(
                        f"{self.path}: no column {' and '.join(missing)}; its columns are {there}"
                    )
                if twice := [name for name in COLUMNS if header.count(name) > 1]:
                    raise EvaluationError(f"{self.path}: the column {twice[0]} is there twice")
                text, label = map(header.index, COLUMNS)
                line = rows.line_num + 1
                for row in rows:
                    if len(row) != len(header) and row:
                        raise EvaluationError(
                            f"{self.path}: line {line} has {len(row)} fields and the header {len(header)}; "
                            "a text with a comma or a line break stands in quotes"
                        )
                    if row:
                        yield line, row[text], row[label].strip().lower()
                    line = rows.line_num + 1
        except FileNotFoundError:
            raise EvaluationError(f"{self.path}: there is no such file") from None
        except UnicodeDecodeError as error:
            raise EvaluationError(
                f"{self.path}: it is no CSV in UTF-8 ({self._undecodable() or error.reason})"
            ) from None
        except csv.Error as error:
            raise EvaluationError(
                f"{self.path}: line {line}: it is no CSV ({error}); is a quote left open?"
            ) from None
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise EvaluationError(f"{self.path}: it cannot be read ({reason})") from None

    @contextmanager
    def _opened(self) -> Iterator[io.TextIOWrapper]:
        with self._bytes() as raw:
            file = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
            try:
                yield file
            finally:
                file.detach()

    @contextmanager
    def _bytes(self) -> Iterator[IO[bytes]]:
        """From its beginning; what ends in .gz is unpacked."""
        if self._spare is not None:
            self._spare.seek(0)
            yield self._spare
        elif self.path.suffix == ".gz":
            with gzip.open(self.path, "rb") as packed:
                yield io.BufferedReader(packed)
        else:
            with self.path.open("rb") as file:
                yield file

    def _undecodable(self) -> str | None:
        """The first line that is no UTF-8."""
        with self._bytes() as raw:
            for number, line in enumerate(raw, 1):
                try:
                    line.decode("utf-8")
                except UnicodeDecodeError as error:
                    return f"line {number}, byte {error.start + 1}: {error.reason}"
        return None


def read_labelled(path: Path) -> tuple[list[str], Labels]:
    """All texts of a file that fits into memory, and their sentiments. Raises EvaluationError."""
    with LabelledFile(path) as file:
        parts = list(file.parts())
    return [text for texts, _ in parts for text in texts], np.concatenate(
        [labels for _, labels in parts]
    )
