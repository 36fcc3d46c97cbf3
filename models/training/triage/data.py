"""Data of a run of triage: what its recipe names, found and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from models.examples.kernel import read_examples
from models.training.corpus.data import DataError, file_hash
from models.training.corpus.keyed import OWN
from models.training.triage.labelled import (
    UNIFORM,
    Labelled,
    labelled,
    read_conversations,
    read_keyed,
    read_messages,
)
from models.training.triage.paraphrases import read_paraphrases, read_sentiments
from models.training.triage.recipe import TriageRecipe

Row = TypeVar("Row")


@dataclass(frozen=True)
class TriageData:
    """learned: messages and last messages of conversations. chosen_on: held-out messages, and
    conversations, that thresholds are chosen on. paraphrases: groups of texts that say one thing.
    sentiments: texts with their class. hashes: SHA-256 of every file that was read.
    """

    learned: Sequence[Labelled]
    chosen_on: Sequence[Labelled]
    chosen_on_conversations: Sequence[Labelled] = ()
    paraphrases: Sequence[list[str]] = ()
    sentiments: Sequence[tuple[str, int]] = ()
    hashes: dict[str, str] = field(default_factory=dict)


def triage_data(recipe: TriageRecipe, root: Path) -> TriageData:
    """All that the recipe names. root: the public sets. Raises DataError naming what is missing."""
    hashes: dict[str, str] = {}

    def read(names: Sequence[str], reader: Callable[[Path], list[Row]]) -> list[Row]:
        rows: list[Row] = []
        for name in names:
            path = _path_of(name, root)
            hashes[name] = file_hash(path)
            rows += reader(path)
        return rows

    examples = [
        replace(labelled(example.text, example.level, ()), weight=recipe.examples)
        for example in (read_examples() if recipe.examples else ())
    ]
    learned = [
        *read(recipe.tables, read_messages),
        *read(recipe.keyed, lambda path: _weighed(read_keyed(path, root), recipe.sought)),
        *read(recipe.conversations, read_conversations),
        *examples,
    ]
    chosen_on = [
        *read(recipe.choose_tables, read_messages),
        *read(recipe.choose_keyed, lambda path: read_keyed(path, root)),
    ]
    unseen = {message.text for message in chosen_on}
    return TriageData(
        learned=[message for message in learned if message.text not in unseen],
        chosen_on=chosen_on,
        chosen_on_conversations=read(recipe.choose_conversations, read_conversations),
        paraphrases=read(recipe.paraphrases, read_paraphrases),
        sentiments=read(recipe.sentiments, read_sentiments),
        hashes=hashes,
    )


def _weighed(messages: Sequence[Labelled], sought: float) -> list[Labelled]:
    """Messages that were looked for count less: how many there are says nothing of life."""
    return [
        message
        if message.stratum.startswith(UNIFORM)
        else replace(message, weight=message.weight * sought)
        for message in messages
    ]


def _path_of(name: str, root: Path) -> Path:
    for path in (root / name, OWN / name, Path(name)):
        if path.exists():
            return path
    raise DataError(
        f"{name} is missing: it is neither below {root} nor below {OWN}"
        " (EARSHOT_SHARED names the folder that holds data/)"
    )
