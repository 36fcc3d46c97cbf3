"""What a person sees of a training run: a live bar on a terminal, the lines of the log elsewhere."""

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
    """A `say` for a trainer: it takes lines of its log, JSON or plain words, until the run ends."""
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

        def say(line: str) -> None:
            told = _facts(line)
            if "step" in told and "of" in told:
                bar.update(
                    task,
                    completed=told["step"],
                    total=told["of"],
                    description=f"loss {told.get('loss', '–')}",
                )
            else:
                bar.console.print(_words(told) or line, markup=False, highlight=False)

        yield say


def _facts(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _words(told: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items())
