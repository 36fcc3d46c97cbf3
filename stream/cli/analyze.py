"""`earshot analyze`: the model's judgement of texts or of calls, a JSON object a line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated

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

BATCH = 64  # texts that are judged at once


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
    """What a worker makes of texts, or of calls, and the priority that they would get, and why.

    One JSON object a line where the output is no terminal; `ticket` is null where it needs nobody.
    A model that says sentiment alone (RUN/release of the lab) tells no ticket.
    """
    from stream.bootstrap.loading import says_sentiment_alone

    settings = settings_of(model, backend)
    alone = settings.backend == "local" and says_sentiment_alone(settings)
    if calls:
        analyze_calls(texts, settings, whole_conversation, as_json)
        return
    lines = _lines() if texts == ["-"] else iter(texts)
    if alone:
        _print_sentiments(lines, settings, as_json)
    else:
        _print_judgements(lines, settings, as_json)


def _print_judgements(texts: Iterator[str], settings: Settings, as_json: bool) -> None:
    """Each text as a worker would judge it as a post of its own, with the ticket that it would be.

    Raises ArtifactError and UserError.
    """
    from stream.bootstrap.loading import load_backend, load_judge
    from stream.store.preview import analysis_of, post_of, preview

    analyzer = load_backend(settings)
    judge = load_judge(settings, analyzer)
    posts = (post_of(text, number) for number, text in enumerate(texts, 1))
    while batch := list(islice(posts, BATCH)):
        for judgement in judge(batch):
            analysis = analysis_of(judgement, analyzer.version)
            print_judgement(analysis.as_json() | {"ticket": preview(judgement)}, as_json)
        sys.stdout.flush()
    say_fallback(analyzer)


def _print_sentiments(texts: Iterator[str], settings: Settings, as_json: bool) -> None:
    """What a model that says sentiment alone makes of each. Raises ArtifactError."""
    from models.sentiment_classifier import Classifier
    from stream.bootstrap.loading import model_folder

    classifier = Classifier(model_folder(settings), threads=settings.threads)
    while batch := list(islice(texts, BATCH)):
        for analysis in classifier(batch):
            print_judgement(analysis.as_json(), as_json)
        sys.stdout.flush()


def _lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "replace").rstrip("\r\n")
