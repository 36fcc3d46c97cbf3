"""Actions of people on a ticket: when each is allowed, and what it changes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from stream.records import Level
from stream.triage import by_hand
from stream.triage.sums import total
from stream.triage.ticket import Factor

LONGEST_NOTE = 4000  # characters
LONGEST_REASON = 300
MOST_TAGS = 20
LONGEST_SNOOZE = timedelta(days=366)
_TAG = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")

Row = Mapping[Any, Any]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class NotAllowed(Exception):
    """The action does not fit the ticket as it is: one line that says why and what would."""


class _Action(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Claim(_Action):
    """Take the ticket: it becomes yours and open. force: also from somebody else."""

    action: Literal["claim"] = "claim"
    force: bool = False


class Acknowledge(_Action):
    """Seen: a new ticket is open, and still nobody's. Any other stays as it is."""

    action: Literal["acknowledge"] = "acknowledge"


class Assign(_Action):
    """Give the ticket to somebody; to nobody, when `owner` is null."""

    action: Literal["assign"] = "assign"
    owner: Name | None


class Wait(_Action):
    """The customer is to answer; their next message re-opens the ticket."""

    action: Literal["wait"] = "wait"


class Snooze(_Action):
    """Out of the queue until a moment; a message of the customer wakes it earlier."""

    action: Literal["snooze"] = "snooze"
    until: AwareDatetime


class Resolve(_Action):
    """Done. A new message of the customer re-opens it."""

    action: Literal["resolve"] = "resolve"


class Prioritise(_Action):
    """A level by hand, with the reason. It stays until a new message of the customer is more
    urgent. null: what the conversation says again.
    """

    action: Literal["priority"] = "priority"
    level: Level | None
    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REASON)
    ]


class Reopen(_Action):
    """Back into the queue; a ticket that the customer settled, with all its weight."""

    action: Literal["reopen"] = "reopen"


class Note(_Action):
    """A remark for colleagues; customers never see it."""

    action: Literal["note"] = "note"
    text: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NOTE)
    ]


class Tag(_Action):
    """Tags to add and to take away."""

    action: Literal["tag"] = "tag"
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


Action = Annotated[
    Claim | Acknowledge | Assign | Wait | Snooze | Resolve | Reopen | Prioritise | Note | Tag,
    Field(discriminator="action"),
]


@dataclass(frozen=True, slots=True)
class Edit:
    """The columns that an action writes. changes: old and new values, for the history."""

    reason: str
    values: dict[str, Any]
    changes: dict[str, list[Any]]


def apply(ticket: Row, action: Action, actor: str, now: datetime) -> Edit | None:
    """The edit that the action comes to; None when the ticket is so already. Raises NotAllowed."""
    reason, target = _target(ticket, action, actor, now)
    values = {name: value for name, value in target.items() if ticket.get(name) != value}
    if not values:
        return None
    changes = {
        name: [_plain(ticket.get(name)), _plain(value)]
        for name, value in values.items()
        if name not in ("notes", "factors")
    }
    if "notes" in values:
        changes["notes"] = [len(ticket["notes"]), len(values["notes"])]
    return Edit(reason, values, changes)


def _target(ticket: Row, action: Action, actor: str, now: datetime) -> tuple[str, dict[str, Any]]:
    """The reason for the history, and the columns as they are to be."""
    match action:
        case Claim():
            return "claimed", _claim(ticket, action, actor)
        case Acknowledge():
            return "acknowledged", _acknowledged(ticket)
        case Assign():
            return _handover(action), _assign(ticket, action)
        case Wait():
            _refuse_resolved(ticket, "wait")
            return "waits for the customer", {"state": "waiting", "snoozed_until": None}
        case Snooze():
            _refuse_resolved(ticket, "snooze")
            return "snoozed", _snooze(action, now)
        case Resolve():
            return "resolved", _resolved(ticket, actor)
        case Reopen():
            return _reopen(ticket)
        case Prioritise():
            _refuse_resolved(ticket, "set its priority")
            return _prioritised(ticket, action, actor, now)
        case Note():
            note = {"at": now.isoformat(timespec="seconds"), "who": actor, "text": action.text}
            return "a note", {"notes": [*ticket["notes"], note]}
        case Tag():
            return "tags", {"tags": _tags(ticket["tags"], action)}


def _reopen(ticket: Row) -> tuple[str, dict[str, Any]]:
    opened: dict[str, Any] = {"state": "open", "snoozed_until": None}
    if ticket.get("settled_at") is None:
        return "re-opened", opened
    from stream.triage.settlement import weight_before  # its words are loaded where one re-opens

    weight = weight_before(Factor(**factor) for factor in ticket["factors"])
    priority, level, factors = weight.priority, weight.level, weight.factors
    hand = by_hand.ByHand.of(ticket.get("by_hand"))
    if hand is not None:
        level = hand.level
        priority, factors = by_hand.with_hand(priority, factors, hand)
    return "re-opened: not settled", opened | {
        "settled_at": None,
        "unsettled_at": ticket["settled_at"],
        "priority": priority,
        "level": level,
        "factors": [asdict(factor) for factor in factors],
    }


def _prioritised(
    ticket: Row, action: Prioritise, actor: str, now: datetime
) -> tuple[str, dict[str, Any]]:
    if action.level is None:
        reason = f"priority by the conversation: {action.reason}"
        return reason, weighed(ticket, None) | {"by_hand": None}
    folded = int(weighed(ticket, None)["priority"])
    hand = by_hand.ByHand(action.level, actor, action.reason, folded)
    stored = asdict(hand) | {"at": now.isoformat(timespec="seconds")}
    reason = f"priority {action.level}: {action.reason}"
    return reason, weighed(ticket, hand) | {"by_hand": stored}


def weighed(ticket: Row, hand: by_hand.ByHand | None) -> dict[str, Any]:
    """Priority, level and factors with this level by hand; None: as the conversation says."""
    factors = [Factor(**factor) for factor in ticket["factors"] if factor["name"] != by_hand.FACTOR]
    set_before = by_hand.ByHand.of(ticket.get("by_hand"))
    priority = ticket["priority"] if set_before is None else min(total(factors), 100)
    level = by_hand.level_of(priority)
    if hand is not None:
        level = hand.level
        priority, with_hand = by_hand.with_hand(priority, factors, hand)
        factors = list(with_hand)
    return {
        "priority": priority,
        "level": level,
        "factors": [asdict(factor) for factor in factors],
    }


def _claim(ticket: Row, action: Claim, actor: str) -> dict[str, Any]:
    owner = ticket["owner"]
    if owner not in (None, actor) and not action.force:
        raise NotAllowed(f"{owner} has this ticket: ask them, or a lead takes it over")
    if ticket["state"] in ("open", "resolved", "settled"):
        return {"owner": actor}
    return {"owner": actor, "state": "open", "snoozed_until": None}


def _acknowledged(ticket: Row) -> dict[str, Any]:
    return {"state": "open"} if ticket["state"] == "new" else {}


def _resolved(ticket: Row, actor: str) -> dict[str, Any]:
    owner = ticket["owner"] or actor
    return {"state": "resolved", "snoozed_until": None, "owner": owner}


def _handover(action: Assign) -> str:
    return f"given to {action.owner or 'nobody'}"


def _assign(ticket: Row, action: Assign) -> dict[str, Any]:
    if action.owner is not None and ticket["state"] == "new":
        return {"owner": action.owner, "state": "open"}
    return {"owner": action.owner}


def _snooze(action: Snooze, now: datetime) -> dict[str, Any]:
    if action.until <= now:
        raise NotAllowed("a ticket is snoozed until a moment that is still to come")
    if action.until - now > LONGEST_SNOOZE:
        raise NotAllowed("a ticket is snoozed for a year at most")
    return {"state": "snoozed", "snoozed_until": action.until}


def _refuse_resolved(ticket: Row, verb: str) -> None:
    if ticket["state"] in ("resolved", "settled"):
        raise NotAllowed(f"the ticket is {ticket['state']}: re-open it to {verb}")


def _tags(tags: list[str], action: Tag) -> list[str]:
    added = checked_tags(action.add)
    removed = {tag.strip().lower() for tag in action.remove}
    result = [tag for tag in dict.fromkeys([*tags, *added]) if tag not in removed]
    if len(result) > MOST_TAGS:
        raise NotAllowed(f"a ticket has {MOST_TAGS} tags at most")
    return result


def checked_tags(names: Iterable[str]) -> list[str]:
    """The tags as they are stored, each once. Raises NotAllowed."""
    tags = [tag.strip().lower() for tag in names]
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise NotAllowed(f"{tag!r} is no tag: letters, digits, - and _, 40 at most")
    if len(tags) > MOST_TAGS:
        raise NotAllowed(f"a ticket has {MOST_TAGS} tags at most")
    return list(dict.fromkeys(tags))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
