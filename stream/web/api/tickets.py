"""`/v1/tickets`: lists, reads and changes tickets without losing a colleague's edit."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BeforeValidator

from stream.accounts.users import People
from stream.desk.actions import (
    Action,
    Assign,
    Claim,
    NotAllowed,
    Note,
    Prioritise,
    Reopen,
    Resolve,
    Snooze,
    Tag,
    Wait,
)
from stream.desk.assignment import NeedsLead, refuse_owner
from stream.desk.filters import Filter
from stream.desk.queue import MAX_ROWS, BadCursor, Sort
from stream.desk.search import LONGEST, BadSearch
from stream.desk.tickets import Lost, NoTicket, Row, Seen
from stream.errors import UserError
from stream.records import Level, State
from stream.web.api.etags import Change, Changing, etag, needed, seen_of
from stream.web.api.records import (
    CorrectionOut,
    CorrectionsOut,
    LostUpdate,
    TicketDetail,
    TicketOut,
    TicketsOut,
)
from stream.web.api.ticket_changes import (
    Claimed,
    CorrectionIn,
    Noted,
    Prioritised,
    Snoozed,
    Tagged,
    TicketPatch,
    actions_of,
)
from stream.web.auth.callers import Agent, Caller, Viewer
from stream.web.desk_services import DeskServices, Services
from stream.web.http.problems import Conflicting, documented, refusal

TicketId = Annotated[
    str, Path(max_length=540, description="of the ticket, as it is in the list", examples=["x:1"])
]
Short = Annotated[str | None, Query(max_length=300)]

_LOST: dict[int | str, dict[str, Any]] = {
    412: {
        "model": LostUpdate,
        "description": "Somebody changed it since you saw it: the ticket as it is, and who did.",
    }
}
_READ = documented(401, 403, 404, 422, 429, 503)
ACT = documented(400, 401, 403, 404, 409, 413, 415, 422, 429, 503) | _LOST


def _uppercase(level: object) -> object:
    return level.upper() if isinstance(level, str) else level


def _lowercase(state: object) -> object:
    return state.lower() if isinstance(state, str) else state


router = APIRouter(prefix="/v1/tickets", tags=["desk"])


@router.get(
    "",
    summary="Tickets, filtered and page by page",
    responses=documented(401, 403, 422, 429, 503),
)
async def list_tickets(
    desk: Services,
    caller: Viewer,
    brand: Short = None,
    network: Short = None,
    topic: Short = None,
    level: Annotated[Level | None, BeforeValidator(_uppercase)] = None,
    state: Annotated[State | None, BeforeValidator(_lowercase)] = None,
    owner: Annotated[str | None, Query(max_length=200, description="empty: nobody's")] = None,
    tag: Short = None,
    late: Annotated[bool, Query(description="only where the first answer is late")] = False,
    unread: Annotated[
        bool, Query(description="only in a language that no model reads: a person has to")
    ] = False,
    q: Annotated[
        str | None,
        Query(
            max_length=LONGEST,
            description="words in any order, a quoted phrase, an author, a tag, an id, and"
            " operators such as `is:late brand:volt since:7d`",
        ),
    ] = None,
    sort: Annotated[
        Sort,
        Query(description="newest: received last; received: received first; updated: changed last"),
    ] = "priority",
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 50,
) -> TicketsOut:
    """In any state unless `state` says which. `next` of the answer is the `cursor` of the next
    page.
    """
    filter = Filter(
        brand,
        network,
        topic,
        level,
        state,
        owner,
        tag,
        q,
        late=late,
        unread=unread,
        brands=caller.brands,
        me=caller.name,
    )
    try:
        rows, following = await desk.of(caller).queue.page(
            filter, sort=sort, cursor=cursor, limit=limit
        )
    except BadCursor as error:
        raise refusal(422, str(error)) from None
    except BadSearch as error:
        raise refusal(422, f"q: {error}") from None
    return TicketsOut(tickets=[TicketOut.model_validate(row) for row in rows], next=following)


@router.get(
    "/{ticket_id:path}/corrections",
    summary="What people corrected in a ticket's messages",
    responses=_READ,
)
async def corrections(ticket_id: TicketId, desk: Services, caller: Viewer) -> CorrectionsOut:
    services = desk.of(caller)
    await _ticket(services, ticket_id, caller)
    ids = [row["id"] for row in await services.desk.conversation(ticket_id)]
    rows = await services.corrections.of(ids)
    return CorrectionsOut(corrections=[CorrectionOut.model_validate(row) for row in rows])


@router.get("/{ticket_id:path}", summary="One ticket, with everything about it", responses=_READ)
async def ticket(
    ticket_id: TicketId, response: Response, desk: Services, caller: Viewer
) -> TicketDetail:
    """Why it has its priority, the conversation, its history, similar tickets, replies. `ETag`
    names this state.
    """
    services = desk.of(caller)
    row = await _ticket(services, ticket_id, caller)
    response.headers["ETag"] = etag(row)
    more = {
        "conversation": await services.desk.conversation(ticket_id),
        "history": await services.desk.history(ticket_id),
        "similar": await services.desk.similar(ticket_id),
        "replies": await services.replies.newest(ticket=ticket_id),
    }
    return TicketDetail.model_validate(row | more)


@router.patch(
    "/{ticket_id:path}", summary="Change owner, state or tags", responses=ACT | documented(428)
)
async def patch(ticket_id: TicketId, payload: TicketPatch, change: Changing) -> TicketOut:
    """All of it or nothing. Needs `If-Match`, so that nobody's change is lost unseen."""
    match = needed(change.if_match)
    row = await _ticket(change.desk, ticket_id, change.caller)
    if "owner" in payload.model_fields_set:
        await _refuse_owner(change.desk.people, row, payload.owner, change.caller)
    seen = seen_of(match) or Seen(row["edits"], row["version"])
    return await _act(change, ticket_id, actions_of(payload, row["tags"]), seen)


@router.post("/{ticket_id:path}/claim", summary="Take a ticket", responses=ACT)
async def claim(ticket_id: TicketId, change: Changing, payload: Claimed | None = None) -> TicketOut:
    """It becomes yours and open. 409 where somebody else has it."""
    force, caller = payload is not None and payload.force, change.caller
    if force and not caller.may("lead"):
        detail = (
            f"taking a ticket from somebody takes the role lead; {caller.name} is {caller.role}"
        )
        raise refusal(403, detail)
    return await _act_once(change, ticket_id, Claim(force=force))


@router.post("/{ticket_id:path}/resolve", summary="Resolve a ticket", responses=ACT)
async def resolve(ticket_id: TicketId, change: Changing) -> TicketOut:
    """Done. A new message of the customer re-opens it."""
    return await _act_once(change, ticket_id, Resolve())


@router.post("/{ticket_id:path}/snooze", summary="Put a ticket aside for a while", responses=ACT)
async def snooze(ticket_id: TicketId, payload: Snoozed, change: Changing) -> TicketOut:
    """Out of the queue until then."""
    return await _act_once(change, ticket_id, Snooze(until=payload.until))


@router.post("/{ticket_id:path}/wait", summary="Wait for the customer", responses=ACT)
async def wait(ticket_id: TicketId, change: Changing) -> TicketOut:
    """The customer is to answer; their next message re-opens the ticket."""
    return await _act_once(change, ticket_id, Wait())


@router.post("/{ticket_id:path}/reopen", summary="Put a ticket back into the queue", responses=ACT)
async def reopen(ticket_id: TicketId, change: Changing) -> TicketOut:
    """Open again."""
    return await _act_once(change, ticket_id, Reopen())


@router.post("/{ticket_id:path}/priority", summary="Set a level by hand", responses=ACT)
async def priority(ticket_id: TicketId, payload: Prioritised, change: Changing) -> TicketOut:
    """It stays, whatever is folded, until a new message of the customer is more urgent. Kept with
    your name as a label to train with.
    """
    if not payload.reason.strip():
        raise refusal(422, "body.reason: say why")
    action = Prioritise(level=payload.level, reason=payload.reason)
    return await _act_once(change, ticket_id, action)


@router.post(
    "/{ticket_id:path}/notes",
    summary="Leave a note for colleagues",
    responses=ACT,
    status_code=201,
)
async def note(
    ticket_id: TicketId, payload: Noted, response: Response, desk: Services, caller: Agent
) -> TicketOut:
    """Customers never see it. Nothing can be lost by it, so it needs no `If-Match`."""
    if not payload.text.strip():
        raise refusal(422, "body.text: a note has words")
    change = Change(desk.of(caller), caller, None, response)
    return await _act_once(change, ticket_id, Note(text=payload.text))


@router.post("/{ticket_id:path}/tags", summary="Add and take away tags", responses=ACT)
async def tag(ticket_id: TicketId, payload: Tagged, change: Changing) -> TicketOut:
    """Letters, digits, `-` and `_`; 20 tags at most."""
    action = Tag(add=tuple(payload.add), remove=tuple(payload.remove))
    return await _act_once(change, ticket_id, action)


@router.post(
    "/{ticket_id:path}/corrections",
    summary="Say what the model got wrong",
    status_code=201,
    responses=documented(400, 401, 403, 404, 413, 415, 422, 429, 503),
)
async def correct(
    ticket_id: TicketId, payload: CorrectionIn, desk: Services, caller: Agent
) -> CorrectionOut:
    """Kept with your name, to teach the next model with. The ticket's priority stays what the
    model made of it.
    """
    services = desk.of(caller)
    await _ticket(services, ticket_id, caller)
    messages = await services.desk.conversation(ticket_id)
    if payload.event_id not in {row["id"] for row in messages}:
        raise refusal(422, "body.event_id: no message of this ticket")
    try:
        correction = await services.corrections.correct(
            payload.event_id, payload.field, payload.should_be, caller.name
        )
    except UserError as error:
        raise refusal(422, f"body.should_be: {error}") from None
    return CorrectionOut.model_validate(correction)


async def _ticket(services: DeskServices, ticket_id: str, caller: Caller) -> Row:
    try:
        return await services.desk.ticket(ticket_id, caller.brands)
    except NoTicket as error:
        raise no_ticket(error) from None


async def _act_once(change: Change, ticket_id: str, action: Action) -> TicketOut:
    return await _act(change, ticket_id, [action], seen_of(change.if_match))


async def _act(
    change: Change, ticket_id: str, actions: list[Action], seen: Seen | None
) -> TicketOut:
    caller = change.caller
    try:
        row = await change.desk.desk.act_all(
            ticket_id, actions, caller.name, seen=seen, brands=caller.brands
        )
    except NoTicket as error:
        raise no_ticket(error) from None
    except NotAllowed as error:
        raise refusal(409, str(error)) from None
    except Lost as lost:
        raise lost_update(lost) from None
    change.response.headers["ETag"] = etag(row)
    return TicketOut.model_validate(row)


def lost_update(lost: Lost) -> Exception:
    """A 412 with the ticket as it is, and who changed it."""
    return Conflicting(
        412,
        str(lost),
        ticket=TicketOut.model_validate(lost.ticket).model_dump(mode="json"),
        changed_by=lost.last["who"],
        change=lost.last["reason"],
    )


def no_ticket(error: NoTicket) -> Exception:
    """A 404, which names the ticket that it was merged into to who may see that one."""
    unknown = "there is no such ticket; where its message was deleted, it was withdrawn"
    return refusal(404, str(error) if error.into else unknown)


async def _refuse_owner(people: People, row: Row, owner: str | None, caller: Caller) -> None:
    """Raises a refusal where the caller may not give the ticket away, or to this owner."""
    action = Assign(owner=owner)
    try:
        await refuse_owner(people, row, action, caller.name, leads=caller.may("lead"))
    except NeedsLead as error:
        raise refusal(403, str(error)) from None
    except NotAllowed as error:
        raise refusal(422, f"body.owner: {error}") from None
