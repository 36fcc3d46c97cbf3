"""Undo of an edit on a ticket: its columns as the history says that they were. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from stream.desk.actions import Edit, NotAllowed, Row

UNDO_WITHIN = timedelta(seconds=30)  # a console offers it for ten, and the way there takes time


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


# Columns whose history holds all that stood there, and how it is read from JSON.
_UNDONE: dict[str, Callable[[Any], Any]] = {
    "owner": lambda value: value,
    "state": lambda value: value,
    "tags": lambda value: value,
    "snoozed_until": _moment,
}


def undone(ticket: Row, change: Row, actor: str, now: datetime) -> Edit:
    """The edit that takes a person's latest one back. change: its row of the history.

    Raises NotAllowed for somebody else's edit, one of long ago, one that cannot be taken back, and
    where a message of the customer changed the same columns since.
    """
    if change["who"] != actor:
        raise NotAllowed(f"{change['who']} did this; only they can undo it")
    if now - change["changed_at"] > UNDO_WITHIN:
        raise NotAllowed(f"this was done more than {UNDO_WITHIN.seconds} seconds ago")
    if not set(change["changes"]) <= _UNDONE.keys():
        raise NotAllowed("this cannot be undone; change the ticket instead")
    values = {}
    for name, (old, new) in change["changes"].items():
        if ticket[name] != _UNDONE[name](new):
            raise NotAllowed("the ticket went on meanwhile; look at it")
        values[name] = _UNDONE[name](old)
    changes = {name: [new, old] for name, (old, new) in change["changes"].items()}
    return Edit(f"undid: {change['reason']}", values, changes)
