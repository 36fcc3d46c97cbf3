"""The screen of a live ingest: lines above, and on a terminal one line below that changes."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.status import Status

if TYPE_CHECKING:
    from stream.bootstrap.live import LiveProgress

LINE_EVERY = 15.0  # seconds between two lines where there is no terminal


class LiveScreen:
    """A context manager. Quiet when nothing changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Status("connecting", console=console) if console.is_terminal else None
        self._printed_at = 0.0
        self._line = ""

    def __enter__(self) -> LiveScreen:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self._status:
            self._status.stop()

    def print(self, line: str) -> None:
        self._console.print(
            f"{datetime.now():%H:%M:%S} {line}", markup=False, highlight=False, soft_wrap=True
        )

    def show(self, progress: LiveProgress) -> None:
        line = _line(progress)
        if self._status:
            self._status.start()  # with the first progress: an error before it is one line alone
            self._status.update(line)
        elif line != self._line and time.monotonic() > self._printed_at + LINE_EVERY:
            self._printed_at, self._line = time.monotonic(), line
            self.print(line)


def _line(progress: LiveProgress) -> str:
    events = f"{progress.events:,} heard"
    if progress.read:
        events += f" of {progress.read:,} read"
    parts = [events, f"{progress.tickets:,} tickets · {progress.alerts:,} alerts"]
    if progress.dollars and progress.budget is not None:
        parts.append(f"{progress.dollars:.2f} of {progress.budget:.2f} dollars today")
    if progress.trouble:
        parts.append(f"waiting: {progress.trouble}")
    else:
        parts.append(f"connected · lag {progress.lag:,}")
    return " · ".join(parts)
