"""Commands of the model lab: `train sentiment`, `report`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream.cli import show
from stream.cli.corrections import write_corrections
from stream.cli.options import (
    NO_RECIPE,
    PublicData,
    RunFolder,
    TrainingRecipe,
    present,
    require,
)
from stream.cli.released import released
from stream.cli.training_bar import watched
from stream.errors import UserError

if TYPE_CHECKING:
    from models.training.lab.recipe import Recipe

FIGURES = ("n", "accuracy", "macro_f1", "macro_recall", "weighted_f1", "ece")
NEEDED = ("torch", "transformers", "peft", "accelerate", "optimum")


def add_to(app: typer.Typer) -> None:
    app.command()(report)


def add_training(train: typer.Typer) -> None:
    train.command("sentiment")(train_sentiment)


def train_sentiment(
    config: TrainingRecipe,
    out: RunFolder = None,
    data: PublicData = None,
    preferences: Annotated[
        Path | None,
        typer.Option(help="CSV with text,better,worse: pairs to learn from beside the labels."),
    ] = None,
    from_corrections: Annotated[
        bool,
        typer.Option(
            "--from-corrections",
            help="Learn from the sentiments that people corrected in the console.",
        ),
    ] = False,
) -> None:
    """Train a model by a recipe, export, quantise, and write the small model to OUT if it passes
    the gate.

    A recipe that says its way (full, lora, qlora) trains one of the lab: any base, OUT/model and
    OUT/adapter for `from_pretrained`, OUT/release for earshot. Any other recipe trains the model of
    all heads (OUT/model). A run that was interrupted goes on from its last checkpoint. On several
    processes: accelerate launch -m stream.cli train ...
    """
    present(config, NO_RECIPE)
    if not from_corrections:  # both together are refused below
        present(preferences)
    require(NEEDED, "training")
    from models.training.errors import TrainingError
    from models.training.lab.offline import check_base
    from models.training.lab.recipe import is_recipe, read_recipe

    try:
        if not is_recipe(config):
            if (preferences is not None or from_corrections) and config.is_file():
                raise UserError(
                    'pairs are for recipes of the lab, which say way = "full" or "lora"'
                )
            _train_heads(config, out, data)
            return
        check_base(read_recipe(config).base)
        if from_corrections:
            preferences = _corrected(read_recipe(config), out, preferences)
        _train_of_the_lab(config, out, data, preferences)
    except TrainingError as error:
        raise UserError(str(error)) from None


def _train_heads(config: Path, out: Path | None, data: Path | None) -> None:
    from models.training.release.train import train

    with watched() as on_line:
        story = train(config, out, data=data, say=on_line)
    folder = (out or Path("runs") / str(story.get("recipe", {}).get("name", "default"))) / "model"
    print(released(folder, story), file=sys.stderr)


def _train_of_the_lab(
    config: Path, out: Path | None, data: Path | None, preferences: Path | None
) -> None:
    from models.evaluation.compare_served import Served
    from models.training.lab.train import train
    from stream.bootstrap.loading import model_registry
    from stream.settings import read_settings

    in_use = Served(model_registry(read_settings()).current())
    with watched() as on_line:
        story = train(config, out, data=data, preferences=preferences, in_use=in_use, say=on_line)
    if story:  # of several processes one tells it
        show.figures(run_figures(story))
        print(ending(out or Path("runs") / story["recipe"]["name"], story), file=sys.stderr)


def ending(run: Path, story: dict[str, Any]) -> str:
    """Where a finished run lies, what the gate said, and what to type next."""
    checks = len(story["release"]["gate"])
    return (
        f"{run}: the model passed the {checks} checks of the gate ({run / 'release'}; `earshot"
        f' report {run}` shows all)\nnext: earshot analyze --model {run / "release"} "..."   or'
        f" earshot compare sentiment {run / 'release'} shipped --data labelled.csv"
    )


def _corrected(recipe: Recipe, out: Path | None, preferences: Path | None) -> Path:
    """The file of people's corrections in the run's folder, written now."""
    from models.training.lab.sets import NAMES

    if preferences is not None:
        raise UserError("--preferences or --from-corrections, not both")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError(
            "on several processes: earshot export corrections first, then --preferences its file"
        )
    path = (out or Path("runs") / recipe.name) / "corrections.csv"
    print(f"{path}: {write_corrections(path, NAMES[recipe.classes])} pairs", file=sys.stderr)
    return path


def run_figures(story: dict[str, Any]) -> dict[str, Any]:
    """The figures of a finished run for a person."""
    release = story["release"]
    figures = {
        "model": release["version"],
        "parameters": story["parameters"],
        "seconds": story["seconds"],
        "bytes": {**story["bytes"], "int8": release["bytes"]["int8"]},
    }
    for part in ("validation", "test"):
        if part in release:
            figures[part] = {name: release[part][name] for name in FIGURES}
    if "in_use" in release:
        figures["in_use"] = release["in_use"]
    return figures


def report(
    run: Annotated[
        Path, typer.Argument(help="Directory of a run of any `train` (runs/NAME), or of a model.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="The page to write; RUN/report.html otherwise.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="CSV with text,label: what the run's model says of it, shown as well."
        ),
    ] = None,
) -> None:
    """One page about a training run: loss curves, confusion, reliability, slices, most wrong texts,
    words.

    A single HTML file without links to anything. The texts shown are of the run's own held-out
    parts (or of --data); personal data in them is replaced.
    """
    present(run, "there is no such directory of a run")
    present(data)
    require(("matplotlib", "wordcloud", "sklearn", "jinja2"), "report")
    from models.evaluation.metrics import EvaluationError
    from models.training.errors import TrainingError
    from models.training.lab.report.page import page
    from models.training.lab.report.read import predictions_of, read_run

    try:
        training_run = read_run(run)
        if data is not None:
            training_run.predictions[data.name] = predictions_of(data, served_by(run))
        html = page(training_run)
    except (TrainingError, EvaluationError) as error:
        raise UserError(str(error)) from None
    path = out or run / "report.html"
    try:
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: it cannot be written ({error.strerror})") from None
    print(path)


def served_by(run: Path) -> Any:
    """The small model of sentiments of a run or a directory. Raises UserError without one."""
    from models.artifact import STORY, is_classifier
    from models.evaluation.compare_served import Served

    for folder in (run / "release", run / "model", run):
        if is_classifier(folder) or (folder / STORY).is_file():
            return Served(folder)
    raise UserError(
        f"{run}: it holds no model that says a sentiment (release/ or model/ with its story)"
    )
