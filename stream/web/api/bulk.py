"""`/v1/tickets/bulk` and `/v1/tickets/undo`: one action on many tickets, an answer for each."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field, model_validator

from stream.desk.bulk import MAX_TICKETS, Answer, Bulk, BulkAction, Person, Result, Target
from stream.desk.tickets import Seen
from stream.desk.view_query import ViewQuery, filter_from, query_from
from stream.errors import UserError
from stream.web.api.ticket_changes import Sent, example
from stream.web.auth.callers import Agent, Caller
from stream.web.desk_services import DeskServices, Services
from stream.web.http.problems import documented, refusal
from stream.web.joined_acts import TakeBack

_ACT = documented(400, 401, 403, 413, 415, 422, 429, 503)
_STATUS: dict[Result, int] = {
    "done": 200,
    "unchanged": 200,
    "forbidden": 403,
    "missing": 404,
    "refused": 409,
    "lost": 412,
}
Count = Annotated[int, Field(ge=0, lt=2**31)]


class TicketSeen(Sent):
    """A ticket as you saw it; without numbers: whatever it is by now."""

    id: Annotated[str, Field(min_length=1, max_length=540)]
    edits: Count | None = None
    version: Count | None = None

    @model_validator(mode="after")
    def _has_both_or_none(self) -> Self:
        if (self.edits is None) != (self.version is None):
            raise ValueError("edits and version go together")
        return self

    def target(self) -> Target:
        if self.edits is None or self.version is None:
            return Target(self.id)
        return Target(self.id, Seen(self.edits, self.version))


class BulkIn(Sent):
    """One action, and its tickets: by id, or all that a filter of the queue shows."""

    model_config = example(
        {"action": {"action": "acknowledge"}, "tickets": [{"id": "x:1"}]},
        {"action": {"action": "tag", "add": ["outage"]}, "filter": {"topic": "network"}},
    )

    action: BulkAction
    tickets: Annotated[list[TicketSeen], Field(min_length=1, max_length=MAX_TICKETS)] | None = None
    filter: ViewQuery | None = Field(
        None,
        description="as in a saved view; those that match when it is sent,"
        f" which have to be {MAX_TICKETS} at most",
    )

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if (self.tickets is None) == (self.filter is None):
            raise ValueError("send either tickets or filter")
        return self


class TicketEdited(Sent):
    """A ticket as an act left it."""

    id: Annotated[str, Field(min_length=1, max_length=540)]
    edits: Count
    version: Count


class UndoIn(Sent):
    """What an answer of a bulk act calls `undo`."""

    model_config = example({"tickets": [{"id": "x:1", "edits": 1, "version": 2}]})

    tickets: Annotated[list[TicketEdited], Field(min_length=1, max_length=MAX_TICKETS)]


class TicketAnswer(BaseModel):
    """What came of one ticket. status: as a request for it alone would have got."""

    id: str
    status: int
    result: Result = Field(description="unchanged: it was so already")
    detail: str | None = Field(description="why it was not done")


class BulkOut(BaseModel):
    """An answer for each ticket, in the order in which they were sent."""

    done: int
    tickets: list[TicketAnswer]
    undo: list[TicketEdited] = Field(description="for /v1/tickets/undo, within 30 seconds")


router = APIRouter(prefix="/v1/tickets", tags=["desk"])


@router.post("/bulk", summary="One action on many tickets", status_code=207, responses=_ACT)
async def act(payload: BulkIn, desk: Services, caller: Agent) -> BulkOut:
    """Claim, acknowledge, assign, wait, snooze, resolve or tag. Each ticket by itself: one that
    cannot be done, because a colleague was first say, keeps no other from being done.
    """
    services = desk.of(caller)
    if payload.filter is not None:
        targets = await _matching(services, payload.filter, caller)
    else:
        targets = [ticket.target() for ticket in payload.tickets or ()]
    bulk = Bulk(services.desk, services.people)
    return _out(await bulk.act(targets, payload.action, _person(caller)))


@router.post(
    "/undo", summary="Take back what you just did to tickets", status_code=207, responses=_ACT
)
async def undo(payload: UndoIn, desk: Services, caller: Agent) -> BulkOut:
    """Within 30 seconds, where nobody edited the ticket since: notes, priorities, merges and splits
    too.
    """
    services = desk.of(caller)
    targets = [Target(ticket.id, Seen(ticket.edits, ticket.version)) for ticket in payload.tickets]
    bulk = Bulk(services.desk, services.people, TakeBack(services))
    return _out(await bulk.undo(targets, _person(caller)))


async def _matching(services: DeskServices, query: ViewQuery, caller: Caller) -> list[Target]:
    try:
        filter = filter_from(query_from(query), caller.brands, caller.name)
        rows = await services.queue.ids(filter, MAX_TICKETS + 1)
    except UserError as error:
        raise refusal(422, f"body.filter: {error}") from None
    if len(rows) > MAX_TICKETS:
        raise refusal(422, f"body.filter: it matches more than {MAX_TICKETS} tickets; narrow it")
    return [Target(row["id"], Seen(row["edits"], row["version"])) for row in rows]


def _person(caller: Caller) -> Person:
    return Person(caller.name, caller.may("lead"), caller.brands)


def _out(answers: list[Answer]) -> BulkOut:
    done = [answer.ticket for answer in answers if answer.ticket and answer.result == "done"]
    return BulkOut(
        done=len(done),
        tickets=[
            TicketAnswer(
                id=answer.id,
                status=_STATUS[answer.result],
                result=answer.result,
                detail=answer.words,
            )
            for answer in answers
        ],
        undo=[
            TicketEdited(id=row["id"], edits=row["edits"], version=row["version"]) for row in done
        ],
    )
