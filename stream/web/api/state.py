"""What operators' tools ask: health, readiness, metrics."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from stream.observe.metrics import RequestMetrics, store_metrics
from stream.web.auth.keyring import Guard
from stream.web.http.problems import documented
from stream.web.reads import Reads


def state_routes(guard: Guard, store: Reads) -> APIRouter:
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
    async def metrics(request: Request) -> Response:
        """Requests, the queue, dead letters, outbox, sources, size of the database. Through a proxy
        it needs a key.
        """
        requests: RequestMetrics = request.scope["metrics"]
        stored = store_metrics(await store.figures())
        exposition = generate_latest(requests.registry) + generate_latest(stored)
        return Response(exposition, media_type=CONTENT_TYPE_LATEST)

    return router
