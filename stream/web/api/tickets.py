"""`/v1/tickets`: listed, read, and changed without losing what somebody else did meanwhile."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from stream.desk.actions import (
    Action,
    Assign,
    Claim,
    NotAllowed,
    Note,
    Reopen,
    Resolve,
    Snooze,
    Tag,
    Wait,
)
from stream.desk.assignment import NeedsLead, refuse_owner
from stream.desk.queue import MOST, BadCursor, Filter, Sort
from stream.desk.tickets import Lost, NoTicket, Row, Seen
from stream.errors import UserError
from stream.records import Level, State
from stream.web.api.etags import Change, Match, etag, needed, seen_of
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
    Snoozed,
    Tagged,
    TicketPatch,
    wanted,
)
from stream.web.auth.callers import Caller
from stream.web.http.problems import Conflicting, documented, refusal
from stream.web.parts import DeskParts

TicketId = Annotated[
    str, Path(max_length=300, description="of the ticket, as it is in the list", examples=["x:1"])
]
Short = Annotated[str | None, Query(max_length=300)]

_LOST: dict[int | str, dict[str, Any]] = {
    412: {
        "model": LostUpdate,
        "description": "Somebody changed it since you saw it: the ticket as it is, and who did.",
    }
}
_READ = documented(401, 403, 404, 422, 429, 503)
_ACT = documented(400, 401, 403, 404, 409, 413, 415, 422, 429, 503) | _LOST


def tickets_routes(desk: DeskParts) -> APIRouter:
    router = APIRouter(prefix="/v1/tickets", tags=["desk"])
    reads, acts = Depends(desk.callers.may("viewer")), Depends(desk.callers.may("agent"))

    async def changing(response: Response, caller: Caller = acts, if_match: Match = None) -> Change:
        return Change(caller, if_match, response)

    asked = Depends(changing)

    @router.get(
        "",
        summary="Tickets, filtered and page by page",
        responses=documented(401, 403, 422, 429, 503),
    )
    async def list_tickets(
        caller: Caller = reads,
        brand: Short = None,
        network: Short = None,
        topic: Short = None,
        level: Level | None = None,
        state: State | None = None,
        owner: Annotated[str | None, Query(max_length=200, description="empty: nobody's")] = None,
        tag: Short = None,
        late: Annotated[bool, Query(description="only where the first answer is late")] = False,
        q: Annotated[
            str | None,
            Query(max_length=200, description="words in any message of the conversation"),
        ] = None,
        sort: Annotated[
            Sort, Query(description="updated: newest first; received: oldest first")
        ] = "priority",
        cursor: Annotated[str | None, Query(max_length=1000)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    ) -> TicketsOut:
        """In any state unless `state` says which. `next` of the answer is the `cursor` of the next
        page.
        """
        chosen = Filter(
            brand, network, topic, level, state, owner, tag, q, late=late, brands=caller.brands
        )
        try:
            rows, following = await desk.of(caller).queue.page(
                chosen, sort=sort, cursor=cursor, limit=limit
            )
        except BadCursor as error:
            raise refusal(422, str(error)) from None
        return TicketsOut(tickets=[TicketOut.model_validate(row) for row in rows], next=following)

    @router.get(
        "/{ticket_id:path}/corrections",
        summary="What people corrected in a ticket's messages",
        responses=_READ,
    )
    async def corrections(ticket_id: TicketId, caller: Caller = reads) -> CorrectionsOut:
        await _ticket(desk, ticket_id, caller)
        ids = [row["id"] for row in await desk.of(caller).desk.conversation(ticket_id)]
        found = await desk.of(caller).corrections.of(ids)
        return CorrectionsOut(corrections=[CorrectionOut.model_validate(row) for row in found])

    @router.get(
        "/{ticket_id:path}", summary="One ticket, with everything about it", responses=_READ
    )
    async def ticket(
        ticket_id: TicketId, response: Response, caller: Caller = reads
    ) -> TicketDetail:
        """Why it has its priority, the conversation, its history, similar tickets, replies. `ETag`
        names this state.
        """
        row = await _ticket(desk, ticket_id, caller)
        response.headers["ETag"] = etag(row)
        return TicketDetail.model_validate(
            row
            | {
                "conversation": await desk.of(caller).desk.conversation(ticket_id),
                "history": await desk.of(caller).desk.history(ticket_id),
                "similar": await desk.of(caller).desk.similar(ticket_id),
                "replies": await desk.of(caller).replies.newest(ticket=ticket_id),
            }
        )

    @router.patch(
        "/{ticket_id:path}", summary="Change owner, state or tags", responses=_ACT | documented(428)
    )
    async def patch(ticket_id: TicketId, given: TicketPatch, change: Change = asked) -> TicketOut:
        """All of it or nothing. Needs `If-Match`, so that nobody's change is lost unseen."""
        match = needed(change.if_match)
        row = await _ticket(desk, ticket_id, change.caller)
        if "owner" in given.model_fields_set:
            await _refuse_owner(desk, row, given.owner, change.caller)
        seen = seen_of(match) or Seen(row["edits"], row["version"])
        return await _act(desk, ticket_id, wanted(given, row["tags"]), change, seen)

    async def one(ticket_id: str, action: Action, change: Change) -> TicketOut:
        return await _act(desk, ticket_id, [action], change, seen_of(change.if_match))

    @router.post("/{ticket_id:path}/claim", summary="Take a ticket", responses=_ACT)
    async def claim(
        ticket_id: TicketId, given: Claimed | None = None, change: Change = asked
    ) -> TicketOut:
        """It becomes yours and open. 409 where somebody else has it."""
        force, who = given is not None and given.force, change.caller
        if force and not who.may("lead"):
            raise refusal(
                403, f"taking a ticket from somebody takes the role lead; {who.name} is {who.role}"
            )
        return await one(ticket_id, Claim(force=force), change)

    @router.post("/{ticket_id:path}/resolve", summary="Resolve a ticket", responses=_ACT)
    async def resolve(ticket_id: TicketId, change: Change = asked) -> TicketOut:
        """Done. A new message of the customer re-opens it."""
        return await one(ticket_id, Resolve(), change)

    @router.post(
        "/{ticket_id:path}/snooze", summary="Put a ticket aside for a while", responses=_ACT
    )
    async def snooze(ticket_id: TicketId, given: Snoozed, change: Change = asked) -> TicketOut:
        """Out of the queue until then."""
        return await one(ticket_id, Snooze(until=given.until), change)

    @router.post("/{ticket_id:path}/wait", summary="Wait for the customer", responses=_ACT)
    async def wait(ticket_id: TicketId, change: Change = asked) -> TicketOut:
        """The customer is to answer; their next message re-opens the ticket."""
        return await one(ticket_id, Wait(), change)

    @router.post(
        "/{ticket_id:path}/reopen", summary="Put a ticket back into the queue", responses=_ACT
    )
    async def reopen(ticket_id: TicketId, change: Change = asked) -> TicketOut:
        """Open again."""
        return await one(ticket_id, Reopen(), change)

    @router.post(
        "/{ticket_id:path}/notes",
        summary="Leave a note for colleagues",
        responses=_ACT,
        status_code=201,
    )
    async def note(
        ticket_id: TicketId, given: Noted, response: Response, caller: Caller = acts
    ) -> TicketOut:
        """Customers never see it. Nothing can be lost by it, so it needs no `If-Match`."""
        if not given.text.strip():
            raise refusal(422, "body.text: a note has words")
        return await one(ticket_id, Note(text=given.text), Change(caller, None, response))

    @router.post("/{ticket_id:path}/tags", summary="Add and take away tags", responses=_ACT)
    async def tag(ticket_id: TicketId, given: Tagged, change: Change = asked) -> TicketOut:
        """Letters, digits, `-` and `_`; 20 tags at most."""
        return await one(ticket_id, Tag(add=tuple(given.add), remove=tuple(given.remove)), change)

    @router.post(
        "/{ticket_id:path}/corrections",
        summary="Say what the model got wrong",
        status_code=201,
        responses=documented(400, 401, 403, 404, 413, 415, 422, 429, 503),
    )
    async def correct(
        ticket_id: TicketId, given: CorrectionIn, caller: Caller = acts
    ) -> CorrectionOut:
        """Kept with your name, to teach the next model with. The ticket's priority stays what the
        model made of it.
        """
        await _ticket(desk, ticket_id, caller)
        said = {row["id"] for row in await desk.of(caller).desk.conversation(ticket_id)}
        if given.event_id not in said:
            raise refusal(422, "body.event_id: no message of this ticket")
        try:
            made = await desk.of(caller).corrections.correct(
                given.event_id, given.field, given.should_be, caller.name
            )
        except UserError as error:
            raise refusal(422, f"body.should_be: {error}") from None
        return CorrectionOut.model_validate(made)

    return router


async def _ticket(desk: DeskParts, ticket_id: str, caller: Caller) -> Row:
    try:
        return await desk.of(caller).desk.ticket(ticket_id, caller.brands)
    except NoTicket:
        raise _none() from None


async def _act(
    desk: DeskParts, ticket_id: str, actions: list[Action], change: Change, seen: Seen | None
) -> TicketOut:
    caller = change.caller
    try:
        row = await desk.of(caller).desk.act_all(
            ticket_id, actions, caller.name, seen=seen, brands=caller.brands
        )
    except NoTicket:
        raise _none() from None
    except NotAllowed as error:
        raise refusal(409, str(error)) from None
    except Lost as lost:
        now = TicketOut.model_validate(lost.ticket).model_dump(mode="json")
        told = {"ticket": now, "changed_by": lost.last["who"], "change": lost.last["reason"]}
        raise Conflicting(412, str(lost), **told) from None
    change.response.headers["ETag"] = etag(row)
    return TicketOut.model_validate(row)


def _none() -> Exception:
    return refusal(404, "there is no such ticket; where its message was deleted, it was withdrawn")


async def _refuse_owner(desk: DeskParts, row: Row, owner: str | None, caller: Caller) -> None:
    """Raises a refusal where the caller may not give the ticket away, or this owner cannot have it."""
    try:
        await refuse_owner(
            desk.people, row, Assign(owner=owner), caller.name, leads=caller.may("lead")
        )
    except NeedsLead as error:
        raise refusal(403, str(error)) from None
    except NotAllowed as error:
        raise refusal(422, f"body.owner: {error}") from None
