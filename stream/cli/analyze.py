"""`earshot analyze`: the model's judgement of texts or of calls, a JSON object a line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream.cli.calls import Whole, analyze_calls
from stream.cli.options import (
    ChosenBackend,
    JsonLines,
    ShippedModel,
    say_fallback,
    settings_of,
)
from stream.cli.records import print_judgement

if TYPE_CHECKING:
    from stream.settings import Settings


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
    backend: ChosenBackend = None,
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
    A model that says sentiment alone (RUN/release of the lab) tells no ticket.
    """
    from stream.bootstrap.loading import load_backend, says_sentiment_alone
    from stream.store.preview import preview_of

    settings = settings_of(model, backend)
    alone = settings.backend == "local" and says_sentiment_alone(settings)
    if calls:
        analyze_calls(texts, settings, whole_conversation, as_json)
        return
    analyzer = _classifier(settings) if alone else load_backend(settings)
    lines = _lines() if texts == ["-"] else iter(texts)
    while batch := list(islice(lines, 64)):
        for analysis in analyzer(batch):
            ticket = {} if alone else {"ticket": preview_of(analysis)}
            print_judgement(analysis.as_json() | ticket, as_json)
        sys.stdout.flush()
    say_fallback(analyzer)


def _classifier(settings: Settings) -> Any:
    """The model of the settings that says sentiment alone. Raises ArtifactError."""
    from models.sentiment_classifier import Classifier
    from stream.bootstrap.loading import model_folder

    return Classifier(model_folder(settings), threads=settings.threads)


def _lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "replace").rstrip("\r\n")
