"""Corpus of a replier, prepared once: words, splits, subwords, and values of the conditions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from models.replier.conditions import Vocabulary
from models.replier.slots import Slots
from models.replier.subwords import train_subwords
from models.training.replies.data import (
    Judge,
    Prepared,
    common_words,
    grouped,
    loaded,
    part_of,
    prepared,
    read_pairs,
    saved,
)
from models.training.replies.recipe import Recipe


@dataclass(frozen=True)
class Corpus:
    """Prepared pairs by split, and what they were prepared with."""

    words: list[str]
    splits: Mapping[str, list[Prepared]]
    tokenizer: Tokenizer
    vocabulary: Vocabulary


def corpus_of(recipe: Recipe, pairs: Path, folder: Path, judge: Judge) -> Corpus:
    """The pairs prepared once and kept in `folder`; the second time they are read from there."""
    done = folder / "corpus.json"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        raw = grouped(read_pairs(pairs))
        learned = [pair for pair in raw if part_of(pair.conversation) == "train"]
        words = common_words(learned)
        rows = prepared(raw, Slots(words), judge([pair.customer for pair in raw]))
        saved(rows, folder / "pairs.jsonl")
        train = [row for row in rows if part_of(row.conversation) == "train"]
        tokenizer = train_subwords(
            (text for row in train for text in (row.target, row.source)), recipe.vocabulary
        )
        tokenizer.save(str(folder / "tokenizer.json"))
        done.write_text(
            json.dumps({"words": words, "brands": _frequent(train, recipe.brand_pairs)})
        )
    prepared_with = json.loads(done.read_text())
    splits: dict[str, list[Prepared]] = {"train": [], "validation": [], "test": []}
    for row in loaded(folder / "pairs.jsonl"):
        splits[part_of(row.conversation)].append(row)
    topics = sorted({row.conditions.topic for row in splits["train"] if row.conditions.topic})
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return Corpus(
        prepared_with["words"], splits, tokenizer, Vocabulary(prepared_with["brands"], topics)
    )


def _frequent(rows: Sequence[Prepared], minimum: int) -> list[str]:
    counts: dict[str, int] = {}
    for row in rows:
        if row.conditions.brand:
            counts[row.conditions.brand] = counts.get(row.conditions.brand, 0) + 1
    return sorted(brand for brand, count in counts.items() if count >= minimum)
