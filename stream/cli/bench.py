"""`earshot bench`: throughput, latency, stages and memory on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from stream.cli import show
from stream.settings import read_settings

Part = Literal["all", "stream", "rest"]


def add_to(app: typer.Typer) -> None:
    app.command()(bench)


def bench(
    rate: Annotated[float, typer.Option(help="Events a second while latency is measured.")] = 200.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long latency is measured.")] = 20.0,
    events: Annotated[int, typer.Option(min=100, help="Events of the throughput run.")] = 10_000,
    data: Annotated[
        Path | None, typer.Option(help="Tweets.csv to take texts from; the demo day's otherwise.")
    ] = None,
    part: Annotated[
        Part,
        typer.Option(help="stream: produce to commit; rest: POST /v1/analyze; all: both."),
    ] = "all",
    drafts: Annotated[
        bool,
        typer.Option(
            "--drafts/--without-drafts",
            help="Whether a reply is drafted for every ticket meanwhile, on the same cores.",
        ),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write the figures as JSON here too.")] = None,
) -> None:
    """Measure throughput, latency, stages, memory and processor time on this machine, end to end on
    the embedded parts.

    REST is asked by an open-loop client in a process of its own, whose processor is told beside the
    server's. EARSHOT_DRAFTS changes nothing here: drafts are off, unless --drafts says otherwise.
    """
    from stream.benchmark.stream import run_bench

    console = Console(stderr=True)
    figures = run_bench(
        read_settings(),
        rate=rate,
        seconds=seconds,
        events=events,
        data=data,
        console=console,
        part=part,
        drafts=drafts,
    )
    if out is not None:
        out.write_text(json.dumps(figures, indent=2) + "\n")
    show.figures(figures)
