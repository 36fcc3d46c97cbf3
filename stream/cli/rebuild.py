"""`earshot rebuild`: every ticket folded anew from the stored events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from stream.cli.on_store import run_on_parts
from stream.cli.plain import quantity

if TYPE_CHECKING:
    from stream.bootstrap.parts import Parts
    from stream.store.rebuild import Rebuilt


def add_to(app: typer.Typer) -> None:
    app.command()(rebuild)


def rebuild(
    publish: Annotated[
        bool,
        typer.Option(
            help="Tell the topic `tickets` every ticket as it is stored; without it, no"
            " Kafka is needed."
        ),
    ] = True,
    batch: Annotated[
        int, typer.Option(min=1, max=10_000, help="Conversations in one transaction.")
    ] = 500,
) -> None:
    """Fold every ticket anew from the stored events: after a loss, or when the rules of triage
    changed.

    What people set stays, and no alert is raised. Workers may run meanwhile; stopped, it goes on
    where it stopped.
    """
    from stream.bootstrap.jobs import rebuild_tickets

    console = Console(stderr=True)

    async def work(running: Parts) -> Rebuilt:
        with console.status("rebuilding") as status:
            return await rebuild_tickets(
                running,
                publish=publish,
                batch=batch,
                on_progress=lambda done: status.update(_progress(done)),
            )

    done = run_on_parts("rebuild", work, broker=publish)
    typer.echo(
        f"{_progress(done)}; {done.changed:,} were not what their events say,"
        f" nor were {done.cells:,} of the counts"
    )


def _progress(done: Rebuilt) -> str:
    return f"{quantity(done.conversations, 'conversation')}, {quantity(done.tickets, 'ticket')}"
