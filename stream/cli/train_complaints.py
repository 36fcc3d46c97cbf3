"""The command that learns from a company's own history: train complaints."""

from __future__ import annotations

import importlib.util
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from stream.cli.models import _tell
from stream.cli.training_bar import watched
from stream.errors import UserError
from stream.settings import read_settings

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
        Path, typer.Argument(help="CSV with text and any of topic, problem, dissatisfaction.")
    ],
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
    least: Annotated[
        int, typer.Option(min=2, help="A class with fewer texts is learnt as other.")
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
) -> None:
    """Teach a model your own topics, problems and dissatisfaction from your history of complaints.

    The result is a model directory: EARSHOT_MODEL=OUT/model earshot analyze "...", or earshot model
    use OUT/model. Dissatisfaction may be 0-100, 1-5, 0-4 or Low, Medium, High. A tuning that was
    interrupted goes on where it was.
    """
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise UserError(
            f"training needs more packages ({', '.join(missing)}): pip install 'earshot[train]'"
        )
    from models.training.custom.request import TrainingRequest
    from models.training.errors import TrainingError

    given = {"text": text, "topic": topic, "problem": problem, "dissatisfaction": dissatisfaction}
    request = TrainingRequest(
        history,
        columns={ours: name for ours, name in given.items() if name is not None},
        scale=scale and scale.value,
        minimum=least,
        limit=per_class,
        test=test,
    )
    folder = out or Path("runs") / history.name.partition(".")[0]
    try:
        with watched() as say:
            if curve:
                from models.training.custom.learning_curve import learning_curve

                figures = learning_curve(request, _start(model), say)
            elif head_only:
                from models.training.custom.heads_only import train_light

                story = train_light(request, _start(model), folder / "model", say)
            else:
                from models.training.custom.finetune_encoder import train_tuned

                story = train_tuned(request, _start(model), folder, config, say)
    except TrainingError as error:
        raise UserError(str(error)) from None
    if curve:
        _tell(figures)
        return
    _tell(
        {
            "model": story["version"],
            **{name: _short(one) for name, one in {**story["validation"], **story["test"]}.items()},
        }
    )
    print(
        f'{folder / "model"}: try EARSHOT_MODEL={folder / "model"} earshot analyze "..."',
        file=sys.stderr,
    )


def _start(model: Path | None) -> Any:
    """The model to start from: the one that is named, or the one in use."""
    from models.artifact import load_artifact
    from models.registry import Registry

    settings = read_settings()
    return load_artifact(model or settings.model or Registry(settings.home / "models").current())


def _short(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if not isinstance(value, dict | list)}
