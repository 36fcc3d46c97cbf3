"""Options that several commands share, and the settings with them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol

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


class Backend(StrEnum):
    local = "local"
    llm = "llm"


ChosenBackend = Annotated[
    Backend | None,
    typer.Option(help="Who judges: local, or llm (EARSHOT_LLM_URL). EARSHOT_BACKEND otherwise."),
]
TrainingRecipe = Annotated[Path, typer.Argument(help="A recipe; see models/training/configs.")]
RunFolder = Annotated[
    Path | None, typer.Option("--out", help="Directory of the run; runs/NAME otherwise.")
]
PublicData = Annotated[
    Path | None,
    typer.Option("--data", help="Directory of the public data sets; EARSHOT_SHARED/data."),
]
Backends = Annotated[
    list[str],
    typer.Argument(
        metavar="BACKEND...",
        help="local, local:DIRECTORY, llm (EARSHOT_LLM_MODEL) or llm:MODEL; the address is"
        " EARSHOT_LLM_URL.",
    ),
]
JudgedRows = Annotated[
    Path | None,
    typer.Option("--out", help="CSV to write: every row, its label and the model's answer."),
]
FromCorrections = Annotated[
    bool,
    typer.Option("--from-corrections", help="Learn from what people corrected in the console."),
]
Rate = Annotated[
    float | None, typer.Option("--rate", min=0.1, help="At most so many events a second.")
]
JsonLines = Annotated[
    bool, typer.Option("--json", help="One JSON object a line, on a terminal, too.")
]
By = Annotated[str | None, typer.Option("--by", help="Your name; that of your login otherwise.")]


def settings_with(**options: Path | None) -> Settings:
    """The settings, with an option's value where it has one."""
    set_options = {name: value for name, value in options.items() if value is not None}
    return read_settings().model_copy(update=set_options)


def settings_of(model: Path | None, backend: Backend | None) -> Settings:
    """The settings, with the model and the backend of the command line where they are named."""
    settings = settings_with(model=model)
    return settings if backend is None else settings.model_copy(update={"backend": backend.value})


def backend_in(name: str) -> tuple[Backend, str]:
    """The backend that an argument of Backends names, and its directory or model, '' for none.

    Raises UserError.
    """
    kind, _, model = name.partition(":")
    try:
        return Backend(kind), model
    except ValueError:
        raise UserError(
            f"no backend {name!r}; use local, local:DIRECTORY, llm or llm:MODEL"
        ) from None


def say_fallback(backend: object) -> None:
    """Say on standard error what the local model judged alone, where it was not to."""
    from stream.bootstrap.llm import fallback_of

    if line := fallback_of(backend):
        print(f"earshot: {line}", file=sys.stderr)


def choice(option: str, typed: str | None, existing: Sequence[str]) -> str | None:
    """What exists under the typed name, in any case. Raises UserError that lists what exists."""
    if typed is None:
        return None
    for name in existing:
        if name.casefold() == typed.strip().casefold():
            return name
    there_is = f"there is {', '.join(existing)}" if existing else "there is none yet"
    raise UserError(f"{option} {typed}: there is no such {option.lstrip('-')}; {there_is}")


class Branded(Protocol):
    async def brands(self) -> list[str]: ...


async def brand_choice(typed: str | None, queries: Branded) -> str | None:
    """The brand that has tickets, or stands in EARSHOT_BRANDS, under its name or one of its
    handles. Raises UserError that lists what exists.
    """
    if typed is None:
        return None
    from stream.bootstrap.loading import load_brands

    listed = load_brands(read_settings())
    by_handle = {handle.casefold(): brand.name for brand in listed for handle in brand.handles}
    names = sorted({brand.name for brand in listed} | set(await queries.brands()))
    return choice("--brand", by_handle.get(typed.strip().lstrip("@").casefold(), typed), names)


def present(path: Path | None, reason: str = "there is no such file") -> None:
    """Raises UserError where the path is not there.

    Asked before torch is loaded, which takes seconds.
    """
    if path is not None and not path.exists():
        raise UserError(f"{path}: {reason}")


NO_RECIPE = "the recipe cannot be read (No such file or directory)"


def require(packages: Iterable[str], purpose: str) -> None:
    """Raises UserError naming the missing packages that the train extra brings."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"{purpose} needs more packages ({', '.join(missing)}): pip install 'earshot[train]'"
        )
