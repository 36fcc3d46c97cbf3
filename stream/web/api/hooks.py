"""`POST /v1/hooks/{name}`: signed messages of other systems, into Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from connectors.webhook import Hook, MappingError, SignatureError
from stream.ingest.publish import sorted_by_size
from stream.kafka import Publish
from stream.web.http.problems import Problem, documented, refusal

LARGEST = 1024 * 1024  # bytes of one message


_REFUSED: dict[int | str, dict[str, Any]] = {
    401: {
        "model": Problem,
        "description": "The signature does not fit, or the message is older than five minutes.",
    },
    404: {"model": Problem, "description": "There is no such hook."},
}


class Taken(BaseModel):
    """Kafka has them."""

    ids: list[str] = Field(description="of the events, in their order")


def hooks_routes(
    hooks: Mapping[str, Hook], publish: Publish, clock: Callable[[], float] = time.time
) -> APIRouter:
    """clock: seconds since 1970."""
    router = APIRouter(tags=["stream"])

    @router.post(
        "/v1/hooks/{name}",
        status_code=202,
        summary="A signed message of another system",
        response_model=Taken,
        responses=documented(413, 422, 503) | _REFUSED,
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}
        },
    )
    async def take(name: str, request: Request) -> Response:
        """Any JSON that the hook's field map (EARSHOT_HOOKS) understands: 202 once Kafka has
        confirmed its events.

        Signed as Standard Webhooks 1.0 says, with the hook's secret; at most five minutes old. The
        same message again is the same events, which count once.
        """
        hook = hooks.get(name)
        if hook is None:
            raise refusal(404, "there is no such hook; the names are in the file of EARSHOT_HOOKS")
        body = await _body(request)
        now = clock()
        try:
            hook.verify(request.headers, body, now)
            events = hook.events(body, datetime.fromtimestamp(now, UTC))
        except SignatureError as error:
            raise refusal(401, str(error)) from None
        except MappingError as error:
            raise refusal(422, str(error)) from None
        messages, large = sorted_by_size(events, f"hook:{name}")
        if large:
            raise refusal(413, f"an event is too large: {large[0].reason}")
        if messages:
            await publish(messages)
        return JSONResponse({"ids": [event.id for event in events]}, status_code=202)

    return router


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
