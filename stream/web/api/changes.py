"""`/v1/stream`: what changes, as server-sent events (the HTML standard, 9.2)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from stream.web.auth.callers import Caller, Callers, Viewer
from stream.web.desk_services import Services
from stream.web.http.problems import documented, refusal
from stream.web.http.streamed import Streamed
from stream.web.live import Change, Changes, Hub

HEARTBEAT = 15.0  # seconds; what lies between would cut a connection that is silent for long
MAX_READERS = 500  # streams at once of one process
MAX_OF_ONE = 20  # of them of one person or key

_ID = re.compile(r"([0-9a-f]{8})-(\d{1,15})")
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`event: tickets`, `alerts`, `replies` or `incidents`, "
        '`data: {"ids": [...]}`: read these '
        "again; without ids: many changed. `event: missed`: read everything again. "
        "`event: hello` begins.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


router = APIRouter(tags=["desk"])


@router.get(
    "/v1/stream",
    summary="What changes, as it changes",
    response_class=Response,
    responses=_ANSWER | documented(401, 403, 422, 429, 503),
)
async def stream(
    desk: Services,
    caller: Viewer,
    last_event_id: Annotated[
        str | None,
        Header(
            max_length=100,
            description="where this reader broke off; a browser sends it by itself",
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        Query(gt=0, le=86_400, description="end after so long; otherwise it goes on", examples=[2]),
    ] = None,
) -> Response:
    """Which rows changed, never their content: read them with their own addresses.

    A reader that comes back with `Last-Event-ID` is told what it missed, or that it must read
    everything again. One that reads too slowly is told the latter. A comment every 15 seconds
    keeps the connection open; it ends when the session or the key does.
    """
    if len(desk.stream_readers) >= MAX_READERS:
        raise refusal(503, "too many streams are open", retry_after=10)
    if list(desk.stream_readers.values()).count(caller.name) >= MAX_OF_ONE:
        detail = f"{MAX_OF_ONE} streams of {caller.name} are open; close one first"
        raise refusal(429, detail, retry_after=10)
    ends = None if seconds is None else asyncio.get_running_loop().time() + seconds
    lines = _lines(desk.hub, desk.callers, caller, last_event_id, ends)
    reader = object()
    desk.stream_readers[reader] = caller.name
    return Streamed(
        lines,
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
        on_end=lambda: desk.stream_readers.pop(reader, None),
    )


async def _lines(
    hub: Hub, callers: Callers, caller: Caller, last_event_id: str | None, ends: float | None
) -> AsyncGenerator[bytes, None]:
    loop = asyncio.get_running_loop()
    after = None if last_event_id is None else _after(hub, last_event_id)
    with callers.watch.over(caller) as ended, hub.subscribe(caller.brands, after=after) as changes:
        yield b"retry: 2000\n" + (
            b"\n" if after is not None else _message(hub, Change("hello", number=hub.number))
        )
        ending = asyncio.create_task(_end(ended, changes))
        try:
            while ends is None or loop.time() < ends:
                wait = HEARTBEAT if ends is None else max(0.0, min(HEARTBEAT, ends - loop.time()))
                change = await _next(changes, wait)
                if changes.ended:
                    return  # a reader that comes back is recognised anew
                yield b":\n\n" if change is None else _message(hub, change)
        finally:
            ending.cancel()


async def _end(ended: asyncio.Event, changes: Changes) -> None:
    """Let the changes end with the caller's session."""
    await ended.wait()
    changes.end()


async def _next(changes: Changes, wait: float) -> Change | None:
    try:
        return await asyncio.wait_for(anext(changes), wait)
    except (TimeoutError, StopAsyncIteration):
        return None


def _after(hub: Hub, last_event_id: str) -> int:
    """The number that the reader saw last; -1, which is never known, for another process's."""
    match = _ID.fullmatch(last_event_id)
    return int(match[2]) if match and match[1] == hub.epoch else -1


def _message(hub: Hub, change: Change) -> bytes:
    kind = change.table or "missed"
    payload = json.dumps({"ids": list(change.ids)})
    return f"id: {hub.epoch}-{change.number}\nevent: {kind}\ndata: {payload}\n\n".encode()
