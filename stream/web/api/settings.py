"""`/v1/settings`: what admins set, where each value comes from, its history and the way back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from stream.controls.records import (
    LONGEST_SUBJECT,
    ControlChange,
    ControlError,
    ControlName,
    Setting,
)
from stream.controls.store import NoChange, Stale
from stream.errors import UserError
from stream.web.api.etags import Match, version_of, version_tag
from stream.web.api.ticket_changes import Sent, example
from stream.web.auth.callers import Admin, Agent, Caller
from stream.web.desk_services import Services
from stream.web.http.problems import documented, refusal

_READ = documented(401, 403, 422, 429, 503)
_ACT = documented(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)

Of = Annotated[
    str,
    Query(max_length=LONGEST_SUBJECT, description="the brand or the sink; empty: for all brands"),
]


class VariableOut(BaseModel):
    """A variable of the environment; secrets are told by whether they are set."""

    name: str
    value: str
    is_set: bool
    about: str


class SettingsOut(BaseModel):
    """Every setting as it stands. source: console, file, or earshot's own."""

    settings: list[Setting]
    environment: list[VariableOut]


class SettingIn(Sent):
    """A value in full, and the secrets that are new."""

    model_config = example({"value": {"P1": 10, "P2": 45, "P3": 240, "P4": 1440}})

    value: dict[str, Any] = Field(description="the whole value; it takes the place of the old one")
    secrets: dict[str, Annotated[str, Field(max_length=4_000)]] = Field(
        default_factory=dict, description="written only: no answer ever shows them"
    )


class ChangesOut(BaseModel):
    """The history, the latest first."""

    changes: list[ControlChange]


class TriedOut(BaseModel):
    """What the other side said to a test message."""

    answer: str


class Attends(Sent):
    """Whether the caller takes tickets now."""

    model_config = example({"away": False})

    away: bool


router = APIRouter(prefix="/v1/settings", tags=["settings"])


@router.get("", summary="Every setting, and where it comes from", responses=_READ)
async def list_settings(desk: Services, caller: Admin) -> SettingsOut:
    _of_all_brands(caller)
    controls = desk.controls
    return SettingsOut(
        settings=await controls.settings(),
        environment=[
            VariableOut(name=v.name, value=v.value, is_set=v.is_set, about=v.about)
            for v in controls.defaults.variables
        ],
    )


@router.get("/changes", summary="Who changed what, the latest first", responses=_READ)
async def list_changes(
    desk: Services,
    caller: Admin,
    before: Annotated[
        int | None, Query(ge=1, lt=2**63, description="only what came before this entry")
    ] = None,
) -> ChangesOut:
    _of_all_brands(caller)
    return ChangesOut(changes=await desk.controls.history(before=before))


@router.post("/changes/{id}/undo", summary="Set what stood before this change", responses=_ACT)
async def undo(
    id: Annotated[int, Path(ge=1, lt=2**63)], desk: Services, caller: Admin
) -> SettingsOut:
    """Whatever was set since then; that is a change of its own in the history."""
    _of_all_brands(caller)
    try:
        await desk.controls.go_back(id, caller.name)
    except NoChange as error:
        raise refusal(404, str(error)) from None
    except UserError as error:
        raise refusal(409, str(error)) from None
    return await list_settings(desk, caller)


@router.post("/sink/{name}/test", summary="Send a test message", responses=_ACT)
async def try_sink(
    name: Annotated[str, Path(max_length=40)], desk: Services, caller: Admin
) -> TriedOut:
    """To a sink of alerts. A 409 says what went wrong."""
    _of_all_brands(caller)
    try:
        return TriedOut(answer=await desk.controls.try_sink(name))
    except UserError as error:
        raise refusal(409, str(error)) from None


@router.put("/{name}", summary="Set it", responses=_ACT)
async def put(
    name: ControlName,
    payload: SettingIn,
    desk: Services,
    caller: Admin,
    response: Response,
    of: Of = "",
    if_match: Match = None,
) -> Setting:
    """Workers take it within seconds. With `If-Match` it is set only where nobody changed it
    meanwhile: the `version` as an ETag.
    """
    _of_all_brands(caller)
    try:
        setting = await desk.controls.put(
            name,
            of,
            payload.value,
            caller.name,
            secrets=payload.secrets,
            seen=version_of(if_match),
        )
    except Stale as error:
        raise refusal(409, str(error)) from None
    except UserError as error:
        raise refusal(422, f"body.value: {error}") from None
    response.headers["ETag"] = version_tag(setting.version)
    return setting


@router.delete("/{name}", status_code=204, summary="Back to its default", responses=_ACT)
async def reset(
    name: ControlName, desk: Services, caller: Admin, of: Of = "", if_match: Match = None
) -> None:
    """What the file says, or earshot itself; a brand or a sink of the console alone is gone."""
    _of_all_brands(caller)
    try:
        await desk.controls.reset(name, of, caller.name, seen=version_of(if_match))
    except (Stale, ControlError) as error:
        raise refusal(409, str(error)) from None


attendance = APIRouter(tags=["settings"])


@attendance.put(
    "/v1/attendance",
    status_code=204,
    summary="Take tickets now, or not",
    responses=documented(400, 401, 403, 413, 415, 422, 429, 503),
)
async def attend(payload: Attends, desk: Services, caller: Agent) -> None:
    """The rules of assignment give tickets to who has the console open and is not away."""
    await desk.attendance.set_away(caller.name, payload.away)


def _of_all_brands(caller: Caller) -> None:
    if caller.brands is not None:
        raise refusal(403, "settings are of all brands; who is bound to some cannot see them")
