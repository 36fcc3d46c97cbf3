"""`earshot compare` and `earshot export`: models side by side, and files for other tools."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from stream.cli import compare_calls, compare_models, corrections, paraphrases
from stream.cli.options import Backend, Backends, JsonLines, backend_in, settings_with
from stream.cli.records import print_json
from stream.errors import UserError
from stream.settings import Settings

compare = typer.Typer(
    cls=compare_models.SentimentByDefault,
    no_args_is_help=True,
    help="Set models side by side on your own labelled file; without a name of a"
    " command, sentiment models.",
)
export = typer.Typer(no_args_is_help=True, help="Write files that other tools take.")


def add_to(app: typer.Typer) -> None:
    compare_models.add_to(compare)
    compare_calls.add_to(compare)
    app.add_typer(compare, name="compare")
    corrections.add_to(export)
    paraphrases.add_to(export)
    app.add_typer(export, name="export")


@compare.command("complaints")
def compare_complaints(
    backends: Backends,
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            help="CSV with text and any of sentiment, complaint, severity, topic, problem.",
        ),
    ],
    brief: Annotated[
        Path | None,
        typer.Option(
            help="brief.json of `export finetune`: the labels that language models choose from."
        ),
    ] = None,
    as_json: JsonLines = False,
) -> None:
    """Local and language models on the same complaints: accuracy and macro-F1, latency, cost,
    failures.

    For instance a tuned model against a general one, and both against the local one:

    \b
    earshot compare complaints --data test.csv --brief tuned/brief.json \\
        local llm:gpt-4o-mini llm:ft:gpt-4o-mini:me::1

    Only redacted text is sent. A text without a usable answer counts as wrong. Prices:
    EARSHOT_LLM_INPUT_PRICE and EARSHOT_LLM_OUTPUT_PRICE.
    """
    from models.evaluation.compare_backends import compare_complaints as measure
    from models.evaluation.metrics import EvaluationError

    settings = settings_with(llm_brief=brief)
    by_name = {name: _backend(settings, name) for name in dict.fromkeys(backends)}
    try:
        figures = measure(data, by_name)
    except EvaluationError as error:
        raise UserError(str(error)) from None
    if as_json or not sys.stdout.isatty():
        print_json([figures])
    else:
        Console().print(_table(figures["backends"]))


@export.command("finetune")
def export_finetune(
    history: Annotated[
        Path, typer.Argument(help="CSV with text and any of topic, problem, dissatisfaction.")
    ],
    out: Annotated[
        Path, typer.Option(help="Directory for train.jsonl, validation.jsonl and brief.json.")
    ] = Path("finetune"),
    text: Annotated[str | None, typer.Option(help="Name of the column with the text.")] = None,
    topic: Annotated[str | None, typer.Option(help="Name of the column with the topic.")] = None,
    problem: Annotated[
        str | None, typer.Option(help="Name of the column with the problem.")
    ] = None,
    dissatisfaction: Annotated[
        str | None, typer.Option(help="Name of the column with the dissatisfaction.")
    ] = None,
) -> None:
    """Write the chat JSON Lines (system, user, assistant) that fine-tuning a language model needs.

    Personal data is redacted, repeats are left out, a tenth is held out by the hash of its text,
    and every line is read back. Tokens are an estimate with the tokenizer that comes with earshot;
    the tuned model has its own.
    """
    from models.training.custom.chat_export import export_finetune as write
    from models.training.errors import TrainingError

    columns = {"text": text, "topic": topic, "problem": problem, "dissatisfaction": dissatisfaction}
    try:
        exported = write(
            history, out, {column: name for column, name in columns.items() if name is not None}
        )
    except TrainingError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror}") from None
    for line in exported.notes:
        print(line, file=sys.stderr)
    if not sys.stdout.isatty():
        payload = {
            **exported.figures,
            "brief": str(exported.brief),
            "tokens_counted_by": "the shipped tokenizer, an estimate",
        }
        print_json([payload])
        return
    for figures in exported.figures.values():
        print(
            f"{figures['file']}: {figures['examples']:,} examples, about"
            f" {figures['tokens']:,} tokens "
            f"(longest {figures['tokens_longest']:,})"
        )
    print(f"{exported.brief}: what the tuned model is asked with (EARSHOT_LLM_BRIEF)")
    print(
        "tokens are counted with the tokenizer that comes with earshot: an estimate, the"
        " tuned model has its own"
    )


def _backend(settings: Settings, name: str) -> Any:
    from models.evaluation.compare_backends import LlmBackend, LocalBackend
    from stream.bootstrap.llm import brief, language_model
    from stream.bootstrap.loading import load_analyzer

    kind, model = backend_in(name)
    if kind is Backend.local:
        local = settings.model_copy(update={"model": Path(model)}) if model else settings
        return LocalBackend(load_analyzer(local))
    taxonomy = None if settings.llm_brief else load_analyzer(settings).taxonomy
    return LlmBackend(language_model(settings, brief(settings, taxonomy), model or None))


def _table(backends: dict[str, Any]) -> Table:
    heads = [
        head
        for head in ("sentiment", "complaint", "severity", "topic", "problem")
        if any(head in figures for figures in backends.values())
    ]
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column("backend")
    for head in heads:
        table.add_column(f"{head}\naccuracy / F1", justify="right")
    for column in ("p50 / p95 ms", "texts/s", "dollars", "failed"):
        table.add_column(column, justify="right")
    for name, figures in backends.items():
        cost, latency = figures["cost"], figures["latency_ms"].values()
        table.add_row(
            name,
            *(_accuracy(figures.get(head)) for head in heads),
            " / ".join("–" if value is None else f"{value:g}" for value in latency),
            f"{figures['texts_per_s']:g}",
            f"{cost['dollars']:.4f}",
            str(sum(cost["failures"].values())),
        )
    return table


def _accuracy(figures: dict[str, float] | None) -> str:
    if figures is None:
        return "–"
    return f"{figures['accuracy']:.3f} / {figures['macro_f1']:.3f}"
