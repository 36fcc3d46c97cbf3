"""`earshot train masked`: an encoder continued on texts without labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from stream.cli import show
from stream.cli.options import (
    NO_RECIPE,
    PublicData,
    RunFolder,
    TrainingRecipe,
    present,
    require,
)
from stream.cli.training_bar import watched
from stream.errors import UserError


def add_to(train: typer.Typer) -> None:
    train.command("masked")(train_masked)


def train_masked(
    config: TrainingRecipe,
    texts: Annotated[
        list[Path] | None,
        typer.Option(
            help="Texts to learn from: CSV with text, or a text a line (.txt, .txt.gz); may be"
            " repeated. The recipe's otherwise, or the public sets."
        ),
    ] = None,
    out: RunFolder = None,
    data: PublicData = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="End by then, whatever is left of the texts.")
    ] = None,
) -> None:
    """Continue an encoder on texts without labels, by guessing masked words; write it to OUT/model.

    A recipe of `train sentiment` takes the result as its `base`. Texts that the encoder is measured
    with are left out of the public sets; those that the replier is tested with are not. A run that
    was interrupted goes on from its last checkpoint.
    """
    present(config, NO_RECIPE)
    for path in texts or ():
        present(path)
    require(("torch",), "training")
    from models.training.corpus.data import shared_data
    from models.training.corpus.unlabelled import own_texts, public_unlabelled
    from models.training.encoder.masked import MaskedTraining
    from models.training.encoder.masked_recipe import read_masked_recipe
    from models.training.encoder.precision import device_of
    from models.training.errors import TrainingError

    try:
        recipe = read_masked_recipe(config)
        if minutes is not None:
            recipe = replace(recipe, minutes=minutes)
        device_of(recipe.device)  # before the texts are read, which takes a minute
        files = texts or [config.parent / name for name in recipe.texts]
        read = (
            own_texts(files, recipe.held_out)
            if files
            else public_unlabelled(data or shared_data(), recipe.held_out)
        )
        with watched() as on_line:
            figures = MaskedTraining(recipe, read, out or Path("runs") / recipe.name, on_line).run()
    except TrainingError as error:
        raise UserError(str(error)) from None
    show.figures(figures)
