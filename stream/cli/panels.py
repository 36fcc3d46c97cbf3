"""Panels of the help: the commands by what one wants to do."""

from __future__ import annotations

import typer

PANELS: dict[str, tuple[str, ...]] = {
    "Run": ("demo", "up", "worker", "web", "ingest", "replay"),
    "Look": ("tickets", "sql", "analyze", "alert", "incident", "explore"),
    "Act": ("ticket", "reply", "outbox", "forget"),
    "Teach": ("train", "evaluate", "compare", "report", "export", "model"),
    "Operate": ("connector", "user", "key", "dead", "migrate", "rebuild", "bench"),
}


def name_of(command: typer.models.CommandInfo | typer.models.TyperInfo) -> str:
    """As it is typed."""
    if isinstance(command, typer.models.CommandInfo):
        name = str(command.name or getattr(command.callback, "__name__", ""))
        return name.replace("_", "-")
    return str(command.name or "")


def group_help(app: typer.Typer) -> None:
    """Sort the commands into their panels, the panels into their order."""
    panel_of = {name: panel for panel, names in PANELS.items() for name in names}
    order = list(panel_of)

    def place(command: typer.models.CommandInfo | typer.models.TyperInfo) -> int:
        return order.index(name_of(command))

    for commands in (app.registered_commands, app.registered_groups):
        for command in commands:
            command.rich_help_panel = panel_of[name_of(command)]
        commands.sort(key=place)
