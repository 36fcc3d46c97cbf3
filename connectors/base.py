"""What every way in from the outside world has in common: its errors, and the shape of a live source."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from connectors.events import Events, LiveEvents

Cursor = Any  # JSON-able; only the source that made it can read it


class ConnectorError(Exception):
    """Something is wrong outside; the message is one line for a person and says what to do."""


class FormatError(ConnectorError):
    """This input is in no format that can be read. Trying again will not help."""


class SourceError(ConnectorError):
    """The source failed in the middle. retry_after: seconds after which it may work again, None when it will not."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@runtime_checkable
class Source(Protocol):
    """A source that ends, such as a file: iterate it once, in a thread of its own where reading may block.

    name: what its cursor is stored under. total, done: how far the reading is, both in the same unit.
    """

    name: str

    @property
    def total(self) -> int: ...

    @property
    def done(self) -> int: ...

    def __iter__(self) -> Events: ...


@runtime_checkable
class LiveSource(Protocol):
    """A source that does not end. It goes on after `cursor` (None: from now) and raises SourceError when it breaks."""

    name: str

    def events(self, cursor: Cursor | None) -> LiveEvents: ...
