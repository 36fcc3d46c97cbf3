"""What people corrected, as pairs to train with: `earshot export corrections`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream.errors import UserError
from stream.logs import set_up_logs
from stream.settings import read_settings

if TYPE_CHECKING:
    from stream.desk.corrections import Pair


def add_to(export: typer.Typer) -> None:
    export.command("corrections")(export_corrections)


def export_corrections(
    out: Annotated[Path, typer.Option(help="The CSV to write: text,better,worse.")] = Path("corrections.csv"),
) -> None:
    """Write the sentiments that people corrected as pairs: the redacted text, their label, the model's.

    `earshot train sentiment RECIPE --preferences corrections.csv` learns from them.
    """
    print(f"{out}: {write_corrections(out)} pairs")


def write_corrections(out: Path) -> int:
    """Write the pairs that the store holds, return how many. Raises UserError where there is none."""
    pairs = asyncio.run(_pairs())
    if not pairs:
        raise UserError("nobody has corrected a sentiment yet; agents do so in the desk")
    from models.training.lab.preference import write_preferences

    try:
        write_preferences([(pair.text, pair.better, pair.worse) for pair in pairs], out)
    except OSError as error:
        raise UserError(f"{out}: it cannot be written ({error.strerror})") from None
    return len(pairs)


async def _pairs() -> list[Pair]:
    from stream.bootstrap import ensure_migrated, parts
    from stream.desk.corrections import Corrections

    settings = read_settings()
    set_up_logs(settings, quiet=True)
    async with parts(settings, "corrections", broker=False) as found:
        await ensure_migrated(found)
        async with found.engine() as engine:
            return await Corrections(engine).pairs("sentiment")
