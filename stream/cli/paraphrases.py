"""`earshot export paraphrases`: labelled texts in other words, to train with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from stream.cli.corrections import write_table
from stream.cli.options import CurrentModel, present, settings_with
from stream.cli.plain import quantity
from stream.cli.progress import counted
from stream.cli.records import print_json
from stream.errors import UserError


def add_to(export: typer.Typer) -> None:
    export.command("paraphrases")(export_paraphrases)


def export_paraphrases(
    labelled: Annotated[Path, typer.Argument(help="CSV with text,label.")],
    n: Annotated[int, typer.Option("--n", min=1, max=5, help="Paraphrases of a text.")] = 2,
    out: Annotated[Path, typer.Option(help="The CSV to write: text,label.")] = Path(
        "paraphrases.csv"
    ),
    llm: Annotated[
        str | None, typer.Option("--llm", help="Language model; EARSHOT_LLM_MODEL otherwise.")
    ] = None,
    model: CurrentModel = None,
) -> None:
    """Let a language model write labelled texts in other words, to train with: `data = "FILE"` in a
    recipe of `earshot train sentiment`.

    The file has your texts and, of each, the paraphrases to which the local model gives the label
    that it gives to your text. Only redacted text is sent. What is dropped is counted by its
    reason. Texts that the training holds out are not paraphrased.

    Answers are kept beside the file (FILE.answers.jsonl): the same command asks only for what is
    missing. Exit code 1: some texts got no answer. Prices: EARSHOT_LLM_INPUT_PRICE and
    EARSHOT_LLM_OUTPUT_PRICE.
    """
    from models.training.errors import TrainingError
    from models.training.lab.paraphrases import ANSWER_TOKENS, paraphrase_brief, paraphrases
    from stream.bootstrap.llm import language_model
    from stream.bootstrap.loading import load_analyzer

    present(labelled)
    if out.exists() and out.samefile(labelled):
        raise UserError(f"--out {out}: that is the file with your labels; name another")
    settings = settings_with(model=model)
    writer = language_model(settings, paraphrase_brief(n), llm, answer_tokens=ANSWER_TOKENS * n)
    try:
        with counted("texts") as on_progress:
            written = paraphrases(
                labelled, out, writer, load_analyzer(settings), n=n, on_progress=on_progress
            )
    except TrainingError as error:
        raise UserError(str(error)) from None
    figures = written.figures
    if figures["asked"] and not figures["paraphrases"]:
        raise UserError(f"{writer.model} gave no answer ({_counts(figures['cost']['failures'])})")
    write_table(out, ("text", "label"), written.rows)
    if sys.stdout.isatty():
        _print(out, figures)
    else:
        print_json([{"file": str(out), **figures}])
    if written.unanswered:
        print(
            f"earshot: {quantity(written.unanswered, 'text')} got no answer"
            f" ({_counts(figures['cost']['failures'])}); the same command asks for them again",
            file=sys.stderr,
        )
        raise typer.Exit(1)


def _print(out: Path, figures: dict[str, Any]) -> None:
    print(
        f"{out}: {quantity(figures['originals'], 'text')} and"
        f" {figures['kept']:,} of {quantity(figures['paraphrases'], 'paraphrase')}"
    )
    for title, key in (("dropped", "dropped"), ("texts not paraphrased", "left_out")):
        if figures[key]:
            print(f"{title}: {_counts(figures[key])}")
    cost = figures["cost"]
    print(
        f"${cost['dollars']:.4f} for {cost['input_tokens']:,} tokens sent and"
        f" {cost['output_tokens']:,} received, in {quantity(cost['requests'], 'request')}"
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{reason}: {count:,}" for reason, count in counts.items()) or "nothing sent"
