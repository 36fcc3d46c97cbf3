"""Recipe of masked-language training: every choice of a run, and its reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.training.recipes import MINILM, Device, recipe_of


@dataclass(frozen=True)
class MaskedRecipe:
    """Every choice of a run. A config file holds only its differences from these.

    texts: files beside the config, CSV with `text` or a text a line, instead of the public sets.
    """

    name: str = "masked"
    base: str = MINILM
    layers: int | None = None
    texts: tuple[str, ...] = ()
    epochs: int = 1
    batch: int = 64
    rate: float = 1e-4
    warmup: float = 0.06  # share of the steps
    decay: float = 0.01
    masked: float = 0.15  # share of the tokens that are guessed
    longest: int = 96  # tokens; longer texts are cut
    embedding_weight: float = 3.0  # of 1 - cosine to the base's embedding
    embedding_every: int = 3  # steps; in the others the embedding is left alone
    held_out: int = 2000  # texts of the validation part, by hash, that each look measures; at most
    looks: int = 4  # measurements in an epoch; the weights of the best one are the result
    checkpoint_every: int = 250  # steps
    seed: int = 17
    threads: int = 2
    device: Device = "auto"  # auto: a GPU where there is one
    minutes: float | None = None  # the run ends by then, its rate at its lowest


def read_masked_recipe(path: Path) -> MaskedRecipe:
    """The recipe in a TOML file. Raises RecipeError naming an unknown or wrong setting."""
    return recipe_of(MaskedRecipe, path)
