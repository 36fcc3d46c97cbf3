"""What `earshot train sentiment CONFIG` does: train to the end, pass the gate, write the model directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.training.release import release
from models.training.sentiment import Trainer, corpus_of, read_recipe


def train(
    config: Path, out: Path | None = None, *, data: Path | None = None, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Train the recipe in `config` and return the story of the model that was written.

    Goes on from the last checkpoint in `runs/NAME`. out: by default `runs/NAME/model`. data: the public sets.
    Raises DataError or OSError for what is missing, ValueError for a bad config, GateError if it is weak.
    """
    recipe = read_recipe(config)
    run = Path("runs") / recipe.name
    trainer = Trainer(recipe, corpus_of(recipe, config, data), run, say)
    trainer.run()
    return release(trainer, out or run / "model")
