"""`earshot key`: keys of the REST interface."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from stream.cli.on_store import run_on_parts, run_on_store
from stream.cli.options import JsonLines
from stream.cli.records import print_json

# Only for types: the database's library takes a third of the time of `earshot --help`.
if TYPE_CHECKING:
    from stream.accounts.api_keys import ApiKeys, Key

T = TypeVar("T")

group = typer.Typer(no_args_is_help=True, help="Keys of the REST interface: create, list, revoke.")


class ScopeName(StrEnum):
    analyze = "analyze"
    events = "events"
    read = "read"
    desk = "desk"


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="key")


@group.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    scope: Annotated[
        list[ScopeName],
        typer.Option(
            help="analyze: POST /v1/analyze; events: POST /v1/events; read: what GET"
            " shows; desk: what agents do."
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
    from stream.bootstrap.jobs import create_key

    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise typer.BadParameter("a name is 1 to 100 printable characters")

    token = run_on_parts(
        "key",
        lambda running: create_key(running, name.strip(), [part.value for part in scope], user),
        broker=False,
    )
    print(token)
    if sys.stdout.isatty():
        print("Keep it now: it cannot be shown again.", file=sys.stderr)


@group.command("list")
def show(
    revoked: Annotated[
        bool, typer.Option("--revoked", help="Also those that open nothing any more.")
    ] = False,
    as_json: JsonLines = False,
) -> None:
    """Which keys there are: their beginnings, what they open, and when they were last used."""
    keys = _on_keys(lambda stored: stored.list(revoked=revoked))
    if as_json:
        print_json(map(_as_json, keys))
    elif keys:
        Console().print(_table(keys))
    else:
        print("no keys; `earshot key create NAME --scope analyze` makes one", file=sys.stderr)


@group.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="Its name, or its beginning as `key list` shows it.")],
) -> None:
    """End a key. A server that runs forgets it within five seconds."""
    key = _on_keys(lambda stored: stored.revoke(name))
    print(f"{key.name} ({key.prefix}...) opens nothing any more")


def _on_keys(work: Callable[[ApiKeys], Awaitable[T]]) -> T:
    from stream.bootstrap.stores import open_api_keys

    return run_on_store("key", open_api_keys, work)


def _table(keys: list[Key]) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("key", "name", "user", "scopes", "created", "last used", "revoked"):
        table.add_column(column, no_wrap=column == "key")
    for key in keys:
        table.add_row(
            f"{key.prefix}...",
            key.name,
            key.holder.name if key.holder else "",
            ", ".join(sorted(key.scopes)),
            _moment(key.created_at),
            _moment(key.last_used_at),
            _moment(key.revoked_at),
        )
    return table


def _as_json(key: Key) -> dict[str, object]:
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
