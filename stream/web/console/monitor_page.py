"""Monitor page: the numbers that the charts of one browser are drawn from."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, TypeVar
from urllib.parse import quote

import nicegui.elements.echart  # noqa: F401  its charts are a module that ours imports
from nicegui.events import GenericEventArguments

from stream.alerts.burst_words import sentence
from stream.alerts.notifier import title
from stream.alerts.routing import OF_P1
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
        self._query = query_from(query.get("range"), query.get("brand"), visit.caller.brands)
        self._by = _by(query.get("by"))
        self._again = asyncio.Event()
        self.view = MonitorView(asked=_choice(self._query, self._by), brands=[])
        self.view.on("choose", self._choose)

    def start(self) -> None:
        keep_telling(self._visit, self.view, self._show, self._again, EVERY)

    async def _show(self) -> None:
        query, monitor = self._query, self._visit.services.monitor
        # Name of the prop, its reading, and its JSON.
        reads: list[tuple[str, Callable[[], Awaitable[Any]], Callable[[Any], Any]]] = [
            ("rates", lambda: monitor.rates(query), _rates),
            ("traffic", lambda: monitor.traffic(query), traffic_series),
            ("behind", monitor.lag, asdict),
            ("brands", lambda: monitor.brands(query), list),
            ("alerts", lambda: self._open_alerts(query), _few_alerts),
            ("rising", lambda: monitor.trending(query), _dicts),
            ("mixes", lambda: monitor.mixes(query), asdict),
            ("spent", lambda: monitor.spent(query), _dicts),
        ]
        for name, read, as_json in reads:
            self.view.tell(**{name: as_json(await read())})
            if self._query != query:
                return

    async def _open_alerts(self, query: MonitorQuery) -> list[Listed]:
        book = self._visit.services.alert_book
        return await book.list(query.brands, brand=query.brand, statuses=["open"], limit=50)

    def _choose(self, event: GenericEventArguments) -> None:
        payload = event.args if isinstance(event.args, dict) else {}
        self._query = query_from(
            payload.get("span"), payload.get("brand"), self._visit.caller.brands
        )
        self._by = _by(payload.get("by"))
        self.view.tell(asked=_choice(self._query, self._by))
        self._again.set()


def query_from(span: Any, brand: Any, brands: frozenset[str] | None) -> MonitorQuery:
    """The query of an address or a browser; unknown values are left out."""
    known_span: Span = span if span in SPANS else "24h"
    known_brand = brand[:200] if isinstance(brand, str) and brand else None
    return MonitorQuery(known_span, known_brand, brands)


def traffic_series(traffic: Traffic) -> dict[str, Any]:
    """A number for each step, by brand and by topic; moments in seconds since 1970."""
    window = traffic.window
    since = int(window.since.timestamp())
    columns = int(LENGTH[window.span].total_seconds()) // window.step

    def series(points: list[Point]) -> dict[str, list[float]]:
        columns_of: dict[str, list[float]] = {
            name: [0] * columns for name in ("messages", "negative", "dissatisfaction")
        }
        for point in points:
            at = (int(point.at.timestamp()) - since) // window.step
            if 0 <= at < columns:
                for name, values in columns_of.items():
                    values[at] = getattr(point, name)
        return columns_of

    return {
        "since": since,
        "until": int(window.until.timestamp()),
        "step": window.step,
        "columns": columns,
        "live": window.live,
        "brands": {name: series(points) for name, points in traffic.brands.items()},
        "topics": {name: series(points) for name, points in traffic.topics.items()},
    }


def alert_line(listed: Listed) -> dict[str, Any]:
    """An alert in a line: its link, its title and its words."""
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


def _few_alerts(alerts: list[Listed]) -> list[dict[str, Any]]:
    return [alert_line(alert) for alert in sorted(alerts, key=_bursts_first)[:ALERTS]]


def _dicts(records: list[Any]) -> list[dict[str, Any]]:
    return [asdict(record) for record in records]


def _bursts_first(listed: Listed) -> tuple[bool, int]:
    return listed.alert.kind == "p1", -listed.alert.severity


def headline(listed: Listed) -> str:
    """The headline of an alert."""
    alert = listed.alert
    brand = alert.brand or "no brand"
    if alert.kind == "burst":
        return f"{brand}: {sentence(alert)}"
    if alert.kind == "p1":
        return f"{brand}: a message to see within minutes"
    if alert.kind in (*OF_P1, "drift"):
        return title(alert, recovered=alert.recovered_at is not None)
    return f"{brand}: a day's budget of {alert.evidence.get('network', 'a network')} is spent"


def _rates(rates: list[Rate]) -> dict[str, Any]:
    since = int(rates[0].at.timestamp()) if rates else 0
    return {"since": since, "step": STEP, "values": [round(rate.a_second, 2) for rate in rates]}


def _choice(query: MonitorQuery, by: str) -> dict[str, str]:
    return {"span": query.span, "brand": query.brand or "", "by": by}


def _by(value: Any) -> str:
    return "brand" if value == "brand" else "topic"


def add_monitor(services: DeskServices) -> None:
    """The page `/monitor`."""

    async def build(visit: Visit) -> None:
        MonitorPage(visit).start()

    add_page(services, "/monitor", "Monitor", build)
