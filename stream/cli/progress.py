"""What a person sees while events go through: a live bar on a terminal, a line now and then
elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

EVERY = 2.0  # seconds between lines where there is no terminal


class Reading(Protocol):
    @property
    def total(self) -> int: ...
    @property
    def done(self) -> int: ...


@dataclass(slots=True)
class State:
    """How far everything is. tickets, alerts and scored are the store's totals."""

    sent: int = 0
    scored: int = 0
    tickets: int = 0
    alerts: int = 0
    lag: int = 0
    read: bool = False  # the source is at its end
    since: float = field(default_factory=time.monotonic)

    def line(self) -> str:
        rate = self.sent / max(time.monotonic() - self.since, 1e-6)
        told = f"{self.sent:,} events in · {self.scored:,} scored · {self.tickets:,} tickets · {self.alerts:,} alerts"
        return f"{told} · {rate:,.0f} events/s · lag {self.lag:,}"


class Progress:
    """Shows a State; a context manager that leaves the last state on the screen."""

    def __init__(self, console: Console, source: Reading) -> None:
        self.state = State()
        self._console = console
        self._source = source
        self._bars: Bars | None = None
        self._printed_at = 0.0
        if console.is_terminal:
            self._bars = Bars(
                SpinnerColumn(), BarColumn(24), TextColumn("{task.description}"), console=console
            )
            self._task = self._bars.add_task("starting", total=max(source.total, 1))

    def __enter__(self) -> Progress:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()
        elif kind is None:
            self._console.print(self.state.line(), markup=False, highlight=False)

    def show(self, state: State) -> None:
        if self._bars:
            # The bar is full only when nothing waits on Kafka any more.
            share = state.sent / max(state.sent + state.lag, 1) if state.read else 1.0
            done = self._source.done * share
            if state.read and state.lag > 0:
                done = self._source.total * max(0.0, 1 - state.lag / max(state.sent, 1))
            self._bars.update(self._task, completed=done, description=state.line())
        elif time.monotonic() - self._printed_at > EVERY:
            self._printed_at = time.monotonic()
            self._console.print(state.line(), markup=False, highlight=False)


@contextmanager
def counted(what: str, console: Console | None = None) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told how many are done, of how many; gone at the end. Nothing where there is no
    terminal.
    """
    console = console or Console(stderr=True)
    columns = (BarColumn(28), MofNCompleteColumn(), TextColumn(what), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
