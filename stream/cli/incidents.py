"""Commands around incidents: incident list, show, join, leave, answer."""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer
from rich.console import Console

from stream.observe.logs import set_up_logs
from stream.settings import read_settings

Id = Annotated[str, typer.Argument(help="The id that `incident list` prints.")]
Ticket = Annotated[str, typer.Argument(help="The ticket's id.")]
Who = Annotated[str | None, typer.Option("--by", help="Your name; that of your login otherwise.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]

incident = typer.Typer(
    no_args_is_help=True, help="Many tickets, one problem: list, show, join, leave, answer."
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(incident, name="incident")


@incident.command("list")
def incident_list(
    brand: Annotated[str | None, typer.Option(help="Only this brand's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Incidents with their live count of tickets, the latest first."""
    from stream.cli.show import plain

    async def read(incidents: Any) -> Any:
        return await incidents.list_incidents(brand=brand, limit=limit)

    found = _with_incidents(read)
    for row in found:
        if as_json:
            print(json.dumps(row, default=str, ensure_ascii=False))
            continue
        count = f"{row['tickets']} tickets, {row['open']} open, {row['p1']} P1"
        state = f"over since {row['ended_at']:%H:%M}" if row["ended_at"] else "goes on"
        when = f"{row['started_at']:%Y-%m-%d %H:%M}Z"
        Console().print(
            plain(
                f"{when}  {row['brand']}: {row['title']}  ({count}; severity {row['severity']}, {state})"
            )
        )
        Console().print(plain(f"      {row['id']}"), style="dim")
    if not found:
        print("no incidents", file=sys.stderr)


@incident.command("show")
def incident_show(id: Id, as_json: AsJson = False) -> None:
    """One incident with its tickets, also those that left, and who put them in or out."""
    from stream.cli.show import plain

    async def read(incidents: Any) -> Any:
        return await incidents.show_incident(id)

    found = _with_incidents(read)
    if as_json:
        print(json.dumps(found, default=str, ensure_ascii=False))
        return
    console = Console()
    console.print(
        plain(f"{found['brand']}: {found['title']}, {found['tickets']} tickets"), style="bold"
    )
    for row in found["members"]:
        like = f" {row['likeness']:.2f}" if row["likeness"] is not None else ""
        console.print(
            plain(
                f"  {row['level'] or '–':<3} {row['state']}{like} by {row['who']}  {row['ticket_id']}"
            )
        )
        if row["excerpt"]:
            console.print(plain(f"      {row['excerpt']}", 160), style="dim")


@incident.command("join")
def incident_join(id: Id, ticket: Ticket, by: Who = None) -> None:
    """Put a ticket in; it leaves the incident that it was in. `leave` takes it back."""

    async def write(incidents: Any) -> None:
        await incidents.join(id, ticket, by or getpass.getuser())

    _with_incidents(write)
    print(f"{ticket} belongs to {id}")


@incident.command("leave")
def incident_leave(id: Id, ticket: Ticket, by: Who = None) -> None:
    """Take a ticket out; earshot will not put it into another one. `join` takes it back."""

    async def write(incidents: Any) -> None:
        await incidents.leave(id, ticket, by or getpass.getuser())

    _with_incidents(write)
    print(f"{ticket} has left {id}")


@incident.command("answer")
def incident_answer(
    id: Id,
    say: Annotated[
        str | None, typer.Option(help="What everybody is told to the matter, in your words.")
    ] = None,
) -> None:
    """Draft the same answer for each of its tickets that waits for one, each worded differently.
    Nothing is sent.

    --say "A cable is cut in Mainz; your line is back by 6 pm." puts your words between openings and
    ends that differ.
    Every draft is approved by itself: `earshot reply list`, `earshot reply approve`.
    """
    from stream.bootstrap.loading import load_replier
    from stream.incidents.answers import answer
    from stream.replies.store import Replies

    async def write(incidents: Any) -> Any:
        members = (await incidents.show_incident(id))["members"]
        tickets = [
            row["ticket_id"] for row in members if row["state"] == "joined" and row["excerpt"]
        ]
        replier = await asyncio.to_thread(load_replier, read_settings())
        return await answer(
            tickets,
            Replies(incidents.engine),
            lambda asked, lately: replier(asked, recent=lately),
            say=say,
        )

    told = _with_incidents(write)
    for ticket, number in told.drafted.items():
        print(f"{ticket}: reply {number} waits for approval")
    if told.waiting:
        print(f"{len(told.waiting)} tickets have a draft or an answer already", file=sys.stderr)
    for ticket in told.alike:
        print(
            f"{ticket}: nothing that others were not told already; write to it yourself",
            file=sys.stderr,
        )


def _with_incidents(work: Callable[[Any], Awaitable[Any]]) -> Any:
    from stream.bootstrap.parts import ensure_migrated, parts
    from stream.incidents.store import Incidents

    settings = read_settings()
    set_up_logs(settings, quiet=True)

    async def run() -> Any:
        async with parts(settings, "incident", broker=False) as found:
            await ensure_migrated(found)
            async with found.engine() as engine:
                return await work(Incidents(engine))

    return asyncio.run(run())
