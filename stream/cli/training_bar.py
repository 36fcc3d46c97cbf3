"""Progress of a training run: a live bar on a terminal, the lines of the log elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def watched(console: Console | None = None) -> Iterator[Callable[[str], None]]:
    """A function for the lines of a trainer's log, JSON or plain words, until the run ends."""
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield lambda line: print(line, file=sys.stderr, flush=True)
        return
    columns = (
        BarColumn(28),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("starting", total=None)

        def on_line(line: str) -> None:
            fields = _fields(line)
            if "step" in fields and "of" in fields:
                bar.update(
                    task,
                    completed=fields["step"],
                    total=fields["of"],
                    description=f"loss {fields.get('loss', '–')}",
                )
            else:
                bar.console.print(_words(fields) or line, markup=False, highlight=False)

        yield on_line


def _fields(line: str) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _words(fields: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in fields.items())
