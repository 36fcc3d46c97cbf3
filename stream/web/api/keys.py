"""`/v1/keys`: API keys of programs, made and revoked by admins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from stream.accounts.api_keys import ApiKeys, Key, Scope
from stream.accounts.audit import note
from stream.errors import UserError
from stream.web.api.ticket_changes import Sent, example
from stream.web.auth.callers import Admin, Caller
from stream.web.desk_services import Services
from stream.web.http.problems import documented, refusal


class KeyOut(BaseModel):
    """A key; of its token only how it begins."""

    name: str
    prefix: str
    scopes: list[str]
    user: str | None = Field(description="whom it acts for")
    created_at: datetime
    last_used_at: datetime | None


class KeysOut(BaseModel):
    """The keys in use, the oldest first."""

    keys: list[KeyOut]


class NewKey(Sent):
    """A key for a program."""

    model_config = example({"name": "warehouse", "scopes": ["read"]})

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4)]
    user: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(
        None, description="whom it acts for; null: nobody, an agent of all brands"
    )


class MadeKey(BaseModel):
    """token: shown this once."""

    name: str
    token: str


router = APIRouter(prefix="/v1/keys", tags=["settings"])


@router.get("", summary="The keys in use", responses=documented(401, 403, 429, 503))
async def list_keys(desk: Services, caller: Admin) -> KeysOut:
    _of_all_brands(caller)
    return KeysOut(keys=[_out(key) for key in await ApiKeys(desk.engine).list()])


@router.post(
    "",
    status_code=201,
    summary="Make a key",
    responses=documented(400, 401, 403, 409, 413, 415, 422, 429, 503),
)
async def create(payload: NewKey, desk: Services, caller: Admin) -> MadeKey:
    """The answer alone holds its token."""
    _of_all_brands(caller)
    name = payload.name.strip()
    if not name.isprintable():
        raise refusal(422, "body.name: printable characters")
    try:
        holder = await desk.people.find(payload.user) if payload.user else None
        token = await ApiKeys(desk.engine).create(name, payload.scopes, holder)
    except UserError as error:
        raise refusal(409, str(error)) from None
    await note(
        desk.engine,
        caller.name,
        "key create",
        name,
        scopes=sorted(payload.scopes),
        user=payload.user,
    )
    return MadeKey(name=name, token=token)


@router.delete(
    "/{prefix}",
    status_code=204,
    summary="Revoke a key",
    responses=documented(401, 403, 404, 422, 429, 503),
)
async def revoke(
    prefix: Annotated[str, Path(max_length=100, description="its name or how it begins")],
    desk: Services,
    caller: Admin,
) -> None:
    _of_all_brands(caller)
    try:
        key = await ApiKeys(desk.engine).revoke(prefix)
    except UserError:
        raise refusal(404, "there is no such key in use") from None
    await note(desk.engine, caller.name, "key revoke", key.name)


def _of_all_brands(caller: Caller) -> None:
    if caller.brands is not None:
        raise refusal(403, "keys are of all brands; who is bound to some cannot see them")


def _out(key: Key) -> KeyOut:
    return KeyOut(
        name=key.name,
        prefix=key.prefix,
        scopes=sorted(key.scopes),
        user=key.holder and key.holder.name,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
    )
