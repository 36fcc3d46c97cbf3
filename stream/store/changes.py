"""The next version of a ticket: pure decisions between its stored row and its conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from math import ceil
from typing import Any, Literal

from stream.postgres.tables import HUMAN, Row
from stream.triage.by_hand import ByHand, apply_hand
from stream.triage.settlement import unsettled
from stream.triage.ticket import Ticket

FOLDED = tuple(column.name for column in fields(Ticket) if column.name != "id")  # columns
Kind = Literal["created", "changed", "settled", "reopened", "withdrawn"]

# A change keeps old values for ever; neither a text that was deleted nor its author's name may live
# on in it.
_UNQUOTED = frozenset({"excerpt", "factors", "author"})
WEIGHED_BY_PEOPLE = ("unsettled_at", "by_hand")  # columns of people that a fold respects
SETTLED = "settled"  # the state of a ticket that the customer's last word closed
SETTLED_BY = "settled by the customer"
_QUIET_STATES = frozenset({"waiting", "snoozed", "resolved"})
_UNTOUCHED: dict[str, Any] = {
    "state": "new",
    "owner": None,
    "tags": [],
    "notes": [],
    "snoozed_until": None,
    "unsettled_at": None,
    "by_hand": None,
}


@dataclass(frozen=True)
class Change:
    """One new version of a ticket. values: the columns to write; None when it is withdrawn."""

    ticket_id: str
    version: int
    kind: Kind
    reason: str
    changes: dict[str, list[Any]]
    values: dict[str, Any] | None
    # columns that people set, where they must be written too
    people: dict[str, Any] = field(default_factory=dict)
    becomes_p1: bool = False
    over: str | None = None  # why a P1 ticket is none for a person any more
    brand: str | None = None
    moved_from: str | None = None  # the ticket that was this brand's before, in the conversation


@dataclass(frozen=True)
class Arrival:
    """When the messages of a conversation were received, which no order of events can tell.

    received_at: the first live inbound one. waiting_since: the first of them after the brand's last
    answer.
    """

    received_at: datetime
    waiting_since: datetime | None


def arrival(history: Sequence[Row]) -> Arrival:
    """history: live events ordered by (occurred_at, id), at least one of them inbound."""
    inbound = [row for row in history if row["direction"] == "inbound"]
    answered = max(
        (at for at, row in enumerate(history) if row["direction"] == "outbound"), default=-1
    )
    unanswered = [
        row["received_at"] for row in history[answered + 1 :] if row["direction"] == "inbound"
    ]
    return Arrival(min(row["received_at"] for row in inbound), min(unanswered, default=None))


def change(
    stored: Row | None,
    last: Row | None,
    ticket: Ticket | None,
    arrived: Arrival | None,
    new_inbound: bool,
    *,
    before: Row | None = None,
) -> Change | None:
    """The new version that the conversation's events ask for; None when the stored row says it
    already.

    last: where no row is stored, the ticket's latest change, if it ever had one. arrived: when its
    messages were received; None where there is no ticket. new_inbound: a customer's message arrived
    that nobody has seen; it re-opens what a person had put away.
    before: the stored ticket that is this brand's under another id, where a message turned up that
    changes which brand the conversation names first.
    """
    if ticket is None or arrived is None:
        return None if stored is None else _withdraw(stored)
    if before or _is_of_another(stored or last, ticket):
        return _take_over(ticket, arrived, stored, last, before, new_inbound)
    ticket = _as_people_found(ticket, stored, last)
    ticket, holds = apply_hand(ticket, _by_hand(stored, last), new_inbound)
    next_version = _next_version(stored, last, ticket, arrived, new_inbound)
    if holds or next_version is None:
        return next_version
    old_level = (stored or {}).get("by_hand")
    return replace(
        next_version,
        people=next_version.people | {"by_hand": None},
        changes=next_version.changes | {"by_hand": [old_level, None]},
        reason="the customer wrote what is more urgent than it was set",
    )


def _by_hand(stored: Row | None, last: Row | None) -> ByHand | None:
    """The level that somebody set on the ticket, as it is stored or was when it went."""
    if stored is not None:
        return ByHand.of(stored.get("by_hand"))
    return ByHand.of((last or {}).get("by_hand") or _returned(last).get("by_hand"))


def _next_version(
    stored: Row | None,
    last: Row | None,
    ticket: Ticket,
    arrived: Arrival,
    new_inbound: bool,
) -> Change | None:
    values = columns(ticket) | _times(ticket, arrived)
    if stored is None:
        return _create(ticket, values, last)
    return _update(stored, ticket, values, new_inbound)


def _update(
    stored: Row, ticket: Ticket, values: dict[str, Any], new_inbound: bool
) -> Change | None:
    state = _next_state(stored, ticket, new_inbound)
    if state == stored["state"] and all(stored[name] == value for name, value in values.items()):
        return None
    next_version = _changed(stored, ticket, values)
    if state == stored["state"]:
        return next_version
    if state == SETTLED:
        return _moved(next_version, stored, state, SETTLED_BY)
    reason = "the customer wrote again" if new_inbound else next_version.reason
    return _moved(next_version, stored, state, reason)


def _changed(stored: Row, ticket: Ticket, values: dict[str, Any]) -> Change:
    changed = {
        name: [stored[name], values[name]] for name in FOLDED if stored[name] != values[name]
    }
    return Change(
        ticket.id,
        stored["version"] + 1,
        "changed",
        _reason(changed),
        _recorded(changed),
        values,
        becomes_p1=ticket.level == "P1" and stored["level"] != "P1",
        over=None if ticket.level == "P1" else _over(stored, ticket),
        brand=ticket.brand,
    )


def _as_people_found(ticket: Ticket, stored: Row | None, last: Row | None) -> Ticket:
    """The ticket without the settlement that a person undid."""
    if ticket.settled_at is None:
        return ticket
    if stored is not None:
        undone = stored.get("unsettled_at")
    else:
        undone = (last or {}).get("unsettled_at") or _returned(last).get("unsettled_at")
    return unsettled(ticket) if undone == ticket.settled_at else ticket


def _next_state(stored: Row, ticket: Ticket, new_inbound: bool) -> str:
    """The state that the customer's words ask for: their last word may close the ticket, their next
    one opens it again. Without people's doing it depends on the events alone.
    """
    state = str(stored["state"])
    if ticket.settled_at is not None:
        return state if state == "resolved" else SETTLED
    if state == SETTLED:
        return "open" if stored.get("edits") else "new"
    return "open" if new_inbound and state in _QUIET_STATES else state


def _over(stored: Row, ticket: Ticket | None) -> str | None:
    """Why what was P1 needs nobody at once."""
    if stored["level"] != "P1":
        return None
    if ticket is None:
        return "the conversation needs nobody any more"
    return SETTLED_BY if ticket.settled_at is not None else "it is no P1 any more"


def _times(ticket: Ticket, arrived: Arrival) -> dict[str, Any]:
    # A "thanks" waits for nothing.
    waiting_since = None if ticket.answered_at else arrived.waiting_since
    return {"received_at": arrived.received_at, "waiting_since": waiting_since}


def _moved(change: Change, stored: Row, state: str, reason: str) -> Change:
    return replace(
        change,
        kind="settled" if state == SETTLED else "reopened",
        reason=reason,
        changes=change.changes | {"state": [stored["state"], state]},
        people={"state": state, "snoozed_until": None},
    )


def columns(ticket: Ticket) -> dict[str, Any]:
    """The folded columns of the row."""
    values = {name: getattr(ticket, name) for name in FOLDED}
    return values | {"factors": [asdict(factor) for factor in ticket.factors]}


def severity(priority: int) -> int:
    """The 1-10 of an alert, from the 0-100 of a ticket."""
    return max(1, min(10, ceil(priority / 10)))


def restored(kind: str, changes: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """What people's columns were after a recorded change, to be written again. Of notes only the
    number is recorded.
    """
    side = 0 if kind == "withdrawn" else 1  # what was set then comes back with the ticket
    values = {name: changes[name][side] for name in HUMAN if name in changes}
    if isinstance(values.get("notes"), int):
        del values["notes"]
    for name in ("snoozed_until", "unsettled_at"):
        moment = values.get(name)
        if isinstance(moment, str):
            values[name] = datetime.fromisoformat(moment)
    return values


def _create(ticket: Ticket, values: dict[str, Any], last: Row | None) -> Change:
    """A new ticket; or one that comes back after it was withdrawn, with what people had set and the
    next version.
    """
    returned = _returned(last)
    people = {name: value for name, value in returned.items() if value not in (None, [], "new")}
    changes = {name: [None, values[name]] for name in ("level", "priority")}
    if people.get("state") == SETTLED:
        del people["state"]
    if ticket.settled_at is not None and people.get("state") != "resolved":
        people |= {"state": SETTLED}
        changes["state"] = [None, SETTLED]
    return Change(
        ticket.id,
        1 if last is None else last["version"] + 1,
        "created",
        "the conversation needs a person"
        if last is None
        else "the conversation needs a person again",
        changes,
        values,
        people,
        becomes_p1=ticket.level == "P1",
        brand=ticket.brand,
    )


def _is_of_another(known: Row | None, ticket: Ticket) -> bool:
    """Whether what is known of a ticket is one brand's, and the folded one another's."""
    brand = None if known is None else known.get("brand")
    return brand is not None and ticket.brand is not None and brand != ticket.brand


def _take_over(
    ticket: Ticket,
    arrived: Arrival,
    stored: Row | None,
    last: Row | None,
    before: Row | None,
    new_inbound: bool,
) -> Change:
    """The ticket of a brand under an id that was another's, or nobody's.

    It begins anew there, with what its own people had set where it stood before. Nothing that was
    another brand's is told in its history.
    """
    ticket = _as_people_found(ticket, before, None)
    people = _taken_along(before or _UNTOUCHED, ticket, new_inbound)
    ticket, holds = apply_hand(ticket, ByHand.of(people["by_hand"]), new_inbound)
    if not holds:
        people["by_hand"] = None
    folded = {name: [None, getattr(ticket, name)] for name in ("level", "priority")}
    known = stored or last
    return Change(
        ticket.id,
        1 if known is None else known["version"] + 1,
        "created",
        "the conversation needs a person"
        if before is None
        else "the conversation names another brand first",
        folded | {name: [None, _plain(people[name])] for name in HUMAN},
        columns(ticket) | _times(ticket, arrived),
        people | {"edits": _edits(stored, before)},
        becomes_p1=ticket.level == "P1" and (before is None or before["level"] != "P1"),
        over=None if stored is None else _over(stored, None),
        brand=ticket.brand,
        moved_from=None if before is None else before["id"],
    )


def _taken_along(own: Row, ticket: Ticket, new_inbound: bool) -> dict[str, Any]:
    """What people had set, and the state that it is in then."""
    people = {name: own[name] for name in HUMAN}
    state = _next_state(own, ticket, new_inbound)
    if state != own["state"]:
        people |= {"state": state, "snoozed_until": None}
    return people


def _edits(stored: Row | None, before: Row | None) -> int:
    """The number of edits that no one has seen who looked at either."""
    edits = 0 if before is None else int(before["edits"])
    return edits + int(stored["edits"]) + 1 if stored and stored["edits"] else edits


def _returned(last: Row | None) -> dict[str, Any]:
    """What people had set on a ticket that was withdrawn."""
    if last is None or last["kind"] != "withdrawn":
        return {}
    return restored("withdrawn", last["changes"])


def _withdraw(stored: Row) -> Change:
    changes = {name: [_plain(stored.get(name)), None] for name in ("level", "priority", *HUMAN)}
    return Change(
        stored["id"],
        stored["version"] + 1,
        "withdrawn",
        "the conversation needs nobody any more",
        changes,
        None,
        over=_over(stored, None),
        brand=stored["brand"],
    )


def _recorded(changed: dict[str, list[Any]]) -> dict[str, list[Any]]:
    recorded = {
        name: [_plain(value) for value in pair]
        for name, pair in changed.items()
        if name not in _UNQUOTED
    }
    if "factors" in changed:
        old, new = changed["factors"]
        recorded["factors"] = [_points(old), _points(new)]
    return recorded


def _points(factors: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {factor["name"]: factor["points"] for factor in factors}


def _reason(changed: dict[str, list[Any]]) -> str:
    if "answered_at" in changed and changed["answered_at"][1] is not None:
        return "the brand answered"
    if "messages" in changed:
        return (
            "the conversation went on"
            if changed["messages"][1] > changed["messages"][0]
            else "a message was deleted"
        )
    return "a message was edited" if changed else "a message arrived out of order"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
