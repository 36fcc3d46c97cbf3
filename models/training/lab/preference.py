"""Preference pairs: a text with a better and a worse label, from examples and corrections."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.evaluation.labelled_file import Row, Table, read_labelled
from models.training.corpus.data import DataError, file_hash

COLUMNS = ("text", "better", "worse")


@dataclass(frozen=True, slots=True)
class Preference:
    """A text as it was written, and the class numbers of two labels."""

    text: str
    better: int
    worse: int


def read_preferences(path: Path, names: Sequence[str]) -> tuple[list[Preference], dict[str, str]]:
    """The pairs of a CSV with text,better,worse, and its hash. names: of the classes.

    Without a worse label, every other one is. Raises DataError naming the column, row or label that
    is wrong.
    """
    table = read_labelled(path, COLUMNS, error=DataError)
    pairs = [pair for row in table.rows for pair in _pairs(table, row, names)]
    return pairs, {path.name: file_hash(path)}


def _pairs(table: Table, row: Row, names: Sequence[str]) -> Iterator[Preference]:
    better, worse = row["better"].lower(), row["worse"].lower()
    if better not in names:
        raise table.unknown(row, "better", names)
    if worse and worse not in names:
        raise table.unknown(row, "worse", names)
    if better == worse:
        raise table.refused(row, "better and worse are the same")
    for name in names:
        if name == worse or (not worse and name != better):
            yield Preference(row.cells["text"], names.index(better), names.index(name))


def write_preferences(pairs: Sequence[tuple[str, str, str | None]], path: Path) -> None:
    """(text, better, worse) as a CSV that `read_preferences` takes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows((text, better, worse or "") for text, better, worse in pairs)
