"""`earshot incident`: list, show, join, leave, answer."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from stream.cli.on_store import run_on_parts, run_on_store
from stream.cli.options import By, JsonLines, brand_choice
from stream.cli.plain import plain
from stream.cli.records import print_json
from stream.cli.show import hanging, incident_line

if TYPE_CHECKING:
    from stream.incidents.store import Incidents

T = TypeVar("T")

Id = Annotated[str, typer.Argument(help="The id that `incident list` prints.")]
Ticket = Annotated[str, typer.Argument(help="The ticket's id.")]

incident = typer.Typer(
    no_args_is_help=True, help="Many tickets, one problem: list, show, join, leave, answer."
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(incident, name="incident")


@incident.command("list")
def incident_list(
    brand: Annotated[str | None, typer.Option(help="Only this brand's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    as_json: JsonLines = False,
) -> None:
    """Incidents with their live count of tickets, the latest first."""
    from stream.store.queries import Queries

    async def read(incidents: Incidents) -> list[dict[str, Any]]:
        chosen_brand = await brand_choice(brand, Queries(incidents.engine))
        return await incidents.list_incidents(brand=chosen_brand, limit=limit)

    rows = _on_incidents(read)
    for row in rows:
        if as_json:
            print_json([row])
            continue
        hanging(Console(), "", incident_line(row), indent=2)
        hanging(Console(), "", Text(row["id"], style="dim"), indent=6)
    if not rows:
        print("no incidents", file=sys.stderr)


@incident.command("show")
def incident_show(id: Id, as_json: JsonLines = False) -> None:
    """One incident with its tickets, also those that left, and who put them in or out."""
    row = _on_incidents(lambda incidents: incidents.show_incident(id))
    if as_json:
        print_json([row])
        return
    console = Console()
    console.print(plain(f"{row['brand']}: {row['title']}, {row['tickets']} tickets"), style="bold")
    for member in row["members"]:
        likeness = "" if member["likeness"] is None else f" {member['likeness']:.2f}"
        state = f"{member['level'] or '–':<3} {member['state']}{likeness}"
        console.print(plain(f"  {state} by {member['who']}  {member['ticket_id']}"))
        if member["excerpt"]:
            console.print(plain(f"      {member['excerpt']}", 160), style="dim")


@incident.command("join")
def incident_join(id: Id, ticket: Ticket, by: By = None) -> None:
    """Put a ticket in; it leaves the incident that it was in. `leave` takes it back."""
    _on_incidents(lambda incidents: incidents.join(id, ticket, by or getpass.getuser()))
    print(f"{ticket} belongs to {id}")


@incident.command("leave")
def incident_leave(id: Id, ticket: Ticket, by: By = None) -> None:
    """Take a ticket out; earshot will not put it into another one. `join` takes it back."""
    _on_incidents(lambda incidents: incidents.leave(id, ticket, by or getpass.getuser()))
    print(f"{ticket} has left {id}")


@incident.command("answer")
def incident_answer(
    id: Id,
    say: Annotated[
        str | None, typer.Option(help="What everybody is told to the matter, in your words.")
    ] = None,
    by: By = None,
) -> None:
    """Draft the same answer for each of its tickets that waits for one, each worded differently.
    Nothing is sent.

    It takes the place of drafts that nobody has changed or approved; their words stay as
    candidates. What a person wrote, changed or approved stays as it is.

    --say "A cable is cut in Mainz; your line is back by 6 pm." puts your words between openings and
    ends that differ.
    Every draft is approved by itself: `earshot reply list`, `earshot reply approve`.
    """
    from stream.bootstrap.jobs import answer_incident

    actor = by or getpass.getuser()
    answered = run_on_parts(
        "incident", lambda running: answer_incident(running, id, say, actor), broker=False
    )
    for ticket, number in answered.drafted.items():
        print(f"{ticket}: reply {number} waits for approval")
    print(answered.summary(), file=sys.stderr)
    for ticket in answered.alike:
        print(
            f"{ticket}: nothing that others were not told already; write to it yourself",
            file=sys.stderr,
        )


def _on_incidents(work: Callable[[Incidents], Awaitable[T]]) -> T:
    from stream.bootstrap.stores import open_incidents

    return run_on_store("incident", open_incidents, work)
