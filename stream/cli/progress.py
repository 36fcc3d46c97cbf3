"""Progress on a terminal: a live bar, or a line now and then where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from stream.cli.plain import plain

if TYPE_CHECKING:
    from stream.bootstrap.replay import Progress

LINE_EVERY = 2.0  # seconds
BAD_ROWS_SHOWN = 20


class ReplayBar:
    """The progress of a replay; a context manager that leaves the last one on the screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: Progress | None = None
        self._bars: Bars | None = None
        self._printed_at = 0.0
        if console.is_terminal:
            self._bars = Bars(
                SpinnerColumn(), BarColumn(24), TextColumn("{task.description}"), console=console
            )
            self._task = self._bars.add_task("starting", total=None)

    def __enter__(self) -> ReplayBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()
        elif kind is None and self._last is not None:
            self._print(self._last)

    def show(self, progress: Progress) -> None:
        self._last = progress
        if self._bars:
            self._bars.start()  # with the first progress: an error before it is one line alone
            self._bars.update(
                self._task,
                completed=_completed(progress),
                total=max(progress.total, 1),
                description=_line(progress),
            )
        elif time.monotonic() - self._printed_at > LINE_EVERY:
            self._printed_at = time.monotonic()
            self._print(progress)

    def _print(self, progress: Progress) -> None:
        self._console.print(_line(progress), markup=False, highlight=False)


def _line(progress: Progress) -> str:
    rate = progress.sent / max(time.monotonic() - progress.since, 1e-6)
    return (
        f"{progress.sent:,} events in · {progress.scored:,} scored · {progress.tickets:,} tickets"
        f" · {progress.alerts:,} alerts · {rate:,.0f} events/s · lag {progress.lag:,}"
    )


def _completed(progress: Progress) -> float:
    """Of the source's total. The bar is full only when nothing waits on Kafka any more."""
    if progress.at_end and progress.lag > 0:
        return progress.total * max(0.0, 1 - progress.lag / max(progress.sent, 1))
    return progress.done


class BadRows:
    """Rows that could not be read: the first few are printed, all of them are counted."""

    def __init__(self, console: Console) -> None:
        self.count = 0
        self._console = console

    def __call__(self, row: Any) -> None:
        self.count += 1
        if self.count <= BAD_ROWS_SHOWN:
            # of a whole file no line is at fault; where there are several, the reason names it
            where = "" if row.kind in ("file", "words") else f"line {row.line}: "
            self._console.print(
                f"{where}{plain(row.reason)}",
                style="yellow",
                markup=False,
                highlight=False,
            )
        elif self.count == BAD_ROWS_SHOWN + 1:
            self._console.print(
                "more lines cannot be read; they are only counted from here", style="yellow"
            )


@contextmanager
def counted(unit: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for (done, total) that is gone at the end; nothing where there is no terminal."""
    console = Console(stderr=True)
    columns = (BarColumn(28), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(unit, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
