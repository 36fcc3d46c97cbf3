"""`earshot export corrections`: what people corrected, as files to train with."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from stream.cli.on_store import run_on_store
from stream.cli.options import choice
from stream.cli.plain import quantity
from stream.errors import UserError


def add_to(export: typer.Typer) -> None:
    export.command("corrections")(export_corrections)


# What one table holds, and one training learns.
HEADS = ("topic", "problem", "severity", "sentiment")
CALLS_FILE = "calls.jsonl"  # in a folder, with its labels.csv
EXPORTED = ("sentiment", "level", "outcome", "topic", "problem", "severity", "heads")


def export_corrections(
    out: Annotated[Path, typer.Option(help="The CSV to write; of outcomes, the folder.")] = Path(
        "corrections.csv"
    ),
    field: Annotated[
        str,
        typer.Option(
            "--field",
            help="sentiment, level (priorities set by hand, too), outcome (of calls), topic,"
            " problem, severity, or heads: these three and the sentiment in one table.",
        ),
    ] = "sentiment",
) -> None:
    """Write what people corrected, for the training that learns from it.

    sentiment: pairs, for `earshot train sentiment RECIPE --preferences`. level: labels, for
    `earshot train triage`. topic, problem, severity, heads: labels, for `earshot train complaints
    --from-corrections`. outcome: a folder of calls, for `earshot train calls --from-corrections`.
    """
    task = choice("--field", field, EXPORTED)
    if task == "level":
        print(f"{out}: {quantity(write_levels(out), 'label')}")
    elif task == "outcome":
        folder = Path("corrected-calls") if out == Path("corrections.csv") else out
        print(f"{folder}: {quantity(write_calls(folder), 'call')}")
    elif task == "sentiment":
        print(f"{out}: {quantity(write_corrections(out), 'pair')}")
    else:
        count = write_heads(out, HEADS if task == "heads" else (str(task),))
        print(f"{out}: {quantity(count, 'message')}")


def write_heads(out: Path, fields: Sequence[str] = HEADS) -> int:
    """Write the corrections of these fields as CSV: text and a column for each; an empty cell is
    none. Returns the number of messages. Raises UserError where there is none.
    """
    from stream.bootstrap.stores import open_corrections

    messages: list[tuple[str, dict[str, str]]] = run_on_store(
        "corrections", open_corrections, lambda corrections: corrections.by_message(fields)
    )
    if not messages:
        raise UserError(
            f"nobody has corrected a {' or '.join(fields)} yet; agents do so in the console"
        )
    rows = [(text, *(labels.get(field, "") for field in fields)) for text, labels in messages]
    write_table(out, ("text", *fields), rows)
    return len(rows)


def write_calls(folder: Path) -> int:
    """Write the calls whose outcome people corrected: CALLS_FILE and labels.csv, as `earshot train
    calls` reads them. Returns their number. Raises UserError where there is none.
    """
    from stream.bootstrap.stores import open_corrections

    calls = run_on_store("corrections", open_corrections, lambda corrections: corrections.calls())
    if not calls:
        raise UserError(
            "nobody has corrected the outcome of a call yet; agents do so in the console"
        )
    names = [f"call-{number}" for number in range(1, len(calls) + 1)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / CALLS_FILE).open("w", encoding="utf-8") as file:
            for name, call in zip(names, calls, strict=True):
                file.write(json.dumps({"id": name, "turns": call.turns}, ensure_ascii=False) + "\n")
    except OSError as error:
        raise UserError(f"{folder}: it cannot be written ({error.strerror})") from None
    labels = [(name, call.outcome) for name, call in zip(names, calls, strict=True)]
    write_table(folder / "labels.csv", ("file", "outcome"), labels)
    return len(calls)


def write_table(out: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a CSV. No cell is a formula; the trainings read them as they were. Raises UserError."""
    from stream.postgres.sql import harmless

    cells = [[harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(head)
            table.writerows(cells)
    except OSError as error:
        raise UserError(f"{out}: it cannot be written ({error.strerror})") from None


def write_levels(out: Path) -> int:
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
    levels = [("" if label.better == NO_LEVEL else label.better) for label in labels]
    rows = [
        (label.text, int(bool(level)), level) for label, level in zip(labels, levels, strict=True)
    ]
    write_table(out, ("text", "should_ticket", "priority"), rows)
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
        raise UserError(
            "nobody has corrected a sentiment yet; agents do so in the console. What else they"
            " corrected: --field level, heads or outcome"
        )
    pairs = [pair for pair in corrected if not labels or pair.better in labels]
    if not pairs:
        raise UserError(
            f"of the {len(corrected)} corrected sentiments none is {' or '.join(labels)}"
        )
    from models.training.lab.preference import write_preferences
    from stream.postgres.sql import harmless

    rows = []
    for pair in pairs:
        is_known = not labels or pair.worse in labels
        rows.append((harmless(pair.text), pair.better, pair.worse if is_known else None))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_preferences(rows, out)
    except OSError as error:
        raise UserError(f"{out}: it cannot be written ({error.strerror})") from None
    return len(pairs)
