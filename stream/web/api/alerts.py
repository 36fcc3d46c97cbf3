"""`/v1/alerts`: lists alerts, acknowledges and snoozes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AwareDatetime, BaseModel, Field

from stream.desk.alert_filter import AlertFilter, AlertSort
from stream.records import AlertKind, AlertRecord
from stream.web.api.records import AlertOut, AlertsOut
from stream.web.api.ticket_changes import NEXT_WEEK, Sent, example
from stream.web.auth.callers import Agent, Caller, Viewer
from stream.web.desk_services import DeskServices, Services
from stream.web.http.problems import documented, refusal

LONGEST_SNOOZE = timedelta(days=366)

AlertId = Annotated[
    str,
    Path(max_length=600, description="of the alert, as it is in the list", examples=["p1:x:1:1"]),
]

_READ = documented(401, 403, 404, 422, 429, 503)
_ACT = documented(400, 401, 403, 404, 413, 415, 422, 429, 503)


class AlertSnooze(Sent):
    """No message about it until then."""

    model_config = example({"until": NEXT_WEEK})

    until: AwareDatetime | None = Field(description="a year ahead at most; null: tell of it again")


router = APIRouter(prefix="/v1/alerts", tags=["desk"])


class AcknowledgedOut(BaseModel):
    """How many were open, and are seen now."""

    acknowledged: int


def filtered(
    kind: AlertKind | None = None,
    open: Annotated[bool, Query(description="only what nobody has acknowledged")] = False,
    brand: Annotated[str | None, Query(max_length=300)] = None,
    min_severity: Annotated[int, Query(ge=1, le=10)] = 1,
    words: Annotated[
        str, Query(max_length=200, description="in the ticket, the topics or what sets it apart")
    ] = "",
    since: Annotated[
        AwareDatetime | None, Query(description="stored at that moment or later")
    ] = None,
    until: Annotated[AwareDatetime | None, Query(description="and before then")] = None,
) -> AlertFilter:
    """A dependency: what is looked for."""
    return AlertFilter(
        brand=brand,
        kind=kind,
        min_severity=min_severity,
        since=_storable(since),
        until=_storable(until),
        words=words,
        unseen=open,
    )


Filtered = Annotated[AlertFilter, Depends(filtered)]


@router.get("", summary="Alerts, the newest first", responses=documented(401, 403, 422, 429, 503))
async def list_alerts(
    desk: Services,
    caller: Viewer,
    criteria: Filtered,
    sort: AlertSort = "newest",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=200_000, description="so many are left out")] = 0,
) -> AlertsOut:
    """Who is bound to brands sees theirs; what is of no brand, such as the spending, is of
    nobody's then.
    """
    listing = await desk.of(caller).alert_book.find(
        criteria, caller.brands, sort=sort, limit=limit, offset=offset
    )
    return AlertsOut(alerts=[_out(listed.alert) for listed in listing])


@router.post(
    "/acknowledge",
    summary="Say that somebody has seen all that match",
    responses=documented(401, 403, 422, 429, 503),
)
async def acknowledge_matching(
    desk: Services, caller: Agent, criteria: Filtered
) -> AcknowledgedOut:
    """Of those that are open: neither snoozed, nor over."""
    book = desk.of(caller).alert_book
    done = await book.acknowledge_matching(criteria, caller.name, caller.brands)
    return AcknowledgedOut(acknowledged=done)


@router.get("/{alert_id:path}", summary="One alert", responses=_READ)
async def alert(alert_id: AlertId, desk: Services, caller: Viewer) -> AlertOut:
    return _out(await _visible(desk.of(caller), alert_id, caller))


@router.post(
    "/{alert_id:path}/acknowledge", summary="Say that somebody has seen it", responses=_ACT
)
async def acknowledge(alert_id: AlertId, desk: Services, caller: Agent) -> AlertOut:
    """The first to say so stays the one who did."""
    services = desk.of(caller)
    await _visible(services, alert_id, caller)
    return _existing(await services.alerts.acknowledge(alert_id, caller.name))


@router.post("/{alert_id:path}/snooze", summary="No message about it for a while", responses=_ACT)
async def snooze(
    alert_id: AlertId, payload: AlertSnooze, desk: Services, caller: Agent
) -> AlertOut:
    """Nor about others of its brand and topic, or of its ticket."""
    services = desk.of(caller)
    await _visible(services, alert_id, caller)
    now = datetime.now(UTC)
    if payload.until is not None and not now < payload.until < now + LONGEST_SNOOZE:
        raise refusal(422, "body.until: a moment that is still to come, a year ahead at most")
    return _existing(await services.alerts.snooze(alert_id, caller.name, payload.until))


def _storable(moment: datetime | None) -> datetime | None:
    """In UTC. Raises a 422 for one that lies outside of every calendar then."""
    try:
        return moment and moment.astimezone(UTC)
    except OverflowError:
        raise refusal(422, "query.since: no such moment") from None


async def _visible(services: DeskServices, alert_id: str, caller: Caller) -> AlertRecord:
    alert = await services.alerts.show_alert(alert_id)
    if alert is None or not caller.sees(alert.brand):
        raise _none()
    return alert


def _existing(alert: AlertRecord | None) -> AlertOut:
    if alert is None:
        raise _none()
    return _out(alert)


def _none() -> Exception:
    return refusal(404, "there is no such alert")


def _out(record: AlertRecord) -> AlertOut:
    return AlertOut.model_validate(record, from_attributes=True)
