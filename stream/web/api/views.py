"""`/v1/views`: saved and shared views of the queue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from stream.desk.saved_views import LONGEST_NAME, Keeper, NoView
from stream.desk.view_query import ViewQuery, query_from
from stream.errors import UserError
from stream.web.auth.callers import Caller, Viewer
from stream.web.desk_services import Services
from stream.web.http.problems import documented, refusal

Name = Annotated[
    str, Path(min_length=1, max_length=LONGEST_NAME, pattern=r"\S", examples=["late bags"])
]
_ACT = documented(400, 401, 403, 404, 413, 415, 422, 429, 503)

router = APIRouter(prefix="/v1/views", tags=["desk"])


class ViewIn(BaseModel):
    """What a view shows. query: what stands in the address of the queue."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"query": {"text": "is:late", "sort": "newest"}}]},
    )

    query: ViewQuery
    shared: bool = Field(False, description="with who sees its brand; takes the role lead")


class ViewOut(BaseModel):
    """One view."""

    name: str
    owner: str
    query: dict[str, str]
    shared: bool


class ViewsOut(BaseModel):
    """Yours, and the shared ones."""

    views: list[ViewOut]


@router.get(
    "", summary="Your saved views, and shared ones", responses=documented(401, 403, 429, 503)
)
async def list_views(desk: Services, caller: Viewer) -> ViewsOut:
    rows = await desk.of(caller).views.list(_keeper(caller))
    return ViewsOut(views=[ViewOut.model_validate(row) for row in rows])


@router.put("/{name}", summary="Keep a view", responses=_ACT)
async def put_view(name: Name, payload: ViewIn, desk: Services, caller: Viewer) -> ViewOut:
    """In place of your own of the same name."""
    if payload.shared and not caller.may("lead"):
        raise refusal(403, f"sharing a view takes the role lead; {caller.name} is {caller.role}")
    try:
        query = query_from(payload.query)
        await desk.of(caller).views.save(_keeper(caller), name.strip(), query, payload.shared)
    except UserError as error:
        raise refusal(422, f"body.query: {error}") from None
    return ViewOut(name=name.strip(), owner=caller.name, query=query, shared=payload.shared)


@router.delete("/{name}", summary="Delete a view of yours", responses=_ACT)
async def delete_view(name: Name, desk: Services, caller: Viewer) -> ViewsOut:
    """Answers with those that are left."""
    try:
        await desk.of(caller).views.drop(_keeper(caller), name.strip())
    except NoView as error:
        raise refusal(404, str(error)) from None
    return await list_views(desk, caller)


def _keeper(caller: Caller) -> Keeper:
    return Keeper(caller.name, caller.brands)
