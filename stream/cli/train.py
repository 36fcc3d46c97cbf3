"""`earshot train`: the group of commands, and `train replies`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stream.cli import calls, lab, train_complaints, train_llm, train_masked, train_triage
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

train = typer.Typer(
    no_args_is_help=True,
    help="Train a model (needs the train extra: pip install 'earshot\\[train]')",
)


def add_to(app: typer.Typer) -> None:
    calls.add_training(train)
    train_complaints.add_to(train)
    train_triage.add_to(train)
    lab.add_training(train)
    train_masked.add_to(train)
    train_llm.add_to(train)
    app.add_typer(train, name="train")


@train.command("replies")
def train_replies(
    config: TrainingRecipe,
    out: RunFolder = None,
    data: PublicData = None,
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
    present(config, NO_RECIPE)
    present(from_edits, "the edits cannot be read (No such file or directory)")
    require(("torch",), "training")
    from models.training.errors import TrainingError
    from models.training.replies.train import train_replies as run

    try:
        with watched() as on_line:
            run(config, out, data=data, edits=from_edits, say=on_line)
    except TrainingError as error:
        raise UserError(str(error)) from None
