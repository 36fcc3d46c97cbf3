"""`/v1/stats`: totals of the store, and the monitor of a stretch of time."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from stream.monitor.monitor import Monitor
from stream.monitor.rates import Rate
from stream.monitor.records import Lag, Mixes, MonitorQuery, Span, Traffic
from stream.monitor.trending import TrendingTopic
from stream.web.auth.callers import Viewer
from stream.web.http.problems import documented
from stream.web.reads import Reads


class MonitorOut(BaseModel):
    """What the page `/monitor` draws."""

    rates: list[Rate] = Field(description="events saved a second, of the last ten minutes")
    traffic: Traffic
    rising: list[TrendingTopic] = Field(description="topics, the most surprising first")
    mixes: Mixes
    behind: Lag


class StatsOut(BaseModel):
    """What the database holds, of the brands that the caller may see."""

    events: int
    deleted: int
    scored: int
    abstained: int
    dead_letters: int = Field(description="of no brand: 0 for who is bound to some")
    tickets: dict[str, int] = Field(description="by level")
    alerts: dict[str, int] = Field(description="by kind")
    monitor: MonitorOut | None = Field(None, description="where `span` asked for it")


def stats_routes(store: Reads, monitor: Monitor | None) -> APIRouter:
    """monitor: None where there is no desk."""
    router = APIRouter(tags=["operate"])

    @router.get(
        "/v1/stats", summary="What the store holds", responses=documented(401, 403, 422, 429, 503)
    )
    async def stats(
        caller: Viewer,
        span: Annotated[
            Span | None, Query(description="also what the monitor shows of so long")
        ] = None,
        brand: Annotated[
            str | None, Query(max_length=300, description="of the monitor: this brand alone")
        ] = None,
    ) -> StatsOut:
        """Totals of events, tickets and alerts; with `span` also series, rising topics, drift and
        lag.
        """
        stored = await store.totals(caller.brands)
        totals = {name: getattr(stored, name) for name in stored.__slots__}
        if span is None or monitor is None:
            return StatsOut(**totals)
        return StatsOut(
            **totals, monitor=await _monitor(monitor, MonitorQuery(span, brand, caller.brands))
        )

    return router


async def _monitor(monitor: Monitor, query: MonitorQuery) -> MonitorOut:
    rates, traffic, trending, mixes, lag = await asyncio.gather(
        monitor.rates(query),
        monitor.traffic(query),
        monitor.trending(query),
        monitor.mixes(query),
        monitor.lag(),
    )
    return MonitorOut(rates=rates, traffic=traffic, rising=trending, mixes=mixes, behind=lag)
