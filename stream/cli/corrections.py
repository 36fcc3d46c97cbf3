"""`earshot export corrections`: what people corrected, as files to train with."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from stream.cli.on_store import run_on_store
from stream.cli.options import choice
from stream.errors import UserError


def add_to(export: typer.Typer) -> None:
    export.command("corrections")(export_corrections)


def export_corrections(
    out: Annotated[Path, typer.Option(help="The CSV to write.")] = Path("corrections.csv"),
    field: Annotated[
        str, typer.Option("--field", help="sentiment, or level (priorities set by hand, too).")
    ] = "sentiment",
) -> None:
    """Write the sentiments that people corrected as pairs: the redacted text, their label, the
    model's. Or the levels, as labels.

    `earshot train sentiment RECIPE --preferences corrections.csv` learns from the one, `earshot
    train triage corrections.csv` from the other.
    """
    if choice("--field", field, ("sentiment", "level")) == "level":
        print(f"{out}: {_write_levels(out)} labels")
    else:
        print(f"{out}: {write_corrections(out)} pairs")


def _write_levels(out: Path) -> int:
    """Write the levels that people set as CSV `text,should_ticket,priority`, return how many."""
    from stream.bootstrap.stores import open_corrections
    from stream.desk.corrections import NO_LEVEL

    labels = run_on_store(
        "corrections", open_corrections, lambda corrections: corrections.labels("level")
    )
    if not labels:
        raise UserError(
            "nobody has set a level yet; `earshot ticket priority ID LEVEL --reason WHY` does"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(("text", "should_ticket", "priority"))
            for label in labels:
                level = "" if label.better == NO_LEVEL else label.better
                table.writerow((label.text, int(bool(level)), level))
    except OSError as error:
        raise UserError(f"{out}: it cannot be written ({error.strerror})") from None
    return len(labels)


def write_corrections(out: Path, labels: Sequence[str] = ()) -> int:
    """Write the pairs that the store holds, return how many. Raises UserError where there is none.

    labels: those that a model can learn, where it does not know them all. A text that a person
    calls otherwise is left out; the model's own label then becomes any other label.
    """
    from stream.bootstrap.stores import open_corrections

    corrected = run_on_store(
        "corrections", open_corrections, lambda corrections: corrections.pairs("sentiment")
    )
    if not corrected:
        raise UserError("nobody has corrected a sentiment yet; agents do so in the console")
    pairs = [pair for pair in corrected if not labels or pair.better in labels]
    if not pairs:
        raise UserError(
            f"of the {len(corrected)} corrected sentiments none is {' or '.join(labels)}"
        )
    from models.training.lab.preference import write_preferences

    rows = []
    for pair in pairs:
        is_known = not labels or pair.worse in labels
        rows.append((pair.text, pair.better, pair.worse if is_known else None))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_preferences(rows, out)
    except OSError as error:
        raise UserError(f"{out}: it cannot be written ({error.strerror})") from None
    return len(pairs)
