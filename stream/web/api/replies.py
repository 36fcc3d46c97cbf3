"""`/v1/replies`: drafts with candidates, checked by the policy, edited, approved or discarded."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, Field

from stream.desk.reply_approval import Refused, approve, verdict_on
from stream.errors import UserError
from stream.records import ReplyState
from stream.replies.pictures import NoPicture
from stream.replies.store import LostReply, NoReply, Row
from stream.replies.waiting import FOR_A_PERSON, MAX_ROWS
from stream.web.api.etags import Change, Changing, needed, version_of, version_tag
from stream.web.api.records import (
    LostReplyUpdate,
    RefusalOut,
    RefusedWords,
    RepliesOut,
    ReplyOut,
    WaitingRepliesOut,
    WaitingReplyOut,
)
from stream.web.api.ticket_changes import Sent, example
from stream.web.auth.callers import Caller, Viewer
from stream.web.desk_services import DeskServices, Services
from stream.web.http.problems import Conflicting, documented, refusal

LONGEST = 10_000  # characters; the policy refuses long before what the network does not take

Number = Annotated[int, Path(ge=1, le=2**63 - 1, examples=[1])]
Words = Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=r"\S")]

READ = documented(401, 403, 404, 422, 429, 503)
_CHECK = documented(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)
ACT = _CHECK | {
    412: {
        "model": LostReplyUpdate,
        "description": "Somebody changed it since you saw it: the reply as it is, and who did.",
    }
}
_REFUSED: dict[int | str, dict[str, Any]] = {
    409: {
        "model": RefusedWords,
        "description": "The policy refuses the words, or the reply is decided already.",
    }
}


class Approval(Sent):
    """Let it be sent."""

    model_config = example(
        {
            "text": "We are sorry. Please send us a direct message, we will look into it.",
            "anyway": True,
        }
    )

    text: Words | None = Field(None, description="these words instead of the draft's")
    anyway: bool = Field(
        False, description="although the policy refuses them; that is kept in the audit"
    )


class Rewording(Sent):
    """Other words."""

    model_config = example(
        {"text": "We are sorry. Please send us a direct message, we will look into it."}
    )

    text: Words


class Discarding(Sent):
    """Never to be sent."""

    model_config = example({"why": "they called us meanwhile"})

    why: Annotated[str, Field(min_length=1, max_length=300)] = "a person decided so"


class Settling(Sent):
    """What became of a reply of which nobody but a person can know."""

    model_config = example({"sent": True})

    sent: bool = Field(description="it stands on the network")


class VerdictOut(BaseModel):
    """What there is to say of words before they go."""

    passes: bool
    refusals: list[RefusalOut]
    length: int = Field(description="as the network counts")
    limit: int
    price: float | None = Field(description="US dollars; null where posting is free")


router = APIRouter(prefix="/v1/replies", tags=["desk"])


async def _changing_reply(number: Number, change: Changing) -> Change:
    """A dependency: the change, of a reply that the caller may see."""
    await reply_of(change.desk, number, change.caller)
    return change


ChangingReply = Annotated[Change, Depends(_changing_reply)]


@router.get("", summary="Replies, the newest first", responses=documented(401, 403, 422, 429, 503))
async def list_replies(
    desk: Services,
    caller: Viewer,
    state: ReplyState | None = None,
    ticket: Annotated[str | None, Query(max_length=540)] = None,
    before: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="only with a lower number")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RepliesOut:
    """Drafts that wait are `state=draft`."""
    states = None if state is None else [state]
    rows = await desk.of(caller).replies.newest(
        states, ticket, limit, before=before, brands=caller.brands
    )
    following = rows[-1]["id"] if len(rows) == limit else None
    return RepliesOut(replies=[ReplyOut.model_validate(row) for row in rows], next=following)


@router.get(
    "/waiting",
    summary="Replies that wait for a person, the most urgent ticket's first",
    responses=documented(401, 403, 422, 429, 503),
)
async def waiting_replies(
    desk: Services,
    caller: Viewer,
    state: ReplyState | None = None,
    brand: Annotated[str | None, Query(max_length=300)] = None,
    owner: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 50,
) -> WaitingRepliesOut:
    """Drafts to approve, replies that failed, and those of which nobody knows whether they were
    sent; of one `state`, where it is named.
    """
    states = FOR_A_PERSON if state is None else (state,)
    waiting = desk.of(caller).waiting
    rows = await waiting.rows(states, brand=brand, owner=owner, brands=caller.brands, limit=limit)
    counts = await waiting.counts(states, brand=brand, owner=owner, brands=caller.brands)
    return WaitingRepliesOut(
        replies=[WaitingReplyOut.model_validate(row) for row in rows], waiting=counts
    )


@router.get(
    "/{number}", summary="One reply, every candidate with what the policy says", responses=READ
)
async def reply(number: Number, response: Response, desk: Services, caller: Viewer) -> ReplyOut:
    """`ETag` names this state."""
    return _tagged(await reply_of(desk.of(caller), number, caller), response)


@router.post("/{number}/check", summary="What the policy says of words", responses=_CHECK)
async def check(number: Number, payload: Rewording, desk: Services, caller: Viewer) -> VerdictOut:
    """Nothing is changed."""
    services = desk.of(caller)
    row = await reply_of(services, number, caller)
    verdict = await verdict_on(services.replies, row, payload.text.strip())
    refusals = [RefusalOut(rule=refusal.rule, why=refusal.why) for refusal in verdict.refusals]
    return VerdictOut(
        passes=not refusals,
        refusals=refusals,
        length=verdict.length,
        limit=verdict.limit,
        price=verdict.price,
    )


@router.patch("/{number}", summary="Change the words of a draft", responses=ACT | documented(428))
async def edit(number: Number, payload: Rewording, change: ChangingReply) -> ReplyOut:
    """It still waits for approval. Needs `If-Match`, so that nobody's words are lost unseen."""
    seen = version_of(needed(change.if_match))
    edit = change.desk.replies.edit(number, change.caller.name, payload.text, seen=seen)
    return await changed(edit, change.response)


@router.post(
    "/{number}/approve",
    summary="Let a reply be sent",
    responses=ACT | _REFUSED | documented(428),
)
async def let_go(
    number: Number, change: ChangingReply, payload: Approval | None = None
) -> ReplyOut:
    """A worker sends it, once it has looked whether the message still stands as it was. Until
    `due_at` it can be taken back.

    Needs `If-Match`, so that nobody approves words that they have not seen.
    """
    payload, seen = payload or Approval(), version_of(needed(change.if_match))
    approval = approve(
        change.desk.replies,
        number,
        change.caller.name,
        text=payload.text,
        anyway=payload.anyway,
        seen=seen,
    )
    try:
        return await changed(approval, change.response)
    except Refused as error:
        refusals = [{"rule": refusal.rule, "why": refusal.why} for refusal in error.refusals]
        raise Conflicting(
            409, f"{error}; say it otherwise, or send `anyway`", refusals=refusals
        ) from None


@router.post(
    "/{number}/take-back", summary="Take an approved reply back before it leaves", responses=ACT
)
async def take_back(number: Number, change: ChangingReply) -> ReplyOut:
    """It is a draft again, in the words that were approved. 409 where it left already."""
    seen = version_of(change.if_match)
    taking = change.desk.replies.take_back(number, change.caller.name, seen=seen)
    return await changed(taking, change.response)


@router.post("/{number}/discard", summary="Never send a reply", responses=ACT)
async def discard(
    number: Number, change: ChangingReply, payload: Discarding | None = None
) -> ReplyOut:
    reason, seen = (payload or Discarding()).why, version_of(change.if_match)
    discarding = change.desk.replies.discard(number, change.caller.name, reason, seen=seen)
    return await changed(discarding, change.response)


@router.post("/{number}/settle", summary="Say what became of an uncertain reply", responses=ACT)
async def settle(number: Number, payload: Settling, change: ChangingReply) -> ReplyOut:
    """It was looked up on the network by a person: it stands there, or it does not."""
    seen = version_of(change.if_match)
    settling = change.desk.replies.settle(number, change.caller.name, sent=payload.sent, seen=seen)
    return await changed(settling, change.response)


async def reply_of(services: DeskServices, number: int, caller: Caller) -> Row:
    try:
        return await services.replies.find(number, caller.brands)
    except NoReply:
        raise refusal(404, "there is no such reply") from None


def _tagged(row: Row, response: Response) -> ReplyOut:
    response.headers["ETag"] = version_tag(row["version"])
    return ReplyOut.model_validate(row)


async def changed(work: Awaitable[Row], response: Response) -> ReplyOut:
    try:
        return _tagged(await work, response)
    except (Refused, NoPicture):
        raise
    except NoReply:
        raise refusal(404, "there is no such reply") from None
    except LostReply as lost:
        now = ReplyOut.model_validate(lost.reply).model_dump(mode="json")
        raise Conflicting(
            412, str(lost), reply=now, changed_by=lost.actor, change=lost.change
        ) from None
    except UserError as error:
        raise refusal(409, str(error)) from None
