"""`earshot model shadow`, `differences`, `stop-shadow`: a model beside the one in use."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from stream.cli.on_store import run_on_store
from stream.cli.options import JsonLines, brand_choice
from stream.cli.plain import plain, quantity
from stream.cli.records import print_json
from stream.errors import UserError
from stream.observe.logs import set_up_logs
from stream.settings import read_settings

if TYPE_CHECKING:
    from stream.shadow.report import FieldReport
    from stream.shadow.store import Shadow, Shadows
    from stream.shadow.watch import Look

SAY_EVERY = 60.0  # seconds between two lines
LONGEST_LIST = 10  # changes of a field
FEW_CLASSES = 8  # of a field whose classes are all shown
RUNS = timedelta(minutes=2)  # since its last look; a long batch takes less
QUOTE = 90  # characters of an example
COURTESY = 10  # of the process, so that a worker on the same machine goes first


def add_to(model: typer.Typer) -> None:
    model.command("shadow")(shadow)
    model.command("differences")(differences)
    model.command("stop-shadow")(stop_shadow)


def shadow(
    release: Annotated[
        str, typer.Argument(help="A version, the start of one, or a model's directory.")
    ],
    share: Annotated[
        float,
        typer.Option(
            min=0.0001, max=1.0, help="Of the live messages, by the hash of their ids: 0.1 a tenth."
        ),
    ] = 0.1,
) -> None:
    """Judge live messages with another model, too, and count how it differs from the one in use;
    until Ctrl-C or `earshot model stop-shadow`.

    It reads what the workers have stored, in a process of its own that every other one goes before:
    nothing waits for it, and no ticket changes. What it cannot keep up with it leaves out. How the
    two differ: `earshot model differences`.
    """
    from stream.bootstrap.shadow import released, run_shadow
    from stream.bootstrap.stopping import until_signal

    settings = read_settings()
    set_up_logs(settings, quiet=True)
    artifact = released(settings, release)
    tally = _Tally()

    def on_start() -> None:
        print(
            f"earshot: {artifact.version} judges {_part(share)} what arrives from now on; see"
            " `earshot model differences`",
            file=sys.stderr,
        )

    os.nice(COURTESY)
    asyncio.run(until_signal(run_shadow(settings, artifact, share, on_start, tally.add)))
    tally.print_line()


class _Tally:
    """What a shadow has done so far, in a line now and then."""

    def __init__(self) -> None:
        self._messages = 0
        self._differing = 0
        self._printed_at = time.monotonic()
        self._printed: int | None = None  # messages, of the last line

    def add(self, look: Look) -> None:
        self._messages += look.messages
        self._differing += look.differing
        if look.left_out is not None:
            minutes = look.left_out.total_seconds() / 60
            print(
                f"earshot: too far behind: what arrived in {minutes:.0f} minutes is left out; a"
                " smaller --share keeps up",
                file=sys.stderr,
            )
        if time.monotonic() - self._printed_at >= SAY_EVERY:
            self.print_line()

    def print_line(self) -> None:
        self._printed_at = time.monotonic()
        if self._printed == self._messages:
            return  # nothing has come since
        self._printed = self._messages
        print(
            f"earshot: {quantity(self._messages, 'message')} judged,"
            f" {self._differing:,} of them otherwise in some field",
            file=sys.stderr,
        )


def differences(
    release: Annotated[
        str | None,
        typer.Argument(help="The shadow's version, or the start of one; the latest otherwise."),
    ] = None,
    brand: Annotated[str | None, typer.Option(help="Only this brand's messages.")] = None,
    as_json: JsonLines = False,
) -> None:
    """How a shadow and the model in use differ, by field and class, with examples.

    --json is an object a field: its messages, the share on which both agree, each class with how
    many messages either puts into it, and the changes with ids of messages.
    """
    row, reports, texts = run_on_store(
        "shadow", _opener(), lambda shadows: _read(shadows, release, brand)
    )
    if as_json:
        print_json({"shadow": row.version, **asdict(report)} for report in reports)
        return
    console = Console()
    console.print(plain(_heading(row)))
    if not reports:
        print("no message was judged by both yet", file=sys.stderr)
        return
    console.print(_agreement(reports))
    for report in reports:
        for table in _tables(report, texts):
            console.print()
            console.print(table)


def stop_shadow(
    release: Annotated[
        str | None, typer.Argument(help="The shadow's version; all that run otherwise.")
    ] = None,
) -> None:
    """Ask a shadow to end, wherever it runs; its counts stay."""

    async def stop(shadows: Shadows) -> list[str]:
        version = None if release is None else (await shadows.find(release)).version
        return await shadows.stop(version)

    versions = run_on_store("shadow", _opener(), stop)
    if not versions:
        raise UserError("no shadow runs")
    for version in versions:
        print(f"{version} judges no further; see `earshot model differences {version}`")


def _opener() -> Any:
    from stream.bootstrap.stores import open_shadows

    return open_shadows


async def _read(
    shadows: Shadows, release: str | None, brand: str | None
) -> tuple[Shadow, list[FieldReport], dict[str, str]]:
    from stream.shadow.report import report
    from stream.store.queries import Queries

    row = await shadows.find(release)
    brand = await brand_choice(brand, Queries(shadows.engine))
    reports = report(await shadows.pairs(row.version, brand))
    ids = {id for field in reports for change in field.changed for id in change.examples}
    return row, reports, await shadows.texts(sorted(ids))


def _heading(row: Shadow) -> str:
    now = datetime.now(UTC)
    if row.stopped_at is not None:
        state = f"stopped {row.stopped_at:%Y-%m-%d %H:%M}Z"
    elif now - row.looked_at < RUNS:
        state = "runs"
    else:
        state = f"not seen since {row.looked_at:%Y-%m-%d %H:%M}Z"
    failed = f", {row.failed:,} it could not judge" if row.failed else ""
    return (
        f"{row.version}: {quantity(row.messages, 'message')}"
        f" since {row.started_at:%Y-%m-%d %H:%M}Z,"
        f" {_part(row.share)} what arrives ({state}{failed})"
    )


def _part(share: float) -> str:
    return "all of" if share == 1 else f"{100 * share:.4g} % of"


def _agreement(reports: Sequence[FieldReport]) -> Table:
    table = _table("", "messages", "both agree", "changed the most")
    for report in reports:
        first = report.changed[0] if report.changed else None
        words = f"{first.label} → {first.shadow_label}: {first.messages:,}" if first else "–"
        table.add_row(
            plain(report.field), f"{report.messages:,}", f"{report.agreement:.1%}", plain(words)
        )
    return table


def _tables(report: FieldReport, texts: Mapping[str, str]) -> list[Table]:
    if not report.changed:
        return []
    tables = []
    if len(report.classes) <= FEW_CLASSES:
        counted = _table(report.field, "in use", "shadow", "both")
        for row in report.classes:
            counted.add_row(plain(row.label), f"{row.in_use:,}", f"{row.shadow:,}", f"{row.both:,}")
        tables.append(counted)
    changed = _table(f"{report.field}: in use → shadow", "messages", "such as")
    for change in report.changed[:LONGEST_LIST]:
        example = next((texts[id] for id in change.examples if id in texts), "")
        changed.add_row(
            plain(f"{change.label} → {change.shadow_label}"),
            f"{change.messages:,}",
            plain(example, QUOTE),
        )
    return [*tables, changed]


def _table(*heads: str) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for head in heads:
        is_number = head in ("messages", "in use", "shadow", "both", "both agree")
        table.add_column(head, justify="right" if is_number else "left")
    return table
