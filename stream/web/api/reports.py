"""`/v1/reports`: how soon customers were answered and how it ended, as JSON or CSV."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, Field

from stream.reports.csv_file import csv_of
from stream.reports.reports import LONGEST, By
from stream.web.api.export import utc
from stream.web.auth.callers import Viewer
from stream.web.desk_services import Services
from stream.web.http.problems import documented, refusal

DEFAULT = timedelta(days=30)


class ReportRowOut(BaseModel):
    """Figures of one group; minutes are null where nothing of the kind happened."""

    group: str
    tickets: int
    answered: int
    first_answer_median: float | None = Field(description="minutes, by the messages' own time")
    first_answer_p90: float | None = Field(description="minutes; nine of ten were sooner")
    resolved: int
    resolution_median: float | None = Field(description="minutes until it was last resolved here")
    reopened: int
    promised: int = Field(description="tickets whose promise is decided")
    in_time: int = Field(description="of those, answered or resolved in time")
    rated: int = Field(description="answers that customers judged")
    good: int = Field(description="of those")


class ReportOut(BaseModel):
    """Tickets whose first message was written in this time."""

    by: By
    since: datetime
    until: datetime
    total: ReportRowOut
    rows: list[ReportRowOut]
    latest: datetime | None = Field(description="the first message of the newest ticket of all")


router = APIRouter(tags=["desk"])


@router.get(
    "/v1/reports",
    summary="First answers, resolution, promises, ratings",
    response_model=ReportOut,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
        **documented(401, 403, 422, 429, 503),
    },
)
async def report(
    desk: Services,
    caller: Viewer,
    by: By = "brand",
    brand: Annotated[str | None, Query(max_length=300)] = None,
    since: Annotated[AwareDatetime | None, Query(description="30 days ago, if left out")] = None,
    until: Annotated[AwareDatetime | None, Query(description="now, if left out")] = None,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response | ReportOut:
    """Of the brands that the caller may see. Two years at most."""
    until = utc(until) or datetime.now(UTC)
    try:
        since = utc(since) or until - DEFAULT
    except OverflowError:
        raise refusal(422, "query.until: no such moment") from None
    if not since < until:
        raise refusal(422, "query.since: a moment before `until`")
    if until - since > LONGEST:
        raise refusal(422, "query.since: two years before `until` at most")
    result = await desk.of(caller).reports.report(
        by, since, until, brand=brand, brands=caller.brands
    )
    if form == "json":
        return ReportOut.model_validate(result, from_attributes=True)
    name = f"earshot-report-{by}-{until:%Y%m%dT%H%M%SZ}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(csv_of(result), media_type="text/csv; charset=utf-8", headers=headers)
