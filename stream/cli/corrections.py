"""What people corrected, as pairs to train with: `earshot export corrections`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream.errors import UserError
from stream.observe.logs import set_up_logs
from stream.settings import read_settings

if TYPE_CHECKING:
    from stream.desk.corrections import Pair


def add_to(export: typer.Typer) -> None:
    export.command("corrections")(export_corrections)


def export_corrections(
    out: Annotated[Path, typer.Option(help="The CSV to write: text,better,worse.")] = Path(
        "corrections.csv"
    ),
) -> None:
    """Write the sentiments that people corrected as pairs: the redacted text, their label, the
    model's.

    `earshot train sentiment RECIPE --preferences corrections.csv` learns from them.
    """
    print(f"{out}: {write_corrections(out)} pairs")


def write_corrections(out: Path, labels: Sequence[str] = ()) -> int:
    """Write the pairs that the store holds, return how many. Raises UserError where there is none.

    labels: those that a model can learn, where it does not know them all: a text that a person
    calls otherwise is left out, and what it was called wrongly is then any other label.
    """
    found = asyncio.run(_pairs())
    if not found:
        raise UserError("nobody has corrected a sentiment yet; agents do so in the desk")
    pairs = [pair for pair in found if not labels or pair.better in labels]
    if not pairs:
        raise UserError(f"of the {len(found)} corrected sentiments none is {' or '.join(labels)}")
    from models.training.lab.preference import write_preferences

    rows = [
        (one.text, one.better, None if labels and one.worse not in labels else one.worse)
        for one in pairs
    ]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_preferences(rows, out)
    except OSError as error:
        raise UserError(f"{out}: it cannot be written ({error.strerror})") from None
    return len(pairs)


async def _pairs() -> list[Pair]:
    from stream.bootstrap.parts import ensure_migrated, parts
    from stream.desk.corrections import Corrections

    settings = read_settings()
    set_up_logs(settings, quiet=True)
    async with parts(settings, "corrections", broker=False) as found:
        await ensure_migrated(found)
        async with found.engine() as engine:
            return await Corrections(engine).pairs("sentiment")
