"""Recipe of a replier: every choice of a run, and its reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.training.recipes import recipe_of


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run. A config file holds only its differences from these."""

    name: str = "replies"
    pairs: str = "replies/support_pairs.csv.gz"  # beside the config, or beneath the public sets
    vocabulary: int = 6000
    embedding: int = 256
    encoder: int = 192  # in each direction
    decoder: int = 512
    condition: int = 64
    epochs: int = 12
    batch: int = 32
    rate: float = 1.5e-3
    warmup: float = 0.04  # share of the run in which the rate rises
    fall: float = 0.04  # share of the run after which it falls
    decay: float = 0.02
    dropout: float = 0.1
    smoothing: float = 0.03
    forget: float = 0.3  # share of the pairs whose flags the network is not told
    forget_brand: float = 0.2
    brand_pairs: int = 100  # a brand with fewer is one of the others
    longest_source: int = 64
    longest_target: int = 64
    average: float = 0.998  # exponential average of the weights, per step
    order: int = 5  # of the n-grams
    keep: int = 2_000_000  # n-grams of order two and more that are kept
    words: int = 1500  # of the subwords, those that drafts are written with
    seed: int = 17
    threads: int = 1
    checkpoint_every: int = 500
    validate_every: int | None = None  # steps; unset: after every epoch
    start: str | None = None  # a replier's directory whose weights the run begins with
    # Of processor time, perhaps before the last epoch; the rate falls to its end by then. 0: of a
    # released replier that the run starts from, only the n-grams, the mix and the figures are made
    # anew.
    minutes: float | None = None


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file. Raises RecipeError naming an unknown or wrong setting."""
    return recipe_of(Recipe, path)
