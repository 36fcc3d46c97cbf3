"""Commands for whoever runs earshot: rebuild."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from stream.observe.logs import set_up_logs
from stream.settings import read_settings

if TYPE_CHECKING:
    from stream.store.rebuild import Rebuilt


def add_to(app: typer.Typer) -> None:
    app.command()(rebuild)


def rebuild(
    publish: Annotated[
        bool,
        typer.Option(
            help="Tell the topic `tickets` every ticket as it is stored; without it, no Kafka is needed."
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
    from stream.bootstrap.parts import ensure_migrated, parts

    settings, console = read_settings(), Console(stderr=True)
    set_up_logs(settings, quiet=True)

    async def work() -> Rebuilt:
        async with parts(settings, "rebuild", broker=publish) as found:
            await ensure_migrated(found)
            with console.status("rebuilding") as status:
                return await rebuild_tickets(
                    found,
                    publish=publish,
                    batch=batch,
                    told=lambda done: status.update(_progress(done)),
                )

    done = asyncio.run(work())
    typer.echo(
        f"{_progress(done)}; {done.changed:,} were not what their events say, nor were {done.cells:,} of the counts"
    )


def _progress(done: Rebuilt) -> str:
    return f"{done.conversations:,} conversations, {done.tickets:,} tickets"
