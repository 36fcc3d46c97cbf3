"""`/v1/tickets/...`: conversations merged, split, linked to an incident, and heard elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from stream.desk.actions import NotAllowed
from stream.desk.joining import Joined
from stream.desk.tickets import Lost, NoTicket, Row
from stream.errors import UserError
from stream.web.api.etags import Change, Changing, etag, seen_of
from stream.web.api.records import TicketOut
from stream.web.api.ticket_changes import Sent, example
from stream.web.api.tickets import ACT, TicketId, lost_update, no_ticket
from stream.web.http.problems import refusal
from stream.web.joined_acts import LONGEST_WORDS, Channel, add_words, published

LONG_AGO = timedelta(days=3653)
CLOCKS = timedelta(minutes=5)  # that a caller's may be ahead

TicketName = Annotated[str, Field(min_length=1, max_length=540)]


class MergedInto(Sent):
    """The ticket that takes the conversation in."""

    model_config = example({"into": "x:404"})

    into: TicketName


class SplitOff(Sent):
    """Messages of the ticket; the answers to them go along."""

    model_config = example({"messages": ["x:1"]})

    messages: Annotated[list[TicketName], Field(min_length=1, max_length=500)]


class LinkedTo(Sent):
    """An incident; null: none."""

    model_config = example({"incident": "incident:Northwind Air:delay:2026-03-12T12:00Z"})

    incident: TicketName | None


class SpokenWords(Sent):
    """What the customer said elsewhere."""

    model_config = example({"text": "She rang: the line is dead again.", "channel": "phone"})

    text: Annotated[str, Field(min_length=1, max_length=LONGEST_WORDS)]
    channel: Channel = "other"
    said_at: AwareDatetime | None = Field(
        None, description="no time to come, and ten years ago at most; now when left out"
    )


class JoinedOut(BaseModel):
    """ticket: as it is now, null where it was withdrawn; undo it with `/v1/tickets/undo`."""

    ticket: TicketOut
    other: str | None = Field(description="the ticket that was merged in or split off")


class HeardOut(BaseModel):
    """The message is in the ticket a moment later."""

    ticket: TicketOut
    id: str = Field(description="of the message")


router = APIRouter(prefix="/v1/tickets", tags=["desk"])


@router.post("/{ticket_id:path}/merge", summary="Merge a ticket into another", responses=ACT)
async def merge(ticket_id: TicketId, payload: MergedInto, change: Changing) -> JoinedOut:
    """The whole conversation goes there, later messages too; its own ticket is withdrawn. Both are
    of one brand. `If-Match` is of the ticket that takes it in.
    """
    caller = change.caller
    return await _joined(
        change,
        change.desk.joining.merge(
            ticket_id,
            payload.into,
            caller.name,
            seen=seen_of(change.if_match),
            brands=caller.brands,
        ),
    )


@router.post("/{ticket_id:path}/split", summary="Split messages off a ticket", responses=ACT)
async def split(ticket_id: TicketId, payload: SplitOff, change: Changing) -> JoinedOut:
    """They become a conversation of their own, and what answers them later follows."""
    caller = change.caller
    return await _joined(
        change,
        change.desk.joining.split(
            ticket_id,
            payload.messages,
            caller.name,
            seen=seen_of(change.if_match),
            brands=caller.brands,
        ),
    )


@router.post(
    "/{ticket_id:path}/incident", summary="Link a ticket to an incident, or to none", responses=ACT
)
async def link(ticket_id: TicketId, payload: LinkedTo, change: Changing) -> JoinedOut:
    """It leaves the incident that it was in. earshot keeps what a person decided."""
    caller = change.caller
    return await _joined(
        change,
        change.desk.joining.link(
            ticket_id,
            payload.incident,
            caller.name,
            seen=seen_of(change.if_match),
            brands=caller.brands,
        ),
    )


@router.post(
    "/{ticket_id:path}/messages",
    summary="Add what the customer said elsewhere",
    responses=ACT,
    status_code=202,
)
async def hear(ticket_id: TicketId, payload: SpokenWords, change: Changing) -> HeardOut:
    """A call that nobody recorded, words across a counter: a message of theirs, redacted and judged
    like any other.
    """
    if not payload.text.strip():
        raise refusal(422, "body.text: a message has words")
    caller = change.caller
    said_at = _past(payload.said_at)
    try:
        row, id = await add_words(
            change.desk,
            ticket_id,
            payload.text,
            payload.channel,
            caller.name,
            said_at=said_at,
            brands=caller.brands,
        )
    except NoTicket as error:
        raise no_ticket(error) from None
    return HeardOut(ticket=_out(change, row), id=id)


def _past(moment: datetime | None) -> datetime | None:
    """In UTC. Raises a 422 for a time that no customer can have spoken at: it would stand before
    or behind everything else that is said in the conversation.
    """
    if moment is None:
        return None
    now = datetime.now(UTC)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        moment = None
    if moment is None or not now - LONG_AGO <= moment <= now + CLOCKS:
        raise refusal(422, "body.said_at: a time that is past, ten years ago at most")
    return moment


async def _joined(change: Change, act: Awaitable[Joined]) -> JoinedOut:
    try:
        joined = await act
    except NoTicket as error:
        raise no_ticket(error) from None
    except (NotAllowed, UserError) as error:
        raise refusal(409, str(error)) from None
    except Lost as lost:
        raise lost_update(lost) from None
    row = await published(change.desk, joined)
    return JoinedOut(ticket=_out(change, row), other=joined.other)


def _out(change: Change, row: Row) -> TicketOut:
    change.response.headers["ETag"] = etag(row)
    return TicketOut.model_validate(row)
