"""The web application: one page with the queue, and the questions that operators' tools ask."""

from __future__ import annotations

from html import escape
from importlib.metadata import version
from typing import Any, Protocol

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from stream.database import DatabaseAway
from stream.queries import Totals

SHOWN = 50

_HEADERS = {
    # Texts of customers are on this page: nothing in them may run, load or frame anything.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }
body { margin: 0 auto; max-width: 60rem; padding: 1.2rem }
h1 { font-size: 1.3rem } h1 small { font-weight: 400; opacity: .7 }
ol { list-style: none; padding: 0 }
li { border: 1px solid color-mix(in srgb, currentColor 18%, transparent); border-radius: .6rem; margin: .6rem 0;
     padding: .7rem .9rem; display: grid; grid-template-columns: 3.4rem 1fr; gap: .2rem .8rem }
.level { font-weight: 700; border-radius: .4rem; text-align: center; align-self: start; padding: .15rem 0;
         background: color-mix(in srgb, currentColor 10%, transparent) }
.P1 { background: #c1121f; color: #fff } .P2 { background: #c2491d; color: #fff }
.P3 { background: #f4d35e; color: #222 }
.said { overflow-wrap: anywhere } .why, .meta { grid-column: 2; font-size: .87rem; opacity: .8 }
"""


class Reads(Protocol):
    """What the page asks of the store."""

    async def ping(self) -> None: ...
    async def totals(self) -> Totals: ...
    async def list_tickets(self, *, limit: int) -> list[dict[str, Any]]: ...


def create_web(store: Reads) -> FastAPI:
    """The application over a store. It reads only."""
    app = FastAPI(title="earshot", version=version("earshot"), docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def harden(request: Request, answer: Any) -> Response:
        response: Response = await answer(request)
        response.headers.update(_HEADERS)
        return response

    @app.exception_handler(DatabaseAway)
    async def away(_: Request, error: DatabaseAway) -> Response:
        return PlainTextResponse("the database cannot be reached just now\n", status_code=503)

    @app.get("/healthz")
    async def healthz() -> Response:
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    async def readyz() -> Response:
        await store.ping()
        return PlainTextResponse("ok\n")

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(_gauges(await store.totals()), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/stats")
    async def stats() -> Response:
        told = await store.totals()
        return JSONResponse({name: getattr(told, name) for name in told.__slots__})

    @app.get("/")
    async def queue() -> Response:
        return HTMLResponse(page(await store.totals(), await store.list_tickets(limit=SHOWN)))

    return app


def page(totals: Totals, tickets: list[dict[str, Any]]) -> str:
    """The queue as one page of HTML that reloads itself. Everything from outside is escaped."""
    counts = (
        f"{totals.events:,} events · {sum(totals.tickets.values()):,} tickets · {sum(totals.alerts.values()):,} alerts"
    )
    rows = "\n".join(_ticket(ticket) for ticket in tickets) or "<p>Nobody needs an answer just now.</p>"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5"><title>earshot: the queue</title><style>{_STYLE}</style></head>
<body><h1>The queue <small>{escape(counts)}</small></h1><main><ol>{rows}</ol></main></body></html>"""


def _ticket(ticket: dict[str, Any]) -> str:
    level = escape(str(ticket["level"]))
    why = " · ".join(escape(f"{each['words']} ({each['points']:+.0f})") for each in ticket["factors"])
    told = [
        ticket["brand"] or "no brand",
        ticket["author"] or "unknown author",
        f"{ticket['last_inbound_at']:%d %b %H:%M}",
    ]
    return (
        f'<li><span class="level {level}">{level}<br>{int(ticket["priority"])}</span>'
        f'<span class="said" dir="auto">{escape(ticket["excerpt"])}</span>'
        f'<span class="why">{why}</span><span class="meta">{escape(" · ".join(told))}</span></li>'
    )


def _gauges(totals: Totals) -> bytes:
    registry = CollectorRegistry()
    Gauge("earshot_stored_events", "Events in the store.", registry=registry).set(totals.events)
    Gauge("earshot_dead_letters_waiting", "Dead letters not resolved.", registry=registry).set(totals.dead_letters)
    tickets = Gauge("earshot_tickets", "Tickets by level.", ["level"], registry=registry)
    for level, count in totals.tickets.items():
        tickets.labels(level).set(count)
    return generate_latest(registry)
