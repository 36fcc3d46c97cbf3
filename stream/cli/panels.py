"""Panels of the help: the commands by what one wants to do, each with the module that adds it."""

from __future__ import annotations

import typer

# A module is imported for its own commands alone, and all of them for the help.
PANELS: dict[str, dict[str, str]] = {
    "Run": dict.fromkeys(("demo", "up", "worker", "web", "ingest", "replay"), "run"),
    "Look": {
        "tickets": "tickets",
        "sql": "sql",
        "analyze": "analyze",
        "alert": "alerts",
        "incident": "incidents",
        "explore": "explore",
    },
    "Act": {"ticket": "ticket", "reply": "reply", "outbox": "outbox", "forget": "people"},
    "Teach": {
        "train": "train",
        "evaluate": "evaluate",
        "compare": "compare",
        "report": "lab",
        "export": "compare",
        "model": "registry",
    },
    "Operate": {
        "init": "init",
        "connector": "connectors",
        "user": "people",
        "key": "keys",
        "dead": "dead",
        "doctor": "doctor",
        "migrate": "run",
        "rebuild": "rebuild",
        "bench": "bench",
    },
}
MODULE_OF = {name: module for modules in PANELS.values() for name, module in modules.items()}


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
