"""`POST /v1/analyze`: what the model makes of messages, at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Depends, Request, Response

from connectors.events import TextEvent
from stream.accounts.api_keys import Key
from stream.web.api.messages import AnalysesOut, AnalysisOut, Asked, Several
from stream.web.api.model import weight
from stream.web.auth.keyring import Guard
from stream.web.batcher import Batcher, Busy
from stream.web.http.problems import documented, refusal

T = TypeVar("T")

EXAMPLES: dict[str, dict[str, Any]] = {
    "text": {
        "summary": "one text",
        "value": {"text": "my line has been down since 9, nobody answers"},
    },
    "several": {
        "summary": "several messages of any kinds",
        "value": {
            "messages": [
                {"text": "TV channels keep disappearing from my subscription!"},
                {"kind": "tweet", "text": "@northwind thanks, the crew was lovely today"},
                {
                    "kind": "complaint",
                    "title": "Charged twice",
                    "text": "I was billed twice in March, I want it back.",
                },
                {
                    "kind": "transcript",
                    "turns": [
                        {"speaker": "agent", "text": "Thank you for calling, how can I help?"},
                        {
                            "speaker": "customer",
                            "text": "The internet drops every evening and I am tired of it.",
                        },
                    ],
                },
            ]
        },
    },
}


def analyze_routes(guard: Guard, batcher: Batcher[TextEvent, str]) -> APIRouter:
    router = APIRouter(tags=["understand"])
    known = Depends(guard.needs("analyze"))

    @router.post(
        "/v1/analyze",
        summary="Understand messages, at once",
        response_model=AnalysisOut | AnalysesOut,
        responses=documented(400, 401, 403, 413, 415, 422, 429, 503),
    )
    async def analyze(
        request: Request,
        asked: Annotated[Asked, Body(openapi_examples=EXAMPLES)],
        key: Key = known,
    ) -> Response:
        """One message, answered with its analysis, or `messages`, up to 256, answered with
        `analyses`.

        The same models as in the stream, on the same redacted text. Nothing is stored. What a text
        is about comes from `GET /v1/taxonomy`. A call counts as many messages as it has turns.
        """
        messages = asked.messages if isinstance(asked, Several) else [asked]
        events = [message.event() for message in messages]
        guard.charge(key, sum(weight(event) for event in events))
        try:
            told = await _unless_gone(request, batcher(events))
        except Busy as busy:
            raise refusal(
                503,
                "too much is waiting to be analysed; try again later",
                retry_after=busy.retry_after,
            ) from None
        if told is None:
            return Response(status_code=204)  # nobody is there to read it
        body = f'{{"analyses":[{",".join(told)}]}}' if isinstance(asked, Several) else told[0]
        return Response(body.encode(), media_type="application/json")

    return router


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of `work`, which is given up when the client hangs up: then None."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, leaving):
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
