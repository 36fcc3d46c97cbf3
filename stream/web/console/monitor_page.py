"""The monitor: what one browser is shown of the stream, in numbers that its charts are drawn from."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar
from urllib.parse import quote

import nicegui.elements.echart  # noqa: F401  its charts are a module that ours imports
from nicegui.events import GenericEventArguments

from stream.desk.alert_book import Listed
from stream.monitor.rates import STEP, Rate
from stream.monitor.records import LENGTH, SPANS, MonitorQuery, Point, Span, Traffic
from stream.web.console.shell import Visit, add_page
from stream.web.console.updates import View, keep_telling
from stream.web.desk_services import DeskServices

EVERY = 2.0  # seconds; what has not changed is not sent
ALERTS = 6

T = TypeVar("T")


class MonitorView(View, component="desk_monitor.js"):
    """The charts in the browser."""


class MonitorPage:
    """One browser's monitor."""

    def __init__(self, visit: Visit) -> None:
        query = visit.request.query_params
        self._visit = visit
        self._asked = asked_for(query.get("range"), query.get("brand"), visit.caller.brands)
        self._by = _by(query.get("by"))
        self._again = asyncio.Event()
        self.view = MonitorView(asked=_said(self._asked, self._by), brands=[])
        self.view.on("choose", self._choose)

    def start(self) -> None:
        keep_telling(self._visit, self.view, self._show, self._again, EVERY)

    async def _show(self) -> None:
        asked, services = self._asked, self._visit.services
        monitor = services.monitor
        showing: list[tuple[str, Callable[[], Awaitable[Any]], Callable[[Any], Any]]] = [
            ("rates", lambda: monitor.rates(asked), _rates),
            ("traffic", lambda: monitor.traffic(asked), traffic_told),
            ("behind", monitor.lag, asdict),
            ("brands", lambda: monitor.brands(asked), list),
            ("alerts", lambda: services.alert_book.list(asked.brands, brand=asked.brand, statuses=["open"], limit=50),
             lambda found: [alert_told(each) for each in sorted(found, key=_bursts_first)[:ALERTS]]),
            ("rising", lambda: monitor.trending(asked), lambda found: [asdict(each) for each in found]),
            ("mixes", lambda: monitor.mixes(asked), asdict),
            ("spent", lambda: monitor.spent(asked), lambda found: [asdict(each) for each in found]),
        ]  # fmt: skip
        for name, read, told in showing:
            self.view.tell(**{name: told(await read())})
            if self._asked != asked:
                return

    def _choose(self, event: GenericEventArguments) -> None:
        given = event.args if isinstance(event.args, dict) else {}
        self._asked = asked_for(given.get("span"), given.get("brand"), self._visit.caller.brands)
        self._by = _by(given.get("by"))
        self.view.tell(asked=_said(self._asked, self._by))
        self._again.set()


def asked_for(span: Any, brand: Any, brands: frozenset[str] | None) -> MonitorQuery:
    """What an address or a browser asks for; what it cannot mean is left out."""
    chosen: Span = span if span in SPANS else "24h"
    return MonitorQuery(chosen, brand[:200] if isinstance(brand, str) and brand else None, brands)


def traffic_told(traffic: Traffic) -> dict[str, Any]:
    """Of each brand and topic a number for each step; moments in seconds since 1970."""
    window = traffic.window
    since = int(window.since.timestamp())
    columns = int(LENGTH[window.span].total_seconds()) // window.step

    def series(points: list[Point]) -> dict[str, list[float]]:
        told: dict[str, list[float]] = {
            name: [0] * columns for name in ("messages", "negative", "dissatisfaction")
        }
        for point in points:
            at = (int(point.at.timestamp()) - since) // window.step
            if 0 <= at < columns:
                for name, values in told.items():
                    values[at] = getattr(point, name)
        return told

    return {
        "since": since,
        "until": int(window.until.timestamp()),
        "step": window.step,
        "columns": columns,
        "live": window.live,
        "brands": {name: series(points) for name, points in traffic.brands.items()},
        "topics": {name: series(points) for name, points in traffic.topics.items()},
    }


def alert_told(listed: Listed) -> dict[str, Any]:
    """An alert in a line: where it leads, its title and what it is about."""
    alert = listed.alert
    if alert.kind == "p1":
        title, words = f"P1 · {alert.brand or 'no brand'}", listed.excerpt or ""
        href = f"/tickets/{quote(alert.ticket_id or '', safe='')}"
    else:
        title, words = headline(listed), ", ".join(alert.evidence.get("words", [])[:6])
        href = f"/alerts#{quote(alert.id, safe='')}"
    return {
        "id": alert.id,
        "severity": alert.severity,
        "title": title,
        "words": words,
        "href": href,
    }


def _bursts_first(listed: Listed) -> tuple[bool, int]:
    return listed.alert.kind == "p1", -listed.alert.severity


def headline(listed: Listed) -> str:
    """What an alert says first."""
    alert = listed.alert
    brand = alert.brand or "no brand"
    if alert.kind == "burst":
        evidence: Mapping[str, Any] = alert.evidence
        told = f"{evidence.get('negative', 0):g} negative where {evidence.get('expected', 0):g} were usual"
        return f"{brand}: {told}" + (f", mostly {alert.topic}" if alert.topic else "")
    if alert.kind == "p1":
        return f"{brand}: a message to see within minutes"
    return f"{brand}: a day's budget of {alert.evidence.get('network', 'a network')} is spent"


def _rates(rates: list[Rate]) -> dict[str, Any]:
    since = int(rates[0].at.timestamp()) if rates else 0
    return {"since": since, "step": STEP, "values": [round(rate.a_second, 2) for rate in rates]}


def _said(asked: MonitorQuery, by: str) -> dict[str, str]:
    return {"span": asked.span, "brand": asked.brand or "", "by": by}


def _by(given: Any) -> str:
    return "brand" if given == "brand" else "topic"


def add_monitor(services: DeskServices) -> None:
    """The page `/monitor`."""

    async def build(visit: Visit) -> None:
        MonitorPage(visit).start()

    add_page(services, "/monitor", "Monitor", build)
