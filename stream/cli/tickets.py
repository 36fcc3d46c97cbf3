"""`earshot tickets`: the queue on a terminal."""

from __future__ import annotations

import getpass
import json
import sys
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from stream.cli import show
from stream.cli.on_store import run_on_store
from stream.cli.options import By, JsonLines
from stream.errors import UserError


class Level(StrEnum):
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


def add_to(app: typer.Typer) -> None:
    app.command()(tickets)


def tickets(
    brand: Annotated[str | None, typer.Option(help="Only this brand's.")] = None,
    level: Annotated[Level | None, typer.Option(help="Only of this level.")] = None,
    state: Annotated[
        str | None,
        typer.Option(
            help="new, open, waiting, snoozed; settled: closed by the customer's last word."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    as_json: JsonLines = False,
    reopen: Annotated[
        str | None, typer.Option("--reopen", help="Put this ticket back: it is not settled.")
    ] = None,
    by: By = None,
) -> None:
    """The queue: who needs an answer most, and why."""
    if reopen is not None:
        _reopen(reopen, by or getpass.getuser())
        return
    from stream.bootstrap.stores import open_stores

    rows = run_on_store(
        "tickets",
        open_stores,
        lambda stores: stores.queries.list_tickets(
            brand=brand, level=level and level.value, state=state, limit=limit
        ),
    )
    if as_json:
        for row in rows:
            print(json.dumps(row, default=str, ensure_ascii=False))
    elif rows:
        show.tickets(Console(), rows)
    else:
        print("no tickets", file=sys.stderr)


def _reopen(ticket_id: str, actor: str) -> None:
    from stream.bootstrap.stores import open_desk
    from stream.desk.actions import Reopen
    from stream.desk.tickets import NoTicket

    try:
        row = run_on_store("tickets", open_desk, lambda desk: desk.act(ticket_id, Reopen(), actor))
    except NoTicket as error:
        raise UserError(f"{error}; see `earshot tickets --state settled`") from None
    print(f"{row['state']}: {row['level']}, priority {row['priority']}")
