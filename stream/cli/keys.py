"""Commands of API keys: key create, list, revoke."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from stream.observe.logs import set_up_logs
from stream.settings import read_settings

if (
    TYPE_CHECKING
):  # the database's library takes a third of the time in which `earshot --help` is there
    from sqlalchemy.ext.asyncio import AsyncEngine

    from stream.accounts.api_keys import ApiKeys, Key

T = TypeVar("T")

keys = typer.Typer(no_args_is_help=True, help="Keys of the REST interface: create, list, revoke.")


class Scope(StrEnum):
    analyze = "analyze"
    events = "events"
    read = "read"
    desk = "desk"


def add_to(app: typer.Typer) -> None:
    app.add_typer(keys, name="key")


@keys.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    scope: Annotated[
        list[Scope],
        typer.Option(
            help="analyze: POST /v1/analyze; events: POST /v1/events; read: what GET shows; desk: what agents do."
        ),
    ],
    user: Annotated[
        str | None,
        typer.Option(
            help="It acts in this user's name, with their role and brands; else as an agent's."
        ),
    ] = None,
) -> None:
    """Make a key and print it, this once: only its digest is kept.

    Send it as `Authorization: Bearer KEY`.
    """
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise typer.BadParameter("a name is 1 to 100 printable characters")

    async def make(engine: AsyncEngine) -> str:
        from stream.accounts.api_keys import ApiKeys
        from stream.accounts.users import People

        holder = None if user is None else await People(engine).find(user)
        return await ApiKeys(engine).create(name.strip(), [each.value for each in scope], holder)

    token = asyncio.run(_with_engine(make))
    print(token)
    if sys.stdout.isatty():
        print("Keep it now: it cannot be shown again.", file=sys.stderr)


@keys.command("list")
def show(
    revoked: Annotated[
        bool, typer.Option("--revoked", help="Also those that open nothing any more.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Which keys there are: their beginnings, what they open, and when they were last used."""
    found = asyncio.run(_with_keys(lambda known: known.list(revoked=revoked)))
    if as_json:
        for key in found:
            print(json.dumps(_told(key)))
    elif found:
        Console().print(_table(found))
    else:
        print("no keys; `earshot key create NAME --scope analyze` makes one", file=sys.stderr)


@keys.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="Its name, or its beginning as `key list` shows it.")],
) -> None:
    """End a key. A server that runs forgets it within five seconds."""
    key = asyncio.run(_with_keys(lambda known: known.revoke(name)))
    print(f"{key.name} ({key.prefix}...) opens nothing any more")


async def _with_keys(ask: Callable[[ApiKeys], Awaitable[T]]) -> T:
    from stream.accounts.api_keys import ApiKeys

    return await _with_engine(lambda engine: ask(ApiKeys(engine)))


async def _with_engine(ask: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    from stream.bootstrap.parts import ensure_migrated, parts
    from stream.postgres.database import open_engine

    settings = read_settings()
    set_up_logs(settings, quiet=True)
    async with parts(settings, "key", broker=False) as found:
        await ensure_migrated(found)
        engine = open_engine(found.database_url, pool_size=1)
        try:
            return await ask(engine)
        finally:
            await engine.dispose()


def _table(found: list[Key]) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("key", "name", "user", "scopes", "created", "last used", "revoked"):
        table.add_column(column, no_wrap=column == "key")
    for key in found:
        table.add_row(
            f"{key.prefix}...",
            key.name,
            key.holder.name if key.holder else "",
            ", ".join(sorted(key.scopes)),
            *(_moment(each) for each in (key.created_at, key.last_used_at, key.revoked_at)),
        )
    return table


def _told(key: Key) -> dict[str, object]:
    moments = {
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "user": key.holder.name if key.holder else None,
        "scopes": sorted(key.scopes),
        **{name: moment and moment.isoformat() for name, moment in moments.items()},
    }


def _moment(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}Z"
