"""Web application: the console, the REST interface, and health for operators' tools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client.registry import Collector

from connectors.events import TextEvent
from connectors.webhook import Hook
from models.taxonomy.classifier import Taxonomy
from stream.desk.event_rights import EventRights
from stream.kafka import Publish
from stream.observe.metrics import RequestMetrics
from stream.reports.ratings import Ratings
from stream.web.api import (
    alerts,
    bulk,
    canned,
    changes,
    erasure,
    export,
    joining,
    keys,
    notices,
    persons,
    pictures,
    queries,
    replies,
    reports,
    settings,
    tickets,
    views,
)
from stream.web.api.analyze import analyze_routes
from stream.web.api.events import events_routes
from stream.web.api.hooks import hooks_routes
from stream.web.api.state import state_routes
from stream.web.api.stats import stats_routes
from stream.web.api.taxonomy import taxonomy_routes
from stream.web.auth.callers import Callers
from stream.web.auth.gate import Gate
from stream.web.auth.keyring import Guard, KeyRing
from stream.web.auth.login import mount_login
from stream.web.auth.rate import OPEN, rate_routes
from stream.web.batcher import Batcher
from stream.web.console import CONSOLE_PATHS, OPEN_PATHS, mount_console
from stream.web.desk_services import DeskServices
from stream.web.docs import docs_page
from stream.web.http.edge import Edge, declared
from stream.web.http.problems import described, tell_problems
from stream.web.http.routes import add_routes
from stream.web.reads import Reads

DESK = (
    views,
    bulk,
    persons,
    joining,
    tickets,
    replies,
    pictures,
    canned,
    alerts,
    notices,
    changes,
    export,
    erasure,
    queries,
    reports,
    settings,
    keys,
)
_ABOUT = """Messages of customers in, understanding out.

Everything needs an API key, `Authorization: Bearer earshot_...`, or the session of who logged in \
at `/login`; but
`/healthz` and `/readyz`, and `/metrics` to who asks directly and not through a proxy. A key is \
made by `earshot key
create NAME --scope SCOPE`: `analyze` and `events` for those two, `read` for what shows, `desk` \
for what the desk does,
with `--user USER` in the name, the role and the brands of that user. Tickets of other brands do \
not exist to who is
bound to some. Errors are `application/problem+json` (RFC 9457).
"""


@dataclass(frozen=True, slots=True)
class Api:
    """The collaborators of the REST interface."""

    ring: KeyRing
    batcher: Batcher[TextEvent, str]
    publish: Publish
    taxonomy: Taxonomy
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    desk: DeskServices | None = None  # None: no pages, and keys alone open something
    collectors: Sequence[Collector] = ()  # further ones of `/metrics`


def create_web(store: Reads, api: Api) -> FastAPI:
    """The application over a store, a model and a broker."""
    app = FastAPI(
        title="earshot",
        version=version("earshot"),
        description=_ABOUT,
        docs_url=None,  # its pages load their scripts from elsewhere; ours is stream/web/docs.py
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    guard = Guard(api.ring)
    callers = Callers(api.ring) if api.desk is None else api.desk.callers
    app.add_middleware(
        Gate, callers=callers, open_paths=(*OPEN_PATHS, OPEN), anybody=_anybody(api.desk)
    )
    requests = RequestMetrics(api.collectors)
    app.add_middleware(Edge, console=CONSOLE_PATHS, base_url=callers.base_url, metrics=requests)
    app.state.callers = callers
    tell_problems(app)
    rights = None if api.desk is None else EventRights(api.desk.engine)
    monitor = None if api.desk is None else api.desk.monitor
    add_routes(
        app,
        analyze_routes(guard, api.batcher),
        events_routes(guard, api.publish, rights),
        hooks_routes(api.hooks, api.publish),
        taxonomy_routes(api.taxonomy),
        stats_routes(store, monitor),
        state_routes(guard, store),
    )

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return JSONResponse(described(app))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(docs_page(described(app)))

    if api.desk is not None:
        app.state.desk = api.desk
        for routes in DESK:
            add_routes(app, routes.router)
        add_routes(app, settings.attendance, rate_routes(Ratings(api.desk.engine), callers))
        mount_login(app, api.desk.people, api.desk.sessions, callers, api.desk.provider)
        mount_console(app, api.desk)  # the last: what it mounts may take every path that is left
    requests.may_fail(declared(app))
    return app


def _anybody(desk: DeskServices | None) -> Callable[[], Awaitable[bool]]:
    """Whether there is a user; asked until there is one."""
    known = False

    async def anybody() -> bool:
        nonlocal known
        known = known or desk is None or await desk.people.any()
        return known

    return anybody
