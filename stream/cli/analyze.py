"""`earshot analyze`: the model's judgement of texts or of calls, a JSON object a line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import Annotated

import typer

from stream.cli.calls import Whole, analyze_calls
from stream.cli.options import JsonLines, ShippedModel, settings_with
from stream.cli.records import print_judgement


class Backend(StrEnum):
    local = "local"
    llm = "llm"


def add_to(app: typer.Typer) -> None:
    app.command()(analyze)


def analyze(
    texts: Annotated[
        list[str],
        typer.Argument(
            help="Texts, - for one a line of standard input; with --calls, transcripts."
        ),
    ],
    model: ShippedModel = None,
    backend: Annotated[
        Backend | None,
        typer.Option(
            help="Who judges: local, or llm (EARSHOT_LLM_URL). EARSHOT_BACKEND otherwise."
        ),
    ] = None,
    calls: Annotated[
        bool,
        typer.Option(
            "--calls",
            help="Files or folders of transcripts: sentiment, outcome and course of each call.",
        ),
    ] = False,
    whole_conversation: Whole = False,
    as_json: JsonLines = False,
) -> None:
    """What the model makes of texts, or of calls, and the priority that they would get, and why.

    One JSON object a line where the output is no terminal; `ticket` is null where it needs nobody.
    """
    from stream.bootstrap.loading import load_backend
    from stream.store.preview import preview_of

    if calls:
        analyze_calls(texts, model, whole_conversation, as_json)
        return
    settings = settings_with(model=model)
    if backend is not None:
        settings = settings.model_copy(update={"backend": backend.value})
    analyzer = load_backend(settings)
    lines = _lines() if texts == ["-"] else iter(texts)
    while batch := list(islice(lines, 64)):
        for analysis in analyzer(batch):
            print_judgement(analysis.as_json() | {"ticket": preview_of(analysis)}, as_json)
        sys.stdout.flush()


def _lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "replace").rstrip("\r\n")
