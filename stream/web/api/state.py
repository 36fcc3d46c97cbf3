"""What operators' tools ask: health, readiness, metrics, totals."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from stream.metrics import store_metrics
from stream.web.keyring import Guard
from stream.web.people import Callers
from stream.web.problems import documented
from stream.web.reads import Reads


class StatsOut(BaseModel):
    """What the database holds."""

    events: int
    deleted: int
    scored: int
    abstained: int
    dead_letters: int
    tickets: dict[str, int] = Field(description="by level")
    alerts: dict[str, int] = Field(description="by kind")


def state_routes(guard: Guard, callers: Callers, store: Reads) -> APIRouter:
    router = APIRouter(tags=["operate"])

    @router.get("/healthz", summary="Is the process alive?", response_class=PlainTextResponse)
    async def healthz() -> Response:
        """Open to everybody."""
        return PlainTextResponse("ok\n")

    @router.get(
        "/readyz",
        summary="Can it answer?",
        response_class=PlainTextResponse,
        responses=documented(503),
    )
    async def readyz() -> Response:
        """503 while the database is away. Open to everybody."""
        await store.ping()
        return PlainTextResponse("ok\n")

    @router.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=PlainTextResponse,
        dependencies=[Depends(guard.scrapes())],
        responses=documented(401, 403, 429, 503),
    )
    async def metrics() -> Response:
        """The queue, dead letters, outbox, sources, size of the database. Through a proxy it needs a key."""
        return Response(generate_latest(store_metrics(await store.figures())), media_type=CONTENT_TYPE_LATEST)

    @router.get(
        "/v1/stats",
        summary="What the store holds",
        dependencies=[Depends(callers.may("viewer"))],
        responses=documented(401, 403, 429, 503),
    )
    async def stats() -> StatsOut:
        """Totals of events, tickets and alerts."""
        told = await store.totals()
        return StatsOut(**{name: getattr(told, name) for name in told.__slots__})

    return router
