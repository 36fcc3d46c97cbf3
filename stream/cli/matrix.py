"""Confusion matrices of figures as tables of a terminal, and judged rows as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from stream.cli.plain import plain
from stream.errors import UserError

if TYPE_CHECKING:
    from models.evaluation.metrics import OnJudged

CONFUSION, CELLS = "confusion", "cells"
WIDEST = 12  # classes of a table that a terminal has room for; of more, the commonest mistakes
MISTAKES = 20


def without_matrices(
    values: Mapping[str, Any], prefix: str = ""
) -> tuple[dict[str, Any], list[tuple[str, Mapping[str, Mapping[str, int]]]]]:
    """The figures without their matrices, and each matrix with the place where it stood."""
    rest: dict[str, Any] = {}
    matrices: list[tuple[str, Mapping[str, Mapping[str, int]]]] = []
    for name, value in values.items():
        if name == CONFUSION and isinstance(value, Mapping):
            matrices.append((prefix.rstrip("."), value))
        elif isinstance(value, Mapping):
            rest[name], more = without_matrices(value, f"{prefix}{name}.")
            matrices += more
        else:
            rest[name] = value
    return rest, matrices


def matrix_table(title: str, matrix: Mapping[str, Mapping[str, int]]) -> Table:
    """Rows are the truth, columns what the model said; where it was right is green.

    Of many classes only the commonest mistakes are shown, a line each.
    """
    columns = list(dict.fromkeys([*matrix, *(name for row in matrix.values() for name in row)]))
    if len(columns) > WIDEST:
        return _mistakes(title, matrix)
    heading = _heading(title, "truth by row, model by column")
    table = Table(box=None, padding=(0, 2), title=plain(heading), title_justify="left")
    table.add_column("")
    for name in columns:
        table.add_column(plain(name), justify="right")
    for truth, row in matrix.items():
        cells = [Text(f"{row.get(name, 0):,}", _style(truth, name, row)) for name in columns]
        table.add_row(plain(truth), *cells)
    return table


def cells_table(cells: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Table:
    """Of calls, by true sentiment and true outcome: how many there are, how many are right."""
    table = Table(box=None, padding=(0, 2), title="calls by what is true", title_justify="left")
    for name in ("sentiment", "outcome", "calls", "sentiment right", "outcome right", "both"):
        table.add_column(name, justify="left" if name in ("sentiment", "outcome") else "right")
    for sentiment, by_outcome in cells.items():
        for outcome, counts in by_outcome.items():
            numbers = [f"{count:,}" for count in counts.values()]
            table.add_row(plain(sentiment), plain(outcome), *numbers)
    return table


def _heading(title: str, words: str) -> str:
    return f"{title}: {words}" if title else words


def _style(truth: str, name: str, row: Mapping[str, int]) -> str:
    if truth == name:
        return "bold green"
    return "yellow" if row.get(name) else "dim"


def _mistakes(title: str, matrix: Mapping[str, Mapping[str, int]]) -> Table:
    wrong = sorted(
        (-count, truth, name)
        for truth, row in matrix.items()
        for name, count in row.items()
        if truth != name and count
    )
    heading = _heading(title, "the commonest mistakes")
    table = Table(box=None, padding=(0, 2), title=plain(heading), title_justify="left")
    for name in ("truth", "model", "times"):
        table.add_column(name, justify="right" if name == "times" else "left")
    for count, truth, name in wrong[:MISTAKES]:
        table.add_row(plain(truth), plain(name), f"{-count:,}")
    return table


@contextmanager
def rows_file(path: Path | None) -> Iterator[OnJudged | None]:
    """A writer of judged rows, or None without a path. Raises UserError where it cannot be written.

    Columns: text, what was asked, truth, model, probability, right. No cell is a formula.
    """
    if path is None:
        yield None
        return
    from stream.postgres.sql import harmless

    with _writable(path):
        file = path.open("w", encoding="utf-8", newline="")
    with file:
        writer = csv.writer(file)

        def on_judged(
            text: str,
            task: str,
            truth: str,
            guess: str,
            sure: float | None = None,
            *,
            right: bool | None = None,
        ) -> None:
            words = [harmless(cell) for cell in (text, task, truth, guess)]
            share = "" if sure is None else f"{sure:.4f}"
            with _writable(path):
                writer.writerow((*words, share, int(truth == guess if right is None else right)))

        with _writable(path):
            writer.writerow(("text", "task", "truth", "model", "probability", "right"))
        yield on_judged
        with _writable(path):
            file.flush()


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: it cannot be written ({error.strerror})") from None
