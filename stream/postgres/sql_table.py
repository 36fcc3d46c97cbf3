"""Rows of SQL for a person: a table, or where it is wider than the terminal, a record each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text


def print_rows(
    columns: Sequence[str], rows: Sequence[Sequence[Text]], numbers: Sequence[bool], out: TextIO
) -> None:
    """Nothing is cut: words wrap, and a wide row becomes a line a column."""
    console = Console(file=out)
    if not console.is_terminal:
        console.width = max(console.width, 200)
    table = _table(columns, rows, numbers)
    widest = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
    if console.is_terminal and widest > console.width:
        _print_records(console, columns, rows)
    else:
        console.print(table)


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[Text]], numbers: Sequence[bool]
) -> Table:
    table = Table(header_style="bold")
    for name, is_number in zip(columns, numbers, strict=True):
        table.add_column(Text(name), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _print_records(
    console: Console, columns: Sequence[str], rows: Sequence[Sequence[Text]]
) -> None:
    for number, row in enumerate(rows, 1):
        console.print(Text(f"-- row {number} --", style="dim"))
        record = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        record.add_column(style="bold", no_wrap=True, max_width=console.width // 2)
        record.add_column(overflow="fold")
        for name, value in zip(columns, row, strict=True):
            record.add_row(Text(name), value)
        console.print(record)
