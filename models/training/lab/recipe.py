"""Recipe of a run of the lab: every choice, with the bounds of its settings."""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.sentiment_classifier import Reading
from models.training.recipes import MINILM, Settings, recipe_of

Way = Literal["full", "lora", "qlora"]
Precision = Literal["auto", "fp32", "bf16"]
LogTo = Literal["none", "tensorboard", "mlflow"]
PUBLIC = ("tweeteval", "sentiment140", "airline", "imdb")

_CODE = re.compile("[a-z]{2,3}")

# The least and the most that a setting may be.
BOUNDS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(
        ("epochs", "batch", "steps", "most", "most_validation", "checkpoint_every"), (1, math.inf)
    ),
    **dict.fromkeys(("layers", "looks", "patience", "threads", "rank", "alpha"), (1, math.inf)),
    **dict.fromkeys(("pseudo_most", "preference_batch"), (1, math.inf)),
    **dict.fromkeys(
        ("frozen", "most_test", "decay", "balance", "preference_weight", "pseudo_weight"),
        (0, math.inf),
    ),
    **dict.fromkeys(("augment", "smoothing", "warmup", "pseudo_least"), (0, 1)),
    "dropout": (0, 0.9),
    "longest": (8, math.inf),
}


@dataclass(frozen=True)
class Recipe:
    """A config file holds only its differences from these. Files are named relative to it."""

    way: Way  # all weights; adapters beside them; adapters on a base of four bits
    name: str = "lab"
    base: str = MINILM  # or `shipped`, a hub's name, a folder, a model directory of ours
    layers: int | None = None  # only the first so many of the base
    frozen: int = 0  # lowest layers, and the embeddings, that stay as they are (full)
    data: str = "tweeteval"  # tweeteval, sentiment140, airline, imdb, or a CSV with text,label
    validation: str | None = None  # a CSV; a tenth of the data otherwise, by the hash of the text
    test: str | None = None
    classes: int = 3
    languages: tuple[str, ...] = ("en",)  # ISO 639-1; the release judges no text in another
    most: int | None = None  # texts to learn from, at most
    most_validation: int | None = None
    most_test: int | None = None
    epochs: int = 3
    steps: int | None = None  # stop after so many, whatever the epochs say
    minutes: float | None = (
        None  # or when so many have gone by the clock; the rate falls in time for it
    )
    batch: int = 32  # texts of one step, of all processes together
    rate: float = 5e-5
    warmup: float = 0.06  # share of the steps
    decay: float = 0.01
    rank: int = 16  # of the adapters
    alpha: int = 32
    dropout: float = 0.1
    smoothing: float = 0.0
    balance: float = 0.0  # class weights: frequency ** -balance
    longest: int = 128  # tokens
    both_ends: bool = False  # of a longer text its beginning and its end, not its beginning alone
    read: tuple[
        int, ...
    ] = ()  # tokens to try the tuned model with as well; the best in validation stays
    looks: int = 1  # validations in an epoch; the weights of the best one are the result
    patience: int | None = None  # stop early after so many looks without a better one
    checkpoint_every: int = 500  # steps
    seed: int = 17
    threads: int = 2
    precision: Precision = "auto"  # bf16 where the processor or GPU has it
    log_to: LogTo = "none"  # besides train.log, by Trainer's own switch; needs that package
    augment: float = 0.0  # share of the texts that are learnt in another wording each time
    augment_ways: tuple[str, ...] = ()  # of augment.WAYS; all of them when empty
    pseudo: str | None = (
        None  # unlabelled texts to label by the model itself: `tweets`, or a file with one a line
    )
    pseudo_most: int = 2000
    pseudo_least: float = 0.9  # probability that it must be sure with
    pseudo_weight: float = 0.5  # of such a text in the loss
    preferences: str | None = None  # a CSV with text,better,worse
    preference_weight: float = 0.5
    preference_beta: float = 1.0
    preference_batch: int = 8  # pairs beside the texts of a step

    @property
    def reading(self) -> Reading:
        return Reading(self.longest, self.both_ends)


def is_recipe(config: Path) -> bool:
    """True for a recipe of the lab, which has a `way`."""
    try:
        return "way" in tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file. Raises RecipeError naming an unknown or wrong setting."""
    return recipe_of(Recipe, path, _wrong)


def _wrong(settings: Settings) -> str | None:
    if settings.get("way") is None:
        return 'it does not say the way: "full", "lora" or "qlora"'
    if settings.get("classes", 3) not in (2, 3):
        return "classes is 2 (negative, positive) or 3 (negative, neutral, positive)"
    for name, (lowest, highest) in BOUNDS.items():
        value = settings.get(name)
        if value is not None and not lowest <= value <= highest:
            return f"{name} is {lowest:g} " + (
                "or more" if math.isinf(highest) else f"to {highest:g}"
            )
    for name in ("rate", "minutes", "preference_beta"):
        if not settings.get(name, 1) > 0:
            return f"{name} is more than 0"
    languages = settings.get("languages", ["en"])
    if not (languages and all(map(_CODE.fullmatch, languages))):
        return 'languages are codes of ISO 639-1, one at least, such as ["en", "es"]'
    if min(settings.get("read", (8,)), default=8) < 8:
        return "read is 8 or more"
    return None
