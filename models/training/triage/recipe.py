"""Recipe of the heads of triage: every choice of a run, and its reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.training.recipes import Device, recipe_of


@dataclass(frozen=True)
class TriageRecipe:
    """Every choice of a run. A config file holds only its differences from these.

    start: the model directory that is tuned. tables, keyed, conversations: what is learned from;
    relative names are looked for below the public data, and then beside the project's tests.
    """

    name: str = "triage"
    start: str = "models/artifacts/default"
    table: str | None = None  # a CSV beside the config instead of the public sets of other heads
    tables: tuple[str, ...] = ()
    keyed: tuple[str, ...] = ()  # labels by a hash of the text
    sought: float = 1.0  # weight of those of them that were looked for, not drawn at random
    conversations: tuple[str, ...] = ()
    choose_tables: tuple[str, ...] = ()  # what thresholds and calibration are chosen on
    choose_keyed: tuple[str, ...] = ()  # labels by a hash of the text
    choose_conversations: tuple[str, ...] = ()
    paraphrases: tuple[str, ...] = ()  # CSV `group,text`: a group says one thing in other words
    sentiments: tuple[str, ...] = ()  # CSV `text,sentiment`
    examples: float = 0.7  # weight of the examples that come with earshot; 0 leaves them out
    heads_only: bool = False  # heads of level and reasons on the encoder as it is
    readers: bool = False  # the two readers beside those heads, on the encoder as it is
    soup: int = 1  # runs of a head whose weights are averaged, where heads alone are taught
    rehearsal: int = 30_000  # texts of the other heads' training that hold those heads in place
    rehearsed: int = 24  # of them in a step
    groups: int = 4  # of paraphrases in a step
    felt: int = 16  # texts with a sentiment in a step
    epochs: int = 3
    falling: int = 0  # epochs in which the rate falls to nothing; 0 for as many as are run
    batch: int = 32
    rate: float = 6e-5  # of the encoder
    head_rate: float = 8e-4
    warmup: int = 80  # steps
    decay: float = 0.01
    frozen: int = 3  # layers of the encoder, from below, that stay as they are
    longest: int = 128  # tokens
    varied: float = 0.5  # share of the messages that are learned in another form
    reason_weight: float = 0.5
    state_weight: float = 0.7
    keep_weight: float = 0.35  # of the other heads' judgement of rehearsed texts
    keep_labelled_weight: float = 0.15  # and of labelled ones
    alike_weight: float = 0.4  # of what the other heads make of paraphrases
    sentiment_weight: float = 0.4  # of labelled sentiments
    named_weight: float = 0.0  # of topics and problems that readers named; 0 leaves them out
    embedding_weight: float = 20.0  # within those, of 1 - cosine to the start's embedding
    dropout: float = 0.1
    start_share: float = 0.0  # of the start's weights in what is released
    seed: int = 0
    threads: int = 2
    device: Device = "auto"  # auto: a GPU where there is one


def read_triage_recipe(path: Path) -> TriageRecipe:
    """The recipe in a TOML file. Raises RecipeError naming an unknown or wrong setting."""
    return recipe_of(TriageRecipe, path)
