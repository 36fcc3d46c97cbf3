"""Routes of an application, each built once."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI


def add_routes(app: FastAPI, *routers: APIRouter) -> None:
    """The routes of the routers, as they are, after those of the application.

    `include_router` builds each of them a second time for the application, at the first request
    that comes by: most of what a start and a first page took. That is needed where an inclusion
    adds something of its own (a prefix, dependencies); ours add nothing.
    """
    for router in routers:
        app.router.routes.extend(router.routes)
