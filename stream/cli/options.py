"""Options that several commands share, and the settings with them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from stream.errors import UserError
from stream.settings import Settings, read_settings

ShippedModel = Annotated[
    Path | None, typer.Option("--model", help="Directory of a model; the shipped one otherwise.")
]
CurrentModel = Annotated[
    Path | None, typer.Option("--model", help="Directory of a model; the one in use otherwise.")
]
ReplierModel = Annotated[
    Path | None, typer.Option("--model", help="Directory of a replier; the shipped one else.")
]
Rate = Annotated[
    float | None, typer.Option("--rate", min=0.1, help="At most so many events a second.")
]
JsonLines = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
By = Annotated[str | None, typer.Option("--by", help="Your name; that of your login otherwise.")]


def settings_with(**options: Path | None) -> Settings:
    """The settings, with an option's value where it has one."""
    set_options = {name: value for name, value in options.items() if value is not None}
    return read_settings().model_copy(update=set_options)


def require(packages: Iterable[str], purpose: str) -> None:
    """Raises UserError naming the missing packages that the train extra brings."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"{purpose} needs more packages ({', '.join(missing)}): pip install 'earshot[train]'"
        )
