"""Commands of the models: analyze, evaluate, train, bench."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from stream.cli import calls as of_calls
from stream.cli.progress import counted
from stream.cli.training_bar import watched
from stream.errors import UserError
from stream.settings import read_settings

Model = Annotated[
    Path | None, typer.Option("--model", help="Directory of a model; the shipped one otherwise.")
]
Data = Annotated[Path, typer.Option("--data", help="A CSV file with a header.")]

evaluate = typer.Typer(no_args_is_help=True, help="Measure a model on your own labelled file.")
train = typer.Typer(
    no_args_is_help=True,
    help="Train a model (needs the train extra: pip install 'earshot\\[train]')",
)


Part = Literal["all", "stream", "rest"]


class Backend(StrEnum):
    local = "local"
    llm = "llm"


def add_to(app: typer.Typer) -> None:
    app.command()(analyze)
    app.command()(bench)
    app.add_typer(evaluate, name="evaluate")
    app.add_typer(train, name="train")
    of_calls.add_to(evaluate, train)


def analyze(
    texts: Annotated[
        list[str],
        typer.Argument(
            help="Texts, - for one a line of standard input; with --calls, transcripts."
        ),
    ],
    model: Model = None,
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
    whole_conversation: of_calls.Whole = False,
) -> None:
    """What the model makes of texts, or of calls: one JSON object a line."""
    if calls:
        of_calls.analyze_calls(texts, model, whole_conversation)
        return
    analyzer = _backend(model, backend)
    lines = _lines() if texts == ["-"] else iter(texts)
    while batch := list(islice(lines, 64)):
        for analysis in analyzer(batch):
            told = json.dumps(analysis.as_json(), ensure_ascii=False)
            print(
                told.encode("utf-8", "replace").decode()
            )  # an argument that is no UTF-8 holds lone surrogates
        sys.stdout.flush()


@evaluate.command("sentiment")
def evaluate_sentiment(data: Data, model: Model = None) -> None:
    """Accuracy, F1, recall and calibration on a file with the columns text,label, of any size; .gz
    is unpacked.
    """
    from models.evaluation.metrics import EvaluationError
    from models.evaluation.sentiment import evaluate_sentiment as measure
    from models.sentiment_classifier import Classifier, is_classifier

    try:
        with counted("texts") as progress:
            if model and is_classifier(model / "release"):
                model = model / "release"  # of a run of the lab
            told = measure(
                data,
                Classifier(model) if model and is_classifier(model) else _analyzer(model),
                progress,
            )
        _tell(told)
    except EvaluationError as error:
        raise UserError(str(error)) from None


@evaluate.command("complaints")
def evaluate_complaints(data: Data, model: Model = None) -> None:
    """Accuracy and F1 of every head on a file with the column text and any of complaint, severity,
    topic, problem.
    """
    from models.evaluation.complaints import evaluate_complaints as measure
    from models.evaluation.metrics import EvaluationError

    try:
        _tell(measure(data, _analyzer(model)))
    except EvaluationError as error:
        raise UserError(str(error)) from None


@evaluate.command("consistency")
def evaluate_consistency(data: Data, model: Model = None) -> None:
    """Whether a complaint in capitals, mistyped and in other words is read the same: columns
    text[,paraphrase].
    """
    from models.evaluation.consistency import evaluate_consistency as measure
    from models.evaluation.metrics import EvaluationError

    try:
        _tell(measure(data, _analyzer(model)))
    except EvaluationError as error:
        raise UserError(str(error)) from None


@evaluate.command("triage")
def evaluate_triage(data: Data, model: Model = None) -> None:
    """Precision and recall of tickets and of P1, and nDCG, on a file with the columns
    text,should_ticket,priority.
    """
    from stream.triage.evaluate import UnusableLabels
    from stream.triage.evaluate import evaluate_triage as measure

    try:
        _tell(measure(data, _analyzer(model)))
    except (UnusableLabels, OSError) as error:
        told = f"{data}: {error.strerror}" if isinstance(error, OSError) else str(error)
        raise UserError(told) from None


@evaluate.command("replies")
def evaluate_replies(
    data: Data,
    model: Annotated[
        Path | None, typer.Option("--model", help="Directory of a replier; the shipped one else.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the drafts.")] = 0,
) -> None:
    """Perplexity, chrF, ROUGE-L, what the gate says, and speed, on a file with the columns
    customer_text,agent_text.
    """
    from models.evaluation.metrics import EvaluationError
    from models.evaluation.replies import evaluate_replies as measure
    from stream.bootstrap.loading import load_analyzer, load_replier

    settings = read_settings()
    replier = load_replier(
        settings if model is None else settings.model_copy(update={"replier": model})
    )
    try:
        _tell(measure(data, load_analyzer(settings), replier, seed=seed))
    except EvaluationError as error:
        raise UserError(str(error)) from None


@train.command("replies")
def train_replies(
    config: Annotated[Path, typer.Argument(help="A recipe; see models/training/configs.")],
    out: Annotated[
        Path | None, typer.Option(help="Directory of the run; runs/NAME otherwise.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Directory of the public data sets; EARSHOT_SHARED/data.")
    ] = None,
    from_edits: Annotated[
        Path | None,
        typer.Option(
            help="What agents made of drafts (draft, final, customer_text): JSON lines or CSV."
        ),
    ] = None,
) -> None:
    """Train the GRU and the n-grams that draft replies, mix them, and write the replier to
    OUT/model.

    A run that was interrupted goes on from its last checkpoint; with edits it goes on from its end.
    """
    if importlib.util.find_spec("torch") is None:
        raise UserError("training needs more packages: pip install 'earshot[train]'")
    from models.training.errors import TrainingError
    from models.training.replies.train import train_replies as run

    try:
        with watched() as say:
            run(config, out, data=data, edits=from_edits, say=say)
    except TrainingError as error:
        raise UserError(str(error)) from None


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
    out: Annotated[Path | None, typer.Option(help="Write the figures as JSON here too.")] = None,
) -> None:
    """Measure throughput, latency, stages and memory on this machine, end to end on the embedded
    parts.

    REST is asked by an open-loop client in a process of its own, whose processor is told beside the
    server's.
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
    )
    if out is not None:
        out.write_text(json.dumps(figures, indent=2) + "\n")
    _tell(figures)


def _analyzer(model: Path | None) -> Any:
    from stream.bootstrap.loading import load_analyzer

    settings = read_settings()
    return load_analyzer(
        settings if model is None else settings.model_copy(update={"model": model})
    )


def _backend(model: Path | None, backend: Backend | None) -> Any:
    from stream.bootstrap.llm import with_llm

    analyzer, chosen = _analyzer(model), backend or read_settings().backend
    return with_llm(read_settings(), analyzer) if chosen == "llm" else analyzer


def _lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def _tell(figures: dict[str, Any]) -> None:
    """A table for a person, JSON for a program."""
    if not sys.stdout.isatty():
        print(json.dumps(figures, indent=2))
        return
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, value in _flat(figures):
        table.add_row(name, f"{value:.4f}" if isinstance(value, float) else str(value))
    Console().print(table)


def _flat(figures: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
