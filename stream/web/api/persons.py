"""`/v1/tickets/{id}/person`: who is behind a ticket on every network, and which handles are one."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from connectors.links import profile_url
from stream.desk.persons import LONGEST_NAME, NoPerson, Person
from stream.desk.tickets import NoTicket, Row
from stream.errors import UserError
from stream.records import Level, State
from stream.web.api.ticket_changes import Sent, example
from stream.web.api.tickets import TicketId
from stream.web.auth.callers import Agent, Caller, Viewer
from stream.web.desk_services import DeskServices, Services
from stream.web.http.problems import documented, refusal

T = TypeVar("T")
Number = Annotated[int, Path(ge=1, le=2**63 - 1, examples=[1])]


class HandleOut(BaseModel):
    """A handle of a person, and what they wrote under it."""

    network: str
    author: str
    linked: bool = Field(
        description="the ticket's own or said by a colleague; false: the name alone is the same"
    )
    first_at: datetime
    last_at: datetime
    messages: int
    calls: int
    profile: str | None = Field(description="its page on the network")


class OtherTicketOut(BaseModel):
    """Another ticket of the person."""

    id: str
    network: str
    brand: str | None
    author: str | None
    level: Level
    state: State
    owner: str | None
    excerpt: str
    received_at: datetime
    call: bool | None


class MoodOut(BaseModel):
    """How one message sounded. dissatisfaction: 0 (content) to 100 (furious)."""

    id: str
    occurred_at: datetime
    dissatisfaction: float


class LinkOut(BaseModel):
    """What a colleague said of two handles."""

    id: int
    network: str
    handle: str
    other_network: str
    other_handle: str
    alike: bool = Field(description="one person; false: two")
    actor: str
    at: datetime


class PersonOut(BaseModel):
    """Who is behind a ticket. Of other brands than the caller's own nothing is here."""

    handles: list[HandleOut]
    first_at: datetime | None
    tickets: list[OtherTicketOut] = Field(description="open ones first, 20 at most")
    moods: list[MoodOut] = Field(description="oldest first, the latest 60")
    links: list[LinkOut]


class LinkIn(Sent):
    """Another handle."""

    model_config = example({"network": "mastodon", "author": "ada@social.example", "alike": True})

    network: Annotated[str, Field(min_length=1, max_length=40)]
    author: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"\S")]
    alike: bool = Field(True, description="the same person; false: somebody else of this name")


router = APIRouter(tags=["desk"])


@router.get(
    "/v1/tickets/{ticket_id:path}/person",
    summary="Who is behind a ticket, on every network",
    responses=documented(401, 403, 404, 422, 429, 503),
)
async def person(ticket_id: TicketId, desk: Services, caller: Viewer) -> PersonOut:
    """Their handles, other tickets and calls, and how their mood went."""
    services = desk.of(caller)
    ticket = await _ticket(services, ticket_id, caller)
    return _out(await services.persons.of(ticket, caller.brands))


@router.post(
    "/v1/tickets/{ticket_id:path}/person/links",
    status_code=201,
    summary="Say that another handle is the same person, or is not",
    responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
)
async def link(ticket_id: TicketId, payload: LinkIn, desk: Services, caller: Agent) -> LinkOut:
    """Kept in the audit. The latest word about two handles counts."""
    services = desk.of(caller)
    ticket = await _ticket(services, ticket_id, caller)
    row = await _linked(
        services.persons.link(
            ticket,
            payload.network,
            payload.author,
            caller.name,
            alike=payload.alike,
            brands=caller.brands,
        )
    )
    return LinkOut.model_validate(row)


@router.delete(
    "/v1/person-links/{number}",
    status_code=204,
    summary="Take a link back",
    responses=documented(401, 403, 404, 422, 429, 503),
)
async def unlink(number: Number, desk: Services, caller: Agent) -> None:
    """Kept in the audit, too."""
    await _linked(desk.of(caller).persons.unlink(number, caller.name, brands=caller.brands))


async def _ticket(services: DeskServices, ticket_id: str, caller: Caller) -> Row:
    try:
        return await services.desk.ticket(ticket_id, caller.brands)
    except NoTicket:
        raise refusal(404, "there is no such ticket") from None


async def _linked(work: Awaitable[T]) -> T:
    try:
        return await work
    except NoPerson as error:
        raise refusal(404, str(error)) from None
    except UserError as error:
        raise refusal(409, str(error)) from None


def _out(person: Person | None) -> PersonOut:
    if person is None:
        return PersonOut(handles=[], first_at=None, tickets=[], moods=[], links=[])
    handles: list[dict[str, Any]] = [
        row | {"profile": profile_url(row["network"], row["author"])} for row in person.handles
    ]
    return PersonOut(
        handles=[HandleOut.model_validate(row) for row in handles],
        first_at=min((row["first_at"] for row in handles), default=None),
        tickets=[OtherTicketOut.model_validate(row) for row in person.tickets],
        moods=[MoodOut.model_validate(row) for row in person.moods],
        links=[LinkOut.model_validate(row) for row in person.links],
    )
