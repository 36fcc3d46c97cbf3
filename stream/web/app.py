"""The web application: one page with the queue, the REST interface, and what operators' tools ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

from fastapi import Depends, FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse

from connectors.webhook import Hook
from models.taxonomy import Taxonomy
from stream.desk.tickets import Desk, NoTicket
from stream.replies import Replies
from stream.web.api.analyze import analyze_routes
from stream.web.api.events import Publish, events_routes
from stream.web.api.reading import Reading
from stream.web.api.state import state_routes
from stream.web.api.taxonomy import taxonomy_routes
from stream.web.batcher import Batcher
from stream.web.docs import docs_page
from stream.web.edge import Edge
from stream.web.hooks import hooks_routes
from stream.web.keyring import Guard, KeyRing
from stream.web.pages import SHOWN, alerts_page, page, ticket_page
from stream.web.problems import described, refusal, tell_problems
from stream.web.reads import Reads

_ABOUT = """Messages of customers in, understanding out.

Every `POST` needs an API key: `Authorization: Bearer earshot_...`, made by `earshot key create NAME --scope analyze`.

What only shows (`GET /v1/...`, the page) is open on the machine itself, and needs a key with the scope `read` from
elsewhere. `/healthz`, `/readyz` and this page are open; so is `/metrics`, but not through a proxy. Errors are
`application/problem+json` (RFC 9457).
"""


@dataclass(frozen=True, slots=True)
class Api:
    """What the REST interface works with."""

    ring: KeyRing
    batcher: Batcher[Reading, str]
    publish: Publish
    taxonomy: Taxonomy
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    desk: Desk | None = None
    replies: Replies | None = None


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
    app.add_middleware(Edge)
    tell_problems(app)
    app.include_router(analyze_routes(guard, api.batcher))
    app.include_router(events_routes(guard, api.publish))
    app.include_router(hooks_routes(api.hooks, api.publish))
    app.include_router(taxonomy_routes(guard, api.taxonomy))
    app.include_router(state_routes(guard, store))

    @app.get("/", include_in_schema=False, dependencies=[Depends(guard.reads())])
    async def queue() -> Response:
        return HTMLResponse(page(await store.totals(), await store.list_tickets(limit=SHOWN)))

    @app.get("/alerts", include_in_schema=False, dependencies=[Depends(guard.reads())])
    async def alerts() -> Response:
        return HTMLResponse(alerts_page(await store.list_alerts(limit=SHOWN)))

    @app.get("/tickets/{ticket_id:path}", include_in_schema=False, dependencies=[Depends(guard.reads())])
    async def ticket(ticket_id: str) -> Response:
        try:
            return HTMLResponse(await _ticket(api, ticket_id))
        except NoTicket:
            told = "there is no such ticket; where its message was deleted, it was withdrawn"
            raise refusal(404, told) from None

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return JSONResponse(described(app))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(docs_page(described(app)))

    return app


async def _ticket(api: Api, ticket_id: str) -> str:
    if api.desk is None or api.replies is None:
        raise NoTicket
    row = await api.desk.ticket(ticket_id)
    said, done = await api.desk.conversation(ticket_id), await api.desk.history(ticket_id)
    return ticket_page(row, said, done, await api.replies.newest(ticket=ticket_id))
