"""Rows of files as events, and reasons of rows that are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pydantic import ValidationError

from connectors.events import Event, SourcedEvent, wrong_field
from connectors.skipped import Kind
from connectors.tabular.rows import Row


class BadRow(NamedTuple):
    """A row that was left out. line: counted from 1. reason: without the words of a message."""

    line: int
    reason: str
    kind: Kind = "row"
    size: int = 1  # how many of this kind the reason is about


OnBadRow = Callable[[BadRow], None]


class Doubtful(Exception):
    """A row that is read, and in which something is wrong."""

    def __init__(self, event: Event, reason: str) -> None:
        super().__init__(reason)
        self.event, self.reason = event, reason


def reason(error: ValueError) -> str:
    """The error in one line, without the words of the message that is wrong."""
    if isinstance(error, ValidationError):
        return wrong_field(error, slice(-1, None))
    return str(error)


def rows_as_events(
    rows: Iterator[Row], event_of: Callable[[list[str]], Event], on_bad_row: OnBadRow
) -> Iterator[SourcedEvent]:
    """The rows as events. event_of: makes one of the values; its ValueError is a bad row, its
    Doubtful one that is read and named.
    """
    for row in rows:
        try:
            event = event_of(row.values)
        except Doubtful as doubt:
            on_bad_row(BadRow(row.line, doubt.reason, "date"))
            yield SourcedEvent(doubt.event, row.end)
        except ValueError as error:
            on_bad_row(BadRow(row.line, reason(error)))
        else:
            yield SourcedEvent(event, row.end)
