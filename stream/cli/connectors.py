"""`earshot connector`: ways in and out, and a test of one."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from stream.cli.options import JsonLines
from stream.cli.records import print_json
from stream.errors import UserError
from stream.observe.logs import set_up_logs
from stream.settings import Settings, read_settings

connector = typer.Typer(
    no_args_is_help=True, help="Ways in and out: which there are, and whether one works."
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(connector, name="connector")


@connector.command("list")
def connector_list(as_json: JsonLines = False) -> None:
    """Every way in, every way to answer, and your sinks of alerts."""
    from connectors.catalog import SINKS, inputs, outputs
    from stream.alerts.routing import read_routes

    settings = read_settings()
    routes = read_routes(settings.alerts, os.environ) if settings.alerts else []
    if as_json:
        ways = (("in", inputs()), ("answers", outputs()), ("alerts", sorted(SINKS)))
        print_json({"way": way, "name": name} for way, names in ways for name in names)
        print_json(
            {
                "way": "sink",
                "name": route.name,
                "type": route.type,
                "kinds": list(route.kinds),
                "brands": list(route.brands) or None,
                "min_severity": route.min_severity,
            }
            for route in routes
        )
        return
    print(f"in        {', '.join(inputs())}")
    print(f"answers   {', '.join(outputs())}")
    print(f"alerts    {', '.join(sorted(SINKS))}")
    for route in routes:
        about = ", ".join(route.brands) or "every brand"
        kinds = " and ".join(route.kinds)
        print(f"  {route.name}: {route.type}, {kinds}, {about}, severity {route.min_severity}+")


@connector.command("test")
def connector_test(name: Annotated[str, typer.Argument(help="A sink of EARSHOT_ALERTS.")]) -> None:
    """Send a test message through a sink, and print what the other side said."""
    settings = read_settings()
    set_up_logs(settings, quiet=True)
    print(f"{name}: {asyncio.run(_try(settings, name))}")


async def _try(settings: Settings, name: str) -> str:
    from connectors.notices import trial
    from stream.alerts.routing import read_routes

    if settings.alerts is None:
        raise UserError("EARSHOT_ALERTS names no file of sinks; see deploy/alerts.example.toml")
    routes = {route.name: route for route in read_routes(settings.alerts, os.environ)}
    if name not in routes:
        raise UserError(
            f"{settings.alerts} has no sink {name}; it has {', '.join(routes) or 'none'}"
        )
    sink = routes[name].open(allow_private=settings.allow_private_addresses)
    try:
        return await sink.send(trial(name, datetime.now(UTC), settings.base_url))
    finally:
        await sink.close()
