"""Bodies of requests that change a ticket, and the actions that they make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from stream.desk.actions import (
    LONGEST_NOTE,
    LONGEST_REASON,
    MOST_TAGS,
    Action,
    Assign,
    Name,
    Reopen,
    Resolve,
    Snooze,
    Tag,
    Wait,
)
from stream.desk.corrections import Field as Corrected
from stream.records import Level

# for examples; FastAPI drops null from them
NEXT_WEEK = f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%d}T08:00:00Z"


class Sent(BaseModel):
    """A body that says nothing but what is named here."""

    model_config = ConfigDict(extra="forbid")


def example(*bodies: dict[str, Any]) -> ConfigDict:
    """Bodies that work, for the reference."""
    return ConfigDict(json_schema_extra={"examples": list(bodies)})


class Claimed(Sent):
    """Take the ticket."""

    model_config = example({"force": False})

    force: bool = Field(False, description="also from somebody else, which takes a lead")


class Snoozed(Sent):
    """Out of the queue for a while."""

    model_config = example({"until": NEXT_WEEK})

    until: AwareDatetime = Field(
        description="a year ahead at most; a message of the customer wakes it earlier"
    )


class Noted(Sent):
    """A remark for colleagues."""

    model_config = example({"text": "called back, waits for the technician"})

    text: Annotated[str, Field(min_length=1, max_length=LONGEST_NOTE)]


class Prioritised(Sent):
    """A level by hand."""

    model_config = example({"level": "P1", "reason": "the pendant of a woman of 84 is cut off"})

    level: Level | None = Field(description="null: what the conversation says again")
    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)]


class Tagged(Sent):
    """Tags to add and to take away."""

    model_config = example({"add": ["refund"], "remove": ["vip"]})

    add: Annotated[list[str], Field(max_length=MOST_TAGS)] = []
    remove: Annotated[list[str], Field(max_length=MOST_TAGS)] = []


class TicketPatch(Sent):
    """What is to be different; what is left out stays."""

    model_config = example(
        {"state": "waiting", "tags": ["refund"]}, {"state": "snoozed", "snoozed_until": NEXT_WEEK}
    )

    owner: Name | None = Field(None, description="a user's name; null: nobody")
    state: Literal["open", "waiting", "snoozed", "resolved"] | None = None
    snoozed_until: AwareDatetime | None = Field(None, description="with the state `snoozed`")
    tags: Annotated[list[str], Field(max_length=MOST_TAGS)] | None = Field(
        None, description="all of them"
    )

    @model_validator(mode="after")
    def _says_something(self) -> TicketPatch:
        if not self.model_fields_set & {"owner", "state", "tags"}:
            raise ValueError("nothing is to be different: send owner, state or tags")
        if (self.state == "snoozed") != (self.snoozed_until is not None):
            raise ValueError("snoozed_until and the state snoozed go together")
        return self


class CorrectionIn(Sent):
    """A message of the ticket that the model misread."""

    model_config = example({"event_id": "x:1", "field": "sentiment", "should_be": "neutral"})

    event_id: Annotated[str, Field(max_length=300)]
    field: Corrected
    should_be: Annotated[str, Field(min_length=1, max_length=120)]


def actions_of(payload: TicketPatch, tags: list[str]) -> list[Action]:
    """The actions that make the change. tags: those that the ticket has."""
    actions: list[Action] = []
    if "owner" in payload.model_fields_set:
        actions.append(Assign(owner=payload.owner))
    match payload.state:
        case "open":
            actions.append(Reopen())
        case "waiting":
            actions.append(Wait())
        case "resolved":
            actions.append(Resolve())
        case "snoozed":
            assert payload.snoozed_until is not None  # noqa: S101  the record was checked
            actions.append(Snooze(until=payload.snoozed_until))
    if payload.tags is not None:
        new = {tag.strip().lower() for tag in payload.tags}
        removed = tuple(tag for tag in tags if tag not in new)
        actions.append(Tag(add=tuple(payload.tags), remove=removed))
    return actions
