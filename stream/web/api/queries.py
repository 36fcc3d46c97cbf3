"""`/v1/queries`: saved questions in SQL, shared. They are run on the page, by `earshot sql`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from stream.desk.saved_queries import LONGEST_NAME, Chart, SavedQueries
from stream.desk.sql_box import LONGEST
from stream.errors import UserError
from stream.web.api.ticket_changes import Sent, example
from stream.web.auth.callers import Agent, Viewer
from stream.web.desk_services import Services
from stream.web.http.problems import documented, refusal

Name = Annotated[str, Path(max_length=LONGEST_NAME)]


class QueryOut(BaseModel):
    """A saved question and the chart of its answer."""

    name: str
    statement: str
    chart: Chart
    created_by: str
    updated_at: datetime


class QueriesOut(BaseModel):
    """By name."""

    queries: list[QueryOut]


class QueryIn(Sent):
    """A question. Whoever runs it does so with their own rights."""

    model_config = example({"statement": "select brand, count(*) from tickets group by brand"})

    statement: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    chart: Chart = "table"


router = APIRouter(prefix="/v1/queries", tags=["desk"])


@router.get("", summary="Saved questions", responses=documented(401, 403, 429, 503))
async def list_queries(desk: Services, caller: Viewer) -> QueriesOut:
    queries = await SavedQueries(desk.engine).list(only_of=caller.only_own)
    return QueriesOut(queries=[QueryOut.model_validate(q, from_attributes=True) for q in queries])


@router.put(
    "/{name}",
    status_code=204,
    summary="Save a question, or change it",
    responses=documented(400, 401, 403, 409, 413, 415, 422, 429, 503),
)
async def put(name: Name, payload: QueryIn, desk: Services, caller: Agent) -> None:
    """What somebody else saved takes a lead."""
    try:
        await SavedQueries(desk.engine).put(
            name,
            payload.statement,
            payload.chart,
            caller.name,
            leads=caller.may("lead") and caller.brands is None,
        )
    except UserError as error:
        raise refusal(409, str(error)) from None


@router.delete(
    "/{name}",
    status_code=204,
    summary="Remove a saved question",
    responses=documented(401, 403, 404, 422, 429, 503),
)
async def remove(name: Name, desk: Services, caller: Agent) -> None:
    try:
        await SavedQueries(desk.engine).remove(
            name, caller.name, leads=caller.may("lead") and caller.brands is None
        )
    except UserError as error:
        raise refusal(404, str(error)) from None
