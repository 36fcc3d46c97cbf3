"""`POST /v1/events`: messages into Kafka, each once however often they are sent."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import ErrorDetails

from connectors.events import (
    Complaint,
    Deleted,
    Event,
    Id,
    Transcript,
    Tweet,
    encode,
    whole_characters,
)
from stream.accounts.api_keys import Key
from stream.accounts.row_security import NotTheirs
from stream.desk.event_rights import EventRights
from stream.ingest.publish import ENVELOPE, topic_of
from stream.kafka import MESSAGE_LIMIT, Outgoing, Publish
from stream.observe.metrics import RequestMetrics
from stream.web.api.refused import RefusedEvent
from stream.web.auth.keyring import Guard
from stream.web.http.problems import documented, faults_of, refusal

log = logging.getLogger(__name__)

MAX_EVENTS = 256  # events of one request


def _now() -> datetime:
    return datetime.now(UTC)


_ID = Field(
    default_factory=str, description="`network:native id`, unique for ever; made up when left out"
)
_CONVERSATION = Field(
    default_factory=str, description="id of the conversation's first message; its own when left out"
)
_OCCURRED_AT = Field(default_factory=_now, description="when it was said; now when left out")


class PostedTweet(Tweet):
    """A public post, or the brand's public answer to one."""

    id: Id = _ID
    conversation: Id = _CONVERSATION
    occurred_at: AwareDatetime = _OCCURRED_AT


class PostedComplaint(Complaint):
    """A complaint in free text: a form, a letter, a review."""

    id: Id = _ID
    conversation: Id = _CONVERSATION
    occurred_at: AwareDatetime = _OCCURRED_AT


class PostedTranscript(Transcript):
    """A call. Turn by turn it is a row of revisions of one event; `complete` marks the last."""

    id: Id = _ID
    conversation: Id = _CONVERSATION
    occurred_at: AwareDatetime = _OCCURRED_AT


Posted = Annotated[
    PostedTweet | PostedComplaint | PostedTranscript | Deleted, Field(discriminator="kind")
]


@dataclass(frozen=True, slots=True)
class Unfit:
    """What stands in the place of an event that cannot be read."""

    faults: Sequence[ErrorDetails]


def _read_or_unfit(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError as error:
        return Unfit(error.errors(include_url=False))


class Events(BaseModel):
    """Up to 256 events at once, of any kinds. One that cannot be read keeps no other back."""

    events: Annotated[
        list[Annotated[Posted, WrapValidator(_read_or_unfit)]],
        Field(min_length=1, max_length=MAX_EVENTS),
    ]


def _count(payload: Any) -> str:
    if isinstance(payload, dict):
        return "several" if "events" in payload else "one"
    return "several" if isinstance(payload, Events) else "one"


Sent = Annotated[
    Annotated[Posted, Tag("one")] | Annotated[Events, Tag("several")],
    Discriminator(_count),
    BeforeValidator(whole_characters),
]


class Accepted(BaseModel):
    """Kafka has them. What the models make of them is in the store a moment later."""

    ids: list[str] = Field(description="of the events, in their order, as they are stored")


class PartlyAccepted(Accepted):
    """Kafka has some of them."""

    refused: list[RefusedEvent]


EXAMPLES: dict[str, dict[str, Any]] = {
    "complaint": {
        "summary": "a complaint from a form, with the form's own number",
        "value": {
            "kind": "complaint",
            "id": "form:20431",
            "brand": "VoltLine",
            "author": "ada@form",
            "title": "No connection since Monday",
            "text": "My line is dead, and I work from home.",
        },
    },
    "several": {
        "summary": "a public post and a call that goes on",
        "value": {
            "events": [
                {
                    "kind": "tweet",
                    "brand": "SkyNorth",
                    "author": "ada",
                    "text": "@skynorth where is my suitcase?",
                },
                {
                    "kind": "transcript",
                    "id": "calls:77",
                    "revision": 3,
                    "complete": False,
                    "brand": "VoltLine",
                    "turns": [
                        {"speaker": "agent", "text": "How can I help?"},
                        {"speaker": "customer", "text": "Nobody has called me back for a week."},
                    ],
                },
            ]
        },
    },
    "deletion": {
        "summary": "a post that its author took back",
        "value": {
            "kind": "deleted",
            "of": "tweet",
            "id": "x:20431",
            "conversation": "x:20431",
            "occurred_at": "2026-03-12T11:58:00Z",
        },
    },
}


def events_routes(guard: Guard, publish: Publish, rights: EventRights | None) -> APIRouter:
    """rights: None where there is no desk; a key bound to brands writes nothing then."""
    router = APIRouter(tags=["stream"])
    known = Depends(guard.needs("events"))

    @router.post(
        "/v1/events",
        status_code=202,
        summary="Put messages into the stream",
        response_model=Accepted,
        responses=documented(400, 401, 403, 413, 415, 422, 429, 503)
        | {207: {"model": PartlyAccepted, "description": "Some events were refused."}},
    )
    async def events(
        request: Request,
        sent: Annotated[Sent, Body(openapi_examples=EXAMPLES)],
        key: Key = known,
        idempotency_key: Annotated[
            str | None,
            Header(
                min_length=1,
                max_length=200,
                description="makes the ids of events without one: the same key, the same ids, "
                "so a repeat counts once",
            ),
        ] = None,
    ) -> Response:
        """One event, or `events`, up to 256: 202 once Kafka has confirmed all of them.

        An event counts once by its `id`, however often it is sent; a higher `revision` replaces it.
        Events without an `id` get one: from the header `Idempotency-Key` when there is one (of two
        different requests with the same key the first counts), otherwise a new one each time.

        A key of a user who is bound to brands writes messages of these brands alone: each names
        one as `brand`, where there are several, and its id and conversation are not another's. What
        is not stored yet gets an id in the brand's name space, so that nobody takes the id of a
        message that another brand is going to have: `form:7` of Acme becomes `form:~Acme/7`. The
        answer says which; either may be sent for an edit, a deletion or an answer.

        207: some of several events cannot be read, or are too large; they are named by their place
        in the list, and the others are taken.
        """
        posted = sent.events if isinstance(sent, Events) else [sent]
        guard.charge(key, len(posted))
        metrics: RequestMetrics = request.scope["metrics"]
        try:
            readable, refused = _readable(posted)
        except RequestValidationError:
            metrics.refused_events(len(posted))
            log.warning("/v1/events: %d events were refused, 0 taken", len(posted))
            raise
        identified = [_with_id(event, key, idempotency_key, at) for at, event in readable]
        allowed = await _allowed(identified, key, rights)
        messages: list[Outgoing] = []
        ids: list[str] = []
        for (at, _), event in zip(readable, allowed, strict=True):
            message = _message(event)
            if isinstance(message, Outgoing):
                messages.append(message)
                ids.append(event.id)
            else:
                refused.append(RefusedEvent(index=at, reason=f"event {at} {message}"))
        if not messages:
            metrics.refused_events(len(refused))
            log.warning("/v1/events: %d events were refused, 0 taken", len(refused))
            raise refusal(413, refused[-1].reason)
        await publish(messages)
        if not refused:
            return JSONResponse({"ids": ids}, status_code=202)
        metrics.refused_events(len(refused))
        log.warning("/v1/events: %d events were refused, %d taken", len(refused), len(ids))
        refused.sort(key=lambda entry: entry.index)
        faults = [entry.model_dump() for entry in refused]
        return JSONResponse({"ids": ids, "refused": faults}, status_code=207)

    return router


def _readable(
    posted: Sequence[Event | Unfit],
) -> tuple[list[tuple[int, Event]], list[RefusedEvent]]:
    """(place, event) of each that can be read, and the others. Raises a 422 where none can."""
    readable = [(at, event) for at, event in enumerate(posted) if not isinstance(event, Unfit)]
    unfit = [(at, event.faults) for at, event in enumerate(posted) if isinstance(event, Unfit)]
    if not readable:
        raise RequestValidationError(
            [
                dict(fault) | {"loc": ("body", "events", at, *fault["loc"])}
                for at, faults in unfit
                for fault in faults
            ]
        )
    return readable, [
        RefusedEvent(index=at, reason=f"{fault.at}: {fault.what}".removeprefix(": "))
        for at, faults in unfit
        for fault in faults_of(faults)[:1]
    ]


async def _allowed(
    events: Sequence[Event], key: Key, rights: EventRights | None
) -> Sequence[Event]:
    """The events as this key may send them. Raises a 403."""
    brands = None if key.holder is None else key.holder.brands
    if brands is None:
        return events
    if rights is None:
        raise refusal(403, f"the key {key.prefix}... is bound to brands, which takes a desk")
    try:
        return await rights.allowed(events, brands)
    except NotTheirs as error:
        raise refusal(403, str(error)) from None


def _with_id(event: Event, key: Key, idempotency_key: str | None, at: int) -> Event:
    id = event.id or f"api:{_number(key, idempotency_key, at)}"
    return event.model_copy(update={"id": id, "conversation": event.conversation or id})


def _number(key: Key, idempotency_key: str | None, at: int) -> str:
    """Of an event without an id. Two callers may use the same Idempotency-Key."""
    if idempotency_key is None:
        return uuid.uuid4().hex
    return hashlib.sha256(f"{key.id} {at} {idempotency_key}".encode()).hexdigest()[:32]


def _message(event: Event) -> Outgoing | str:
    """What goes to Kafka, or why that is too large."""
    value = encode(event)
    if len(value) + len(event.conversation) + ENVELOPE > MESSAGE_LIMIT:
        return f"has {len(value):,} bytes; a message of the stream has {MESSAGE_LIMIT:,} at most"
    return Outgoing(topic_of(event), event.conversation, value)
