"""Edits of a ticket whose conversation is merged or split: what its people had set. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from stream.desk.actions import Edit, Row

# In the changes of an edit. ADDED_NOTES: how many notes, without their words.
MERGED, SPLIT, INCIDENT, ADDED_NOTES = "merged", "split", "incident", "taken notes"
WORDS = "words from elsewhere"


class NotJoined(Exception):
    """The latest edit of the ticket is none of these: `Desk.undo` takes it back."""


def joined(last: Row) -> tuple[str, str | None]:
    """Which of the acts here the edit was, and of what. Raises NotJoined."""
    changes = last.get("changes") or {}
    for name in (MERGED, SPLIT, INCIDENT, WORDS):
        if name in changes and "undid:" not in last["reason"]:
            return name, changes[name][1]
    raise NotJoined


def taken_in(ticket: Row, other: Row, incident: str | None = None) -> Edit:
    """What people had set on the other ticket, added to this one's. incident: that it brings."""
    values: dict[str, Any] = {"tags": list(dict.fromkeys([*ticket["tags"], *other["tags"]]))}
    if ticket["owner"] is None:
        values["owner"] = other["owner"]
    if ticket["state"] not in ("new", "open") and other["state"] in ("new", "open"):
        values |= {"state": "open", "snoozed_until": None}
    values = {name: value for name, value in values.items() if ticket[name] != value}
    changes = {name: [_plain(ticket[name]), _plain(value)] for name, value in values.items()}
    if other["notes"]:
        # Behind its own: notices of notes know them by their place.
        values["notes"] = [*ticket["notes"], *other["notes"]]
        changes[ADDED_NOTES] = [len(ticket["notes"]), len(values["notes"])]
    if incident is not None:
        changes[INCIDENT] = [None, incident]
    return Edit(f"merged with {other['id']}", values, changes | {MERGED: [None, other["id"]]})


def given_back(ticket: Row, last: Row, of: str) -> Edit:
    """This ticket without what it took in. last: the edit that did."""
    changes = last["changes"]
    values: dict[str, Any] = {}
    for name in ("tags", "owner", "state", "snoozed_until"):
        if name in changes:
            old = changes[name][0]
            is_moment = name == "snoozed_until" and old is not None
            values[name] = datetime.fromisoformat(old) if is_moment else old
    back = {name: [changes[name][1], changes[name][0]] for name in values}
    if ADDED_NOTES in changes:
        values["notes"] = ticket["notes"][: changes[ADDED_NOTES][0]]
        back[ADDED_NOTES] = changes[ADDED_NOTES][::-1]
    reason = f"undid: {last['reason']}"
    return Edit(reason, values, back | {of: changes[of][::-1]})


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
