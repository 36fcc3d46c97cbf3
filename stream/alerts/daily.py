"""Daily summaries: each sink that asks for one gets yesterday's figures, once a day.

A summary is a row before it is sent. Where a process dies between sending and writing that down, it
is sent again under the same name, which for mail is the same Message-ID.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.base import NotSent, SentUnknown
from connectors.notices import Notice, Sink
from stream.alerts.daily_figures import Day, day_of, facts_of, read_figures, title_of
from stream.alerts.routing import Route
from stream.postgres.advisory_lock import sole
from stream.postgres.database import reachable

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 24
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 3600.0  # seconds

_ASK = text("""
    insert into daily_summaries (sink, day, state, due_at)
    values (:sink, :day, 'queued', :now)
    on conflict (sink, day) do nothing
""")
_DUE = text("""
    select day, attempts from daily_summaries
    where sink = :sink and state = 'queued' and due_at <= :now order by day
""")
_SETTLE = text("""
    update daily_summaries
    set state = :state, attempts = :attempts, due_at = :due, answer = :answer, updated_at = now()
    where sink = :sink and day = :day
""")


class DailySummaries:
    """Any number may run: an advisory lock lets one at a time send.

    sinks: gives those of now, which somebody else opens and closes. clock: the time now.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        sinks: Callable[[], Sequence[tuple[Route, Sink]]],
        *,
        base_url: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine, self._clock, self._base_url = engine, clock, base_url
        self._sinks = sinks

    async def round(self) -> int:
        """Send the summaries that are due; returns how many went out."""
        daily_sinks = [(route, sink) for route, sink in self._sinks() if route.daily is not None]
        if not daily_sinks:
            return 0
        sent = 0
        async with sole(self._engine, "daily summaries") as alone:
            if alone:
                for route, sink in daily_sinks:
                    sent += await self._serve(route, sink)
        return sent

    async def _serve(self, route: Route, sink: Sink) -> int:
        now, sent = self._clock(), 0
        local = now.astimezone(route.zone)
        if route.daily is not None and local.time() >= route.daily:
            yesterday = local.date() - timedelta(days=1)
            await self._write(_ASK, sink=route.name, day=yesterday, now=now)
        for row in await self._rows(_DUE, sink=route.name, now=now):
            sent += await self._send(route, sink, row["day"], row["attempts"] + 1)
        return sent

    async def _send(self, route: Route, sink: Sink, day: date, attempt: int) -> bool:
        notice = await summary(
            self._engine, day_of(day, route.zone), route.name, route.brands, self._base_url
        )
        try:
            answer = await sink.send(notice)
        except NotSent as error:
            is_final = error.retry_after is None or attempt >= MAX_ATTEMPTS
            await self._failed(route, day, attempt, str(error), is_final, error.retry_after or 0.0)
            return False
        except SentUnknown as error:
            await self._failed(route, day, attempt, str(error), attempt >= MAX_ATTEMPTS, 0.0)
            return False
        await self._settle(route, day, "sent", attempt, answer, self._clock())
        return True

    async def _failed(
        self, route: Route, day: date, attempt: int, reason: str, is_final: bool, rest: float
    ) -> None:
        pause = max(rest, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1)))
        again = self._clock() + timedelta(seconds=pause)
        log.warning("the daily summary of %s was not sent: %s", route.name, reason)
        await self._settle(route, day, "failed" if is_final else "queued", attempt, reason, again)

    async def _settle(
        self, route: Route, day: date, state: str, attempts: int, answer: str, due: datetime
    ) -> None:
        values = {"state": state, "attempts": attempts, "answer": answer[:500], "due": due}
        await self._write(_SETTLE, sink=route.name, day=day, **values)

    async def _write(self, statement: Any, **values: Any) -> None:
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(statement, values)

    async def _rows(self, query: Any, **values: Any) -> list[dict[str, Any]]:
        async with reachable(), self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query, values)).mappings()]


async def summary(
    engine: AsyncEngine,
    day: Day,
    name: str,
    brands: Sequence[str] = (),
    base_url: str | None = None,
) -> Notice:
    """The summary of a day for one sink: numbers by brand, and no customer's words."""
    rows = await read_figures(engine, day, brands)
    facts = facts_of(rows) or (("Nothing", "no message came and nothing is open"),)
    id = f"summary/{name}/{day.date.isoformat()}"
    return Notice(
        id=id,
        alert=id,
        kind="digest",
        severity=1,
        title=title_of(day, rows),
        at=day.end,
        facts=facts,
        link=base_url and f"{base_url.rstrip('/')}/monitor",
    )
