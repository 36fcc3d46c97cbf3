"""Recipe of the encoder and its heads: every choice of a run, and its reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.training.recipes import MINILM, Device, recipe_of


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run. A config file holds only its differences from these."""

    name: str = "sentiment"
    base: str = MINILM
    start: str | None = (
        None  # checkpoint of an earlier run, or a model directory: its weights are the first ones
    )
    of_start: float = (
        0.0  # share of the start's weights in the result (after Wortsman et al., 2022)
    )
    layers: int | None = None
    table: str | None = None  # a CSV beside the config instead of the public sets
    epochs: int = 3
    batch: int = 64
    rate: float = 1e-3  # of the adapters; the heads learn at the same
    warmup: float = 0.06  # share of the steps
    decay: float = 0.01
    rank: int = 32
    alpha: int = 64
    dropout: float = (
        0.1  # in the heads; random numbers for every layer would cost a third of the time
    )
    word_dropout: float = 0.05  # tokens read as [UNK]
    smoothing: float = 0.05
    balance: float = 0.5  # class weights: frequency ** -balance
    severity_weight: float = 1.0
    complaint_weight: float = 0.5
    polar_weight: float = 0.5  # sentiment of texts whose set knows no neutral
    topic_weight: float = 0.5  # and of problem
    topic_balance: float | None = None  # and of problem; that of the others, if it is not said
    index_weight: float = 0.0  # of the distance between the expected and the true severity
    same_weight: float = (
        0.0  # of a text's misprinted or reworded form being read as the text itself
    )
    cause_weight: float = 0.5
    side_weight: float = 0.3  # emotion, irony ...: they only teach the encoder
    misprints: float = 0.15  # share of the texts that are learned with misprints
    rewordings: float = 0.0  # share of the texts that are learned in other words
    plain: int = (
        1  # of the texts that tell the sentiment alone, one in so many is learned in an epoch
    )
    turns: int = 2  # and of the sets by turns
    # tokens; longer texts are cut. Heads taught again may read more than their start, not less
    longest: int = 128
    embedding_weight: float = 3.0  # of 1 - cosine to the base's embedding
    embedding_every: int = 3  # steps; in the others the embedding is left alone
    average: float = 0.998  # exponential average of the weights, per step
    seed: int = 17
    threads: int = 2
    device: Device = "auto"  # auto: a GPU where there is one
    checkpoint_every: int = 250
    looks: int = 2  # validations in an epoch; the weights of the best one are the result
    soup: int = 1  # heads taught again: the mean of so many runs, each with a seed of its own
    heads_only: bool = (
        False  # of the model directory `start`, the encoder stays as it is; see refit.py
    )
    heads: tuple[str, ...] = ("severity", "topic", "problem")  # of them, where heads alone are
    # times that a message whose topic a reader named is learned in an epoch, where heads alone are
    read: int = 1
    minutes: float | None = (
        None  # the run ends by then, its rate at its lowest, be the epochs over or not
    )


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file. Raises RecipeError naming an unknown or wrong setting."""
    return recipe_of(Recipe, path)
