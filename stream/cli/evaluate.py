"""`earshot evaluate`: a model measured on your own labelled file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from stream.cli import calls, show
from stream.cli.matrix import rows_file
from stream.cli.options import JudgedRows, ReplierModel, ShippedModel, settings_with
from stream.cli.progress import counted
from stream.errors import UserError

Data = Annotated[Path, typer.Option("--data", help="A CSV file with a header.")]

evaluate = typer.Typer(no_args_is_help=True, help="Measure a model on your own labelled file.")


def add_to(app: typer.Typer) -> None:
    calls.add_evaluation(evaluate)
    app.add_typer(evaluate, name="evaluate")


@evaluate.command("sentiment")
def evaluate_sentiment(data: Data, model: ShippedModel = None, out: JudgedRows = None) -> None:
    """Accuracy, F1, recall and calibration on a file with the columns text,label, of any size; .gz
    is unpacked.
    """
    from models.evaluation.metrics import EvaluationError
    from models.evaluation.sentiment import evaluate_sentiment as measure

    try:
        with rows_file(out) as on_judged, counted("texts") as on_progress:
            figures = measure(data, _sentiment_model(model), on_progress, on_judged)
        show.figures(figures)
    except EvaluationError as error:
        raise UserError(str(error)) from None


@evaluate.command("complaints")
def evaluate_complaints(data: Data, model: ShippedModel = None, out: JudgedRows = None) -> None:
    """Accuracy and F1 of every head on a file with the column text and any of sentiment, complaint,
    severity, topic, problem.
    """
    from models.evaluation.complaints import evaluate_complaints as measure
    from models.evaluation.metrics import EvaluationError

    try:
        with rows_file(out) as on_judged:
            show.figures(measure(data, _analyzer(model), on_judged))
    except EvaluationError as error:
        raise UserError(str(error)) from None


@evaluate.command("consistency")
def evaluate_consistency(data: Data, model: ShippedModel = None, out: JudgedRows = None) -> None:
    """Whether a complaint in capitals, mistyped and in other words is read the same: columns
    text[,paraphrase].
    """
    from models.evaluation.consistency import evaluate_consistency as measure
    from models.evaluation.metrics import EvaluationError

    try:
        with rows_file(out) as on_judged:
            show.figures(measure(data, _analyzer(model), on_judged))
    except EvaluationError as error:
        raise UserError(str(error)) from None


@evaluate.command("triage")
def evaluate_triage(data: Data, model: ShippedModel = None, out: JudgedRows = None) -> None:
    """How well triage finds and ranks tickets, on a file with the columns
    text,should_ticket,priority and, if you like, sure,stratum,weight,reasons.

    Prints precision, recall and F1 of tickets, of P1, and of P1 and P2 together (p1_p2); weighted
    kappa of the levels; nDCG of the order; the share of P1 and tickets per 1,000; tickets that need
    a look; and how many messages of each label got each level (confusion). Names that end in _95
    are 95 % intervals.

    sure: 0 where a colleague could decide otherwise; the figures of the sure rows come as well.
    stratum: how a row was found; those of strata that begin with random or uniform come as well.
    weight: how many messages in life a row stands for; all but nDCG and counts weigh by it.
    reasons: not looked at; earshot train triage reads them.
    title, brand, author: of the message, where it has them.

    Judged as by a worker, with the brands of EARSHOT_BRANDS.
    """
    from stream.triage.evaluate import evaluate_triage as measure

    _show_triage(measure, data, model, out)


@evaluate.command("conversations")
def evaluate_conversations(
    data: Annotated[
        Path,
        typer.Option("--data", help="JSON lines: turns [{speaker, text}] and state; title, brand."),
    ],
    model: ShippedModel = None,
    out: JudgedRows = None,
) -> None:
    """What the customer's last word does to the ticket: kept, lowered or closed, and how often
    wrongly, on a file of conversations that are settled, waiting or open.
    """
    from stream.triage.conversations import evaluate_conversations as measure

    _show_triage(measure, data, model, out)


@evaluate.command("replies")
def evaluate_replies(
    data: Data,
    model: ReplierModel = None,
    seed: Annotated[int, typer.Option(help="Of the drafts.")] = 0,
    out: JudgedRows = None,
) -> None:
    """Perplexity, chrF, ROUGE-L, what the gate says, and speed, on a file with the columns
    customer_text,agent_text.
    """
    from models.evaluation.metrics import EvaluationError
    from models.evaluation.replies import evaluate_replies as measure
    from stream.bootstrap.loading import load_analyzer, load_replier

    settings = settings_with(replier=model)
    models = load_analyzer(settings), load_replier(settings)
    try:
        with rows_file(out) as on_judged:
            show.figures(measure(data, *models, seed=seed, on_judged=on_judged))
    except EvaluationError as error:
        raise UserError(str(error)) from None


def _show_triage(
    measure: Callable[..., dict[str, Any]], data: Path, model: Path | None, out: Path | None
) -> None:
    """Print the figures of triage on labelled data. measure: of the data, by stored messages."""
    from stream.bootstrap.loading import load_judge
    from stream.store.rows import stored_by
    from stream.triage.evaluate import UnusableLabels

    try:
        judge = load_judge(settings_with(model=model))
        with rows_file(out) as on_judged:
            show.figures(measure(data, stored_by(judge), on_judged))
    except UnusableLabels as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"{data}: {error.strerror}") from None


def _sentiment_model(model: Path | None) -> Any:
    """A model of sentiments alone, also that of a run of the lab, or a model of all heads."""
    from models.artifact import is_classifier
    from models.sentiment_classifier import Classifier

    if model is not None:
        for folder in (model / "release", model):
            if is_classifier(folder):
                return Classifier(folder)
    return _analyzer(model)


def _analyzer(model: Path | None) -> Any:
    from stream.bootstrap.loading import load_analyzer

    return load_analyzer(settings_with(model=model))
