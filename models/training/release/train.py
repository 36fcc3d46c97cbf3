"""Training of the model of all heads by a recipe, through the gate to the model directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.training.encoder.precision import device_of
from models.training.encoder.recipe import read_recipe
from models.training.encoder.trainer import Trainer, corpus_of
from models.training.release.refit_heads import refit
from models.training.release.release import release


def train(
    config: Path,
    out: Path | None = None,
    *,
    data: Path | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train the recipe in `config`, write the model to `out/model`, and return its story.

    out: log and checkpoints; a run that was interrupted goes on from there (`runs/NAME`). data: the
    public sets. Raises TrainingError, with one clear line, for what is missing or wrong and for a
    model that the gate refuses.
    """
    recipe = read_recipe(config)
    out = out or Path("runs") / recipe.name
    device_of(recipe.device)  # before the texts are read, which takes a minute
    corpus = corpus_of(recipe, config, data)
    if recipe.heads_only:
        return refit(recipe, corpus, out, say)
    trainer = Trainer(recipe, corpus, out, say)
    trainer.run()
    return release(trainer, out / "model", say=say)
