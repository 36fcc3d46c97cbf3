"""`earshot train complaints`: a model of a company's own history."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from stream.cli import show
from stream.cli.options import NO_RECIPE, FromCorrections, present, require, settings_with
from stream.cli.released import released
from stream.cli.training_bar import watched
from stream.errors import UserError

OnLine = Callable[[str], None]

NEEDED = ("sklearn", "onnx", "torch", "peft", "optimum")


class Scale(StrEnum):
    hundred = "0-100"
    five = "1-5"
    four = "0-4"
    words = "words"


def add_to(train: typer.Typer) -> None:
    train.command("complaints")(train_complaints)


def train_complaints(
    history: Annotated[
        Path | None,
        typer.Argument(help="CSV with text and any of topic, problem, dissatisfaction."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Directory of the run; runs/NAME-OF-THE-FILE otherwise. The model is its model."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A recipe for the tuning; see models/training/configs/own.toml."),
    ] = None,
    head_only: Annotated[
        bool,
        typer.Option(
            "--head-only",
            help="Leave the encoder as it is: seconds instead of minutes, for little data.",
        ),
    ] = False,
    test: Annotated[
        Path | None, typer.Option(help="CSV with the same columns that measures the result.")
    ] = None,
    curve: Annotated[
        bool,
        typer.Option(
            "--curve",
            help="Learn nothing for good: print the accuracy at 5, 20 and all texts a class.",
        ),
    ] = False,
    per_class: Annotated[
        int | None, typer.Option(min=1, help="Learn from so many texts of a class, at most.")
    ] = None,
    minimum: Annotated[
        int, typer.Option("--least", min=2, help="A class with fewer texts is learnt as other.")
    ] = 3,
    scale: Annotated[
        Scale | None, typer.Option(help="Of dissatisfaction, where the values do not tell.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Name of the column with the text.")] = None,
    topic: Annotated[str | None, typer.Option(help="Name of the column with the topic.")] = None,
    problem: Annotated[
        str | None, typer.Option(help="Name of the column with the problem.")
    ] = None,
    dissatisfaction: Annotated[
        str | None, typer.Option(help="Name of the column with the dissatisfaction.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="Directory of the model to start from.")
    ] = None,
    from_corrections: FromCorrections = False,
) -> None:
    """Teach a model your own topics, problems and dissatisfaction from your history of complaints.

    The result is a model directory: EARSHOT_MODEL=OUT/model earshot analyze "...", or earshot model
    use OUT/model. --from-corrections teaches the model in use the topics, problems, severities and
    sentiments that people corrected; all its other heads stay. Dissatisfaction may be 0-100, 1-5,
    0-4 or Low, Medium, High. A tuning that was interrupted goes on where it was.
    """
    if from_corrections:
        _from_corrections(history, out, model)
        return
    if history is None:
        raise UserError("name the CSV of the history, or say --from-corrections")
    present(history)
    present(test)
    present(config, NO_RECIPE)
    require(NEEDED, "training")
    from models.training.custom.request import TrainingRequest
    from models.training.errors import TrainingError
    from stream.bootstrap.loading import artifact_in_use

    columns = {"text": text, "topic": topic, "problem": problem, "dissatisfaction": dissatisfaction}
    request = TrainingRequest(
        history,
        columns={column: name for column, name in columns.items() if name is not None},
        scale=scale and scale.value,
        minimum=minimum,
        limit=per_class,
        test=test,
    )
    folder = out or Path("runs") / history.name.partition(".")[0]
    try:
        start = artifact_in_use(settings_with(model=model))
        with watched() as on_line:
            if curve:
                figures = _learning_curve(request, start, on_line)
            else:
                train = _train_heads if head_only else _finetune
                story = train(request, start, folder, config, on_line)
                figures = _run_figures(story)
    except TrainingError as error:
        raise UserError(str(error)) from None
    show.figures(figures)
    if not curve:
        print(released(folder / "model", story), file=sys.stderr)


def _from_corrections(table: Path | None, out: Path | None, model: Path | None) -> None:
    """Teach the model in use what people corrected. table: an export; the store's otherwise."""
    from stream.cli.corrections import write_heads

    present(table)
    require(NEEDED, "training")
    folder = out or Path("runs") / "corrected"
    if table is None:
        table = folder / "corrections.csv"
        print(f"{table}: {write_heads(table)} messages", file=sys.stderr)
    from models.training.custom.corrected import train_corrected
    from models.training.errors import TrainingError
    from stream.bootstrap.loading import artifact_in_use

    try:
        start = artifact_in_use(settings_with(model=model))
        with watched() as on_line:
            story = train_corrected(table, start, folder / "model", on_line)
    except TrainingError as error:
        raise UserError(str(error)) from None
    show.figures({"model": story["version"], **story["corrections"]["learned"]})
    print(released(folder / "model", story), file=sys.stderr)


def _learning_curve(request: Any, start: Any, on_line: OnLine) -> dict[str, Any]:
    from models.training.custom.learning_curve import learning_curve

    return learning_curve(request, start, on_line)


def _train_heads(
    request: Any, start: Any, folder: Path, _: Path | None, on_line: OnLine
) -> dict[str, Any]:
    from models.training.custom.heads_only import train_light

    return train_light(request, start, folder / "model", on_line)


def _finetune(
    request: Any, start: Any, folder: Path, config: Path | None, on_line: OnLine
) -> dict[str, Any]:
    from models.training.custom.finetune_encoder import train_tuned

    return train_tuned(request, start, folder, config, on_line)


def _run_figures(story: dict[str, Any]) -> dict[str, Any]:
    """The model's version, and the plain figures of every head."""
    figures: dict[str, Any] = {"model": story["version"]}
    for head, measured in {**story["validation"], **story["test"]}.items():
        figures[head] = {
            name: value for name, value in measured.items() if not isinstance(value, dict | list)
        }
    return figures
