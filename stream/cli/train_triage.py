"""`earshot train triage`: the levels taught by one's own labels, or by a recipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from stream.cli import show
from stream.cli.corrections import write_levels
from stream.cli.options import (
    FromCorrections,
    present,
    require,
    settings_with,
)
from stream.cli.plain import quantity
from stream.cli.released import released
from stream.cli.training_bar import watched
from stream.errors import UserError

RECIPE = ".toml"


def add_to(train: typer.Typer) -> None:
    train.command("triage")(train_triage)


def train_triage(
    labels: Annotated[
        Path | None,
        typer.Argument(
            help="CSV with text,should_ticket,priority and, if you like, sure,reasons; or a recipe"
            " (.toml)."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory of the run; runs/NAME-OF-THE-FILE otherwise.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Of a recipe (.toml): directory of the public data sets."),
    ] = None,
    from_corrections: FromCorrections = False,
) -> None:
    """Teach the level of a message by your own labels, in seconds; write the model to OUT/model.

    It takes 50 labels. It starts from the model in use, all of which stays as it is but the head of
    levels. So does the head of reasons: a P1 still takes a decisive reason or phrase, so what you
    label P1 without one becomes a P2.

    sure: 0 where a colleague could decide otherwise; such a label counts 0.6. reasons: codes parted
    by a semicolon; they are checked, and a recipe alone learns them. A wrong one is answered with
    the list of all.

    A recipe, as models/training/configs/triage.toml, trains the heads of triage of the model that
    comes with earshot.
    """
    if labels is None:
        if not from_corrections:
            raise UserError("name the CSV of the labels, or say --from-corrections")
        labels = (out or Path("runs") / "levels") / "levels.csv"
        print(f"{labels}: {quantity(write_levels(labels), 'label')}", file=sys.stderr)
    present(labels)
    require(("torch",), "training")
    from models.training.errors import TrainingError

    folder = out or Path("runs") / labels.stem
    try:
        with watched() as on_line:
            run = _by_recipe if labels.suffix == RECIPE else _by_labels
            story = run(labels, folder, data, on_line)
    except TrainingError as error:
        raise UserError(str(error)) from None
    show.figures({"model": story["version"], **story["triage"]["figures"]})
    print(released(folder / "model", story), file=sys.stderr)


def _by_labels(labels: Path, folder: Path, _: Path | None, on_line: Any) -> dict[str, Any]:
    from models.training.triage.own import train_own
    from stream.bootstrap.loading import artifact_in_use

    return train_own(labels, folder, artifact_in_use(settings_with()).folder, on_line)


def _by_recipe(config: Path, folder: Path, data: Path | None, on_line: Any) -> dict[str, Any]:
    from models.training.corpus.data import shared_data, table_corpus
    from models.training.corpus.public import public_corpus
    from models.training.encoder.precision import device_of
    from models.training.triage.data import triage_data
    from models.training.triage.heads import refit_triage
    from models.training.triage.readers import add_readers
    from models.training.triage.recipe import read_triage_recipe
    from models.training.triage.release import train_triage

    recipe, root = read_triage_recipe(config), data or shared_data()
    device_of(recipe.device)  # before anything is read
    labels = triage_data(recipe, root)
    if recipe.readers:
        return add_readers(recipe, labels, folder, on_line)
    if recipe.heads_only:
        return refit_triage(recipe, labels, folder, on_line)
    corpus = table_corpus(config.parent / recipe.table) if recipe.table else public_corpus(root)
    return train_triage(recipe, labels, corpus, folder, on_line)
