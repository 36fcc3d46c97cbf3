"""`POST /v1/hooks/{name}`: signed messages of other systems, into Kafka."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from connectors.events import Event
from connectors.webhook import Hook, MappingError, Refusal, SignatureError
from stream.ingest.publish import sorted_by_size
from stream.kafka import Outgoing, Publish
from stream.observe.metrics import RequestMetrics
from stream.web.api.refused import RefusedEvent
from stream.web.http.problems import documented, problem_documented, refusal

LARGEST = 1024 * 1024  # bytes of one message


_REFUSED: dict[int | str, dict[str, Any]] = {
    401: problem_documented(
        "The signature does not fit, or the message is older than five minutes."
    ),
    404: problem_documented("There is no such hook."),
}

log = logging.getLogger(__name__)


class AcceptedHook(BaseModel):
    """Kafka has them."""

    ids: list[str] = Field(description="of the events, in their order")


class PartlyAcceptedHook(AcceptedHook):
    """Kafka has some of them."""

    refused: list[RefusedEvent]


def hooks_routes(hooks: Mapping[str, Hook], publish: Publish) -> APIRouter:
    router = APIRouter(tags=["stream"])

    @router.post(
        "/v1/hooks/{name}",
        status_code=202,
        summary="A signed message of another system",
        response_model=AcceptedHook,
        responses=documented(413, 422, 503)
        | _REFUSED
        | {207: {"model": PartlyAcceptedHook, "description": "Some events were refused."}},
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}
        },
    )
    async def take(name: str, request: Request) -> Response:
        """Any JSON that the hook's field map (EARSHOT_HOOKS) understands: 202 once Kafka has
        confirmed its events.

        Signed as Standard Webhooks 1.0 says, with the hook's secret; at most five minutes old. The
        same message again is the same events, which count once. 207: some events do not fit the
        field map; they are named by their place in the list, and the others are taken.
        """
        hook = hooks.get(name)
        if hook is None:
            raise refusal(404, "there is no such hook; the names are in the file of EARSHOT_HOOKS")
        body = await _body(request)
        now = time.time()
        refused: list[Refusal] = []
        try:
            hook.verify(request.headers, body, now)
            events = hook.events(body, datetime.fromtimestamp(now, UTC), refused)
        except SignatureError as error:
            raise refusal(401, str(error)) from None
        except MappingError as error:
            _count(request, name, max(1, len(refused)), 0)
            raise refusal(422, str(error)) from None
        messages, events = _small_enough(events, name, refused)
        if refused and not events:
            _count(request, name, len(refused), 0)
            raise refusal(413, refused[-1].reason)
        if messages:
            await publish(messages)
        ids = [event.id for event in events]
        if not refused:
            return JSONResponse({"ids": ids}, status_code=202)
        _count(request, name, len(refused), len(ids))
        refusals = [asdict(entry) for entry in sorted(refused)]
        return JSONResponse({"ids": ids, "refused": refusals}, status_code=207)

    return router


def _count(request: Request, name: str, refused: int, accepted: int) -> None:
    """Say what was refused, in /metrics and in a line."""
    metrics: RequestMetrics = request.scope["metrics"]
    metrics.refused(name, refused)
    log.warning("hook %s: %d events were refused, %d taken", name, refused, accepted)


def _small_enough(
    events: Sequence[Event], name: str, refused: list[Refusal]
) -> tuple[list[Outgoing], list[Event]]:
    """The messages of the events that Kafka takes, and these events; the others are refused."""
    missing = {entry.index for entry in refused}
    places = [place for place in range(len(events) + len(missing)) if place not in missing]
    messages: list[Outgoing] = []
    small_events: list[Event] = []
    for place, event in zip(places, events, strict=True):
        fitting, large = sorted_by_size([event], f"hook:{name}")
        if fitting:
            messages += fitting
            small_events.append(event)
        else:
            refused.append(Refusal(place, f"event {place}: is too large: {large[0].reason}"))
    return messages, small_events


async def _body(request: Request) -> bytes:
    """Read as it comes, and no further than it may be large."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise refusal(
                413, f"a message has at most {LARGEST // 1024**2} MiB", Connection="close"
            )
    return bytes(body)
