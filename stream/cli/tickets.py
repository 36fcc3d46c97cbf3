"""`earshot tickets`: the queue on a terminal."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from rich.console import Console

from stream.cli import show
from stream.cli.on_store import run_on_store
from stream.cli.options import By, JsonLines, brand_choice, choice
from stream.cli.records import print_json
from stream.errors import UserError

if TYPE_CHECKING:
    from stream.store.listing import Listing


def add_to(app: typer.Typer) -> None:
    app.command()(tickets)


def tickets(
    brand: Annotated[str | None, typer.Option(help="Only this brand's.")] = None,
    level: Annotated[str | None, typer.Option(help="P1, P2, P3 or P4.")] = None,
    state: Annotated[
        str | None,
        typer.Option(
            help="new, open, waiting, snoozed or resolved; settled: by the customer's last word."
        ),
    ] = None,
    unread: Annotated[
        bool, typer.Option("--unread", help="Only those in a language that no model reads.")
    ] = False,
    search: Annotated[
        str | None,
        typer.Option(
            "--search",
            help="Words in any order, a phrase, an author, an id, is:late brand:volt since:7d ...; "
            "over tickets in all states.",
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
    from stream.bootstrap.stores import open_listing
    from stream.records import Level, State

    chosen_level = choice("--level", level, get_args(Level))
    chosen_state = choice("--state", state, get_args(State))

    async def read(listing: Listing) -> list[dict[str, Any]]:
        chosen_brand = await brand_choice(brand, listing)
        return await listing.tickets(
            brand=chosen_brand, level=chosen_level, state=chosen_state, unread=unread, limit=limit
        )

    if search is not None:
        rows = _search(
            search, (brand, chosen_level, chosen_state), unread, limit, by or getpass.getuser()
        )
    else:
        rows = run_on_store("tickets", open_listing, read)
    if as_json:
        print_json(rows)
    elif rows:
        show.tickets(Console(), rows)
    else:
        print("no tickets", file=sys.stderr)


def _search(
    line: str, choices: tuple[str | None, ...], unread: bool, limit: int, me: str
) -> list[dict[str, Any]]:
    from stream.bootstrap.stores import open_queue
    from stream.desk.filters import Filter
    from stream.desk.queue import MAX_ROWS, QueueReader

    brand, level, state = choices
    filter = Filter(brand=brand, level=level, state=state, text=line, unread=unread, me=me)
    if not filter.searches:
        raise UserError("--search: type what to look for")

    async def read(queue: QueueReader) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        cursor = None
        while len(rows) < limit:
            size = min(MAX_ROWS, limit - len(rows))
            page, cursor = await queue.page(filter, cursor=cursor, limit=size)
            rows += page
            if cursor is None:
                break
        return rows

    return run_on_store("tickets", open_queue, read)


def _reopen(ticket_id: str, actor: str) -> None:
    from stream.bootstrap.stores import open_desk
    from stream.desk.actions import Reopen
    from stream.desk.tickets import NoTicket

    try:
        row = run_on_store("tickets", open_desk, lambda desk: desk.act(ticket_id, Reopen(), actor))
    except NoTicket as error:
        raise UserError(f"{error}; see `earshot tickets --state settled`") from None
    print(f"{row['state']}: {row['level']}, priority {row['priority']}")
