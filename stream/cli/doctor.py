"""`earshot doctor`: one line for each thing that earshot needs, and what to do where it is not."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

import typer
from rich.console import Console
from rich.text import Text

from stream.cli.options import JsonLines
from stream.cli.plain import plain
from stream.cli.records import print_json
from stream.cli.show import hanging
from stream.observe.logs import set_up_logs
from stream.settings import read_settings


def add_to(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(as_json: JsonLines = False) -> None:
    """Check versions, disk, ports, broker, database, model, brands and alerts: a line each, with
    what to do.

    Exit code 1: something is not as it should be.
    """
    from stream.bootstrap.checks import checks

    settings = read_settings()
    set_up_logs(settings, quiet=True)
    results = asyncio.run(checks(settings))
    if as_json:
        print_json(map(asdict, results))
    else:
        console = Console()
        for check in results:
            mark = Text("ok  ", "green") if check.fine else Text("no  ", "bold red")
            hanging(console, mark, plain(f"{check.name}: {check.words}"))
    if not all(check.fine for check in results):
        raise typer.Exit(1)
