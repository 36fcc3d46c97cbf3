"""Reports page: first answers, resolution, promises and ratings, by group and over time."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import nicegui.elements.echart  # noqa: F401  its charts are a module that ours imports
from nicegui import ui
from nicegui.events import GenericEventArguments

from stream.monitor.records import MonitorQuery
from stream.reports.csv_file import csv_of
from stream.reports.ratings import OTHERWISE, REASONS
from stream.reports.reports import BYS, LONGEST, By, Report
from stream.web.console.acts import fields, text_of
from stream.web.console.shell import Visit, add_page
from stream.web.console.updates import View, keep_telling
from stream.web.desk_services import DeskServices

EVERY = 60.0  # seconds; a report is no monitor
RANGES = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
DEFAULT = "30d"
_WEEKS_FROM = timedelta(days=45)  # so long a time is drawn by weeks


class ReportsView(View, component="desk_reports.js"):
    """The figures in the browser."""


class ReportsPage:
    """One browser's report."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._choice = choice_of(dict(visit.request.query_params))
        self._report: Report | None = None
        self._again = asyncio.Event()
        self.view = ReportsView(
            asked=self._choice, brands=[], reasons=REASONS, otherwise=OTHERWISE, refused=""
        )
        self.view.on("choose", self._choose)
        self.view.on("csv", self._csv)

    def start(self) -> None:
        keep_telling(self._visit, self.view, self._show, self._again, EVERY)

    async def _show(self) -> None:
        choice, brands = self._choice, self._visit.caller.brands
        since, until = _time(choice)
        brand = choice["brand"] or None
        reports = self._visit.services.reports
        step: By = "week" if until - since > _WEEKS_FROM else "day"
        result = await reports.report(_by(choice), since, until, brand=brand, brands=brands)
        course = await reports.report(step, since, until, brand=brand, brands=brands)
        if choice != self._choice:
            return  # somebody has chosen something else meanwhile
        self._report = result
        self.view.tell(
            report=_for_browser(result),
            course={"step": step, "rows": [asdict(row) for row in course.rows]},
            brands=await self._visit.services.monitor.brands(MonitorQuery(brands=brands)),
        )

    def _choose(self, event: GenericEventArguments) -> None:
        self._choice = choice_of(fields(event.args))
        self.view.tell(asked=self._choice)
        self._again.set()

    async def _csv(self, _: GenericEventArguments) -> None:
        if await self._visit.still() is None or self._report is None:
            return
        name = f"earshot-report-{self._report.by}-{self._report.until:%Y%m%d}.csv"
        ui.download.content(csv_of(self._report), name, "text/csv; charset=utf-8")


def choice_of(payload: dict[str, Any]) -> dict[str, str]:
    """What an address or a browser asks for; what makes no sense is left out."""
    span, by = text_of(payload, "range"), text_of(payload, "by")
    since, until = _day(text_of(payload, "since")), _day(text_of(payload, "until"))
    own = since is not None and until is not None and timedelta() <= until - since <= LONGEST
    return {
        "range": "own" if own else span if span in RANGES else DEFAULT,
        "since": f"{since:%Y-%m-%d}" if own and since else "",
        "until": f"{until:%Y-%m-%d}" if own and until else "",
        "by": by if by in BYS else "brand",
        "brand": text_of(payload, "brand")[:300],
    }


def _time(choice: dict[str, str]) -> tuple[datetime, datetime]:
    """Since and until; the days of a choice are whole, the last one too."""
    since, until = _day(choice["since"]), _day(choice["until"])
    if choice["range"] == "own" and since is not None and until is not None:
        return since, until + timedelta(days=1)
    now = datetime.now(UTC)
    return now - timedelta(days=RANGES[choice["range"]]), now


def _by(choice: dict[str, str]) -> By:
    return next(by for by in BYS if by == choice["by"])


def _day(words: str) -> datetime | None:
    try:
        day = datetime.strptime(words, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return day if 1970 <= day.year <= 9000 else None


def _for_browser(result: Report) -> dict[str, Any]:
    return {
        "by": result.by,
        "total": asdict(result.total),
        "rows": [asdict(row) for row in result.rows],
        "latest": result.latest and result.latest.timestamp(),
    }


def add_reports(services: DeskServices) -> None:
    """The page `/reports`."""

    async def build(visit: Visit) -> None:
        ReportsPage(visit).start()

    add_page(services, "/reports", "Reports", build)
