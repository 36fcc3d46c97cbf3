"""`/v1/canned`: canned answers, written by leads and used by agents."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from stream.accounts.row_security import NotTheirs
from stream.desk.canned import (
    LONGEST,
    BadWording,
    CannedState,
    LostCanned,
    NoCanned,
    Row,
    Wording,
    repeats,
)
from stream.desk.canned_use import use
from stream.desk.reply_approval import Refused
from stream.desk.tickets import NoTicket
from stream.errors import UserError
from stream.web.api.etags import Match, needed, version_of, version_tag
from stream.web.api.records import RefusalOut, RefusedWords, ReplyOut, TicketOut
from stream.web.api.ticket_changes import Sent, example
from stream.web.auth.callers import Agent, Caller, Lead, Viewer
from stream.web.desk_services import DeskServices, Services
from stream.web.http.problems import Conflicting, Problem, documented, refusal

Number = Annotated[int, Path(ge=1, le=2**63 - 1, examples=[1])]
_WORDS = {
    "name": "refund",
    "text": "Sorry, {name}. Please send us a direct message, we will look into it.",
    "brand": "Northwind Air",
    "state": "waiting",
    "tags": ["refund"],
}


class CannedIn(Sent):
    """A canned answer."""

    model_config = example(_WORDS, {"name": "spam", "state": "resolved", "tags": ["spam"]})

    name: Annotated[str, Field(min_length=1, max_length=41)] = Field(
        description="how it is called: `/name` in the reply box; small letters, digits, - and _"
    )
    text: Annotated[str, Field(max_length=LONGEST)] = Field(
        "", description="slots: {name} of the customer, {ticket}, {brand}; empty: it only acts"
    )
    brand: Annotated[str, Field(min_length=1, max_length=300)] | None = Field(
        None, description="null: of every brand"
    )
    state: CannedState | None = Field(None, description="of the ticket, once the answer goes")
    tags: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=20)] = Field(
        [], description="added to the ticket then"
    )

    def wording(self) -> Wording:
        return Wording(self.name, self.text, self.brand, self.state, tuple(self.tags))


class CannedOut(BaseModel):
    """A canned answer as it is stored."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    id: int
    name: str
    text: str
    brand: str | None
    state: CannedState | None
    tags: list[str]
    version: int = Field(description="`ETag` is this number in quotes")
    created_at: datetime
    updated_at: datetime
    changed_by: str
    repeats: bool = Field(
        description="it has neither {name} nor {ticket}: the policy lets the same words go once"
        " a week"
    )


class CannedListOut(BaseModel):
    """By name."""

    canned: list[CannedOut]


class LostCannedUpdate(Problem):
    """Somebody changed it meanwhile: it as it is now."""

    canned: CannedOut


class Use(Sent):
    """For which ticket."""

    model_config = example({"ticket": "x:1"}, {"ticket": "x:1", "send": True, "anyway": True})

    ticket: Annotated[str, Field(min_length=1, max_length=540)]
    send: bool = Field(False, description="approve it, and set the state and the tags")
    anyway: bool = Field(
        False, description="although the policy refuses the words; kept in the audit"
    )


class UsedOut(BaseModel):
    """What came of it."""

    reply: ReplyOut | None = Field(description="null: it has no words")
    refusals: list[RefusalOut] = Field(description="what the policy has against the words")
    ticket: TicketOut
    left: str | None = Field(description="why its state or tags were not set")


_READ = documented(401, 403, 404, 422, 429, 503)
_WRITE = documented(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)
_LOST: dict[int | str, dict[str, Any]] = {
    412: {"model": LostCannedUpdate, "description": "Somebody changed it since you saw it."}
}
_REFUSED: dict[int | str, dict[str, Any]] = {
    409: {
        "model": RefusedWords,
        "description": "The policy refuses the words, which wait as a draft, or nothing waits"
        " for an answer.",
    }
}

router = APIRouter(prefix="/v1/canned", tags=["desk"])


async def _of_lead(desk: Services, caller: Lead) -> tuple[DeskServices, Caller]:
    return desk.of(caller), caller


OfLead = Annotated[tuple[DeskServices, Caller], Depends(_of_lead)]


@router.get("", summary="Canned answers, by name", responses=documented(401, 403, 422, 429, 503))
async def list_canned(
    desk: Services,
    caller: Viewer,
    brand: Annotated[
        str | None, Query(max_length=300, description="that fit a ticket of this brand")
    ] = None,
) -> CannedListOut:
    """Of one brand, with those of every brand beside; a brand's own stands in place of one that is
    everybody's.
    """
    canned = desk.of(caller).canned
    if brand is None:
        rows = await canned.every(caller.brands)
    else:
        rows = await canned.for_brand(brand) if caller.sees(brand) else []
    return CannedListOut(canned=[_out(row) for row in rows])


@router.get("/{number}", summary="One canned answer", responses=_READ)
async def one_canned(
    number: Number, response: Response, desk: Services, caller: Viewer
) -> CannedOut:
    """`ETag` names this state."""
    return await _tagged(desk.of(caller).canned.find(number, caller.brands), response)


@router.post("", status_code=201, summary="Write a canned answer", responses=_WRITE)
async def add(payload: CannedIn, response: Response, of_lead: OfLead) -> CannedOut:
    """Takes a lead; who is bound to brands writes for these alone."""
    desk, caller = of_lead
    return await _tagged(desk.canned.add(payload.wording(), caller.name, caller.brands), response)


@router.put(
    "/{number}",
    summary="Write a canned answer anew",
    responses=_WRITE | _LOST | documented(428),
)
async def change(
    number: Number,
    payload: CannedIn,
    response: Response,
    of_lead: OfLead,
    if_match: Match = None,
) -> CannedOut:
    """All of it. Needs `If-Match`, so that nobody's change is lost unseen."""
    desk, caller = of_lead
    seen = version_of(needed(if_match))
    changing = desk.canned.change(
        number, payload.wording(), caller.name, seen=seen, brands=caller.brands
    )
    return await _tagged(changing, response)


@router.delete(
    "/{number}",
    status_code=204,
    summary="Remove a canned answer",
    responses=documented(401, 403, 404, 409, 422, 429, 503) | _LOST,
)
async def remove(number: Number, of_lead: OfLead, if_match: Match = None) -> None:
    """What was written with it stays."""
    desk, caller = of_lead
    await _answered(
        desk.canned.remove(number, caller.name, seen=version_of(if_match), brands=caller.brands)
    )


@router.post("/{number}/use", summary="Answer a ticket with it", responses=_WRITE | _REFUSED)
async def use_canned(number: Number, payload: Use, desk: Services, caller: Agent) -> UsedOut:
    """Its words, with the slots filled, take the place of a draft that waits, or begin a reply.

    They wait for approval unless `send` says otherwise. One without words sets state and tags at
    once.
    """
    services = desk.of(caller)
    try:
        ticket = await services.desk.ticket(payload.ticket, caller.brands)
    except NoTicket:
        raise refusal(404, "there is no such ticket") from None
    used = await _answered(
        use(
            number,
            ticket,
            caller.name,
            canned=services.canned,
            desk=services.desk,
            replies=services.replies,
            send=payload.send,
            anyway=payload.anyway,
            brands=caller.brands,
        )
    )
    refusals = used.verdict.refusals if used.verdict is not None else ()
    return UsedOut(
        reply=None if used.reply is None else ReplyOut.model_validate(used.reply),
        refusals=[RefusalOut(rule=refusal.rule, why=refusal.why) for refusal in refusals],
        ticket=TicketOut.model_validate(used.ticket),
        left=used.left,
    )


def _out(row: Row) -> CannedOut:
    return CannedOut.model_validate(row | {"repeats": repeats(row["text"])})


async def _tagged(work: Awaitable[Row], response: Response) -> CannedOut:
    row = await _answered(work)
    response.headers["ETag"] = version_tag(row["version"])
    return _out(row)


async def _answered(work: Awaitable[Any]) -> Any:
    """The result. Raises refusals in place of the desk's errors."""
    try:
        return await work
    except Refused as error:
        refusals = [{"rule": rule.rule, "why": rule.why} for rule in error.refusals]
        raise Conflicting(409, f"{error}; send `anyway`", refusals=refusals) from None
    except LostCanned as lost:
        now = _out(lost.row).model_dump(mode="json")
        raise Conflicting(412, str(lost), canned=now) from None
    except NoCanned as error:
        raise refusal(404, str(error)) from None
    except BadWording as error:
        raise refusal(422, str(error)) from None
    except NotTheirs as error:
        raise refusal(403, str(error)) from None
    except UserError as error:
        raise refusal(409, str(error)) from None
