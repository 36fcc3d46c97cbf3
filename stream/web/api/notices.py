"""`/v1/notices`: what the caller is to know: mentions, tickets given to them, promises to keep."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from stream.desk.notices import MAX_ROWS
from stream.records import Level, State
from stream.web.api.ticket_changes import Sent, example
from stream.web.auth.callers import Viewer
from stream.web.desk_services import Services
from stream.web.http.problems import documented

Number = Annotated[int, Field(ge=1, le=2**63 - 1)]


class NoticeOut(BaseModel):
    """One notice."""

    id: int
    kind: Literal["mention", "assigned"]
    ticket_id: str
    actor: str
    at: datetime
    read_at: datetime | None
    words: str | None = Field(description="of the note that names the caller")
    brand: str | None
    level: Level
    state: State
    owner: str | None
    excerpt: str


class LateOut(BaseModel):
    """A ticket of the caller's, or of nobody's, that will be late soon."""

    id: str
    brand: str | None
    level: Level
    state: State
    owner: str | None
    excerpt: str
    sla_due_at: datetime


class NoticesOut(BaseModel):
    """The newest first."""

    notices: list[NoticeOut]
    next: int | None = Field(description="`before` of the next page; null at the end")
    unread: int
    assigned: int = Field(description="open tickets of the caller")
    late_soon: list[LateOut] = Field(description="the next to break its promise first, 20 at most")


class ReadIn(Sent):
    """Which notices were read."""

    model_config = example({"ids": [1]}, {})

    ids: Annotated[list[Number], Field(max_length=MAX_ROWS)] | None = Field(
        None, description="null: all of them"
    )


class ReadOut(BaseModel):
    """How many were unread."""

    read: int


router = APIRouter(prefix="/v1/notices", tags=["desk"])


@router.get("", summary="What the caller is to know", responses=documented(401, 403, 422, 429, 503))
async def notices(
    desk: Services,
    caller: Viewer,
    unread: bool = False,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 50,
) -> NoticesOut:
    """Notes that name them (`@ada`), tickets that others gave to them, promises about to break."""
    store = desk.of(caller).notices
    rows = await store.of(caller.name, caller.brands, unread=unread, before=before, limit=limit)
    counts = await store.counts(caller.name, caller.brands)
    late = await store.late_soon(caller.name, caller.brands)
    return NoticesOut(
        notices=[NoticeOut.model_validate(row) for row in rows],
        next=rows[-1]["id"] if len(rows) == limit else None,
        unread=counts.unread,
        assigned=counts.assigned,
        late_soon=[LateOut.model_validate(row) for row in late],
    )


@router.post(
    "/read",
    summary="Mark notices as read",
    responses=documented(400, 401, 403, 413, 415, 422, 429, 503),
)
async def read(desk: Services, caller: Viewer, payload: ReadIn | None = None) -> ReadOut:
    """The caller's own alone."""
    ids = None if payload is None else payload.ids
    return ReadOut(read=await desk.of(caller).notices.mark_read(caller.name, ids=ids))
