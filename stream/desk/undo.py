"""Undo of an edit on a ticket: its columns as the history says that they were. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from stream.desk.actions import Edit, NotAllowed, Row, weighed
from stream.triage import by_hand

WENT_ON = "the ticket went on meanwhile; look at it"
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


def check_undoable(change: Row, actor: str, now: datetime) -> None:
    """Raises NotAllowed for what nobody did, somebody else did, or was done long ago."""
    if "changed_at" not in change:
        raise NotAllowed("nobody changed this ticket yet")
    if change["who"] != actor:
        raise NotAllowed(f"{change['who']} did this; only they can undo it")
    if now - change["changed_at"] > UNDO_WITHIN:
        raise NotAllowed(f"this was done more than {UNDO_WITHIN.seconds} seconds ago")


def undone(ticket: Row, change: Row, actor: str, now: datetime) -> Edit:
    """The edit that takes a person's latest one back. change: its row of the history.

    Raises NotAllowed for somebody else's edit, one of long ago, one that cannot be taken back, and
    where a message of the customer changed the same columns since.
    """
    check_undoable(change, actor, now)
    reason = f"undid: {change['reason']}"
    changes = {name: [new, old] for name, (old, new) in change["changes"].items()}
    if set(changes) == {"notes"}:
        return Edit(reason, {"notes": _without_last(ticket, change, actor)}, changes)
    if "by_hand" in changes:
        return Edit(reason, *_weighed_before(ticket, change))
    if not set(changes) <= _UNDONE.keys():
        raise NotAllowed("this cannot be undone; change the ticket instead")
    values = {}
    for name, (old, new) in change["changes"].items():
        if ticket[name] != _UNDONE[name](new):
            raise NotAllowed(WENT_ON)
        values[name] = _UNDONE[name](old)
    return Edit(reason, values, changes)


def is_plain(change: Row) -> bool:
    """Whether an edit changed nothing but columns that the history holds whole."""
    return set(change.get("changes") or {}) <= _UNDONE.keys()


def _without_last(ticket: Row, change: Row, actor: str) -> list[Any]:
    """The notes without the one that the change added."""
    old, new = change["changes"]["notes"]
    notes = list(ticket["notes"])
    if new != old + 1 or len(notes) != new or notes[-1]["who"] != actor:
        raise NotAllowed(WENT_ON)
    return notes[:old]


def _weighed_before(ticket: Row, change: Row) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The columns with the level by hand that stood before, or with the conversation's own.

    Their points are counted anew: the history keeps no factors.
    """
    before, after = change["changes"]["by_hand"]
    if ticket.get("by_hand") != after:
        raise NotAllowed(WENT_ON)
    values = weighed(ticket, by_hand.ByHand.of(before)) | {"by_hand": before}
    changes = {name: [ticket[name], values[name]] for name in ("by_hand", "priority", "level")}
    return values, changes
