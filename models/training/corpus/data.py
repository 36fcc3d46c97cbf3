"""Labelled examples, split by the hash of their texts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.evaluation.labelled_file import read_labelled
from models.taxonomy.classifier import OTHER
from models.text import normalize
from models.training.errors import TrainingError

Split = str  # "train" | "validation" | "test"

SENTIMENTS = ("negative", "neutral", "positive")
READ = "support"  # the set of messages to brands whose topics readers named
IGNORED = -100  # the label of a task that an example says nothing about (torch's ignore_index)


@dataclass(frozen=True, slots=True)
class Example:
    """One normalised text; a task it has no label for is IGNORED."""

    text: str
    sentiment: int = IGNORED  # 0 negative, 1 neutral, 2 positive
    complaint: int = IGNORED  # 0, 1
    severity: int = IGNORED  # 0-4
    polar: int = IGNORED  # 0 negative, 1 positive, where a set knows no neutral
    topics: tuple[str, ...] = ()  # what the label allows; more than one where it does not say which
    problems: tuple[str, ...] = ()
    cause: str = ""  # the words of `text` that say what the complaint is about
    emotion: int = IGNORED  # of TweetEval, as are irony and offence: only training looks at them
    irony: int = IGNORED
    offensive: int = IGNORED
    # sentiment as Tweet Sentiment Extraction labels it: unlike TweetEval in what is neutral
    extraction: int = IGNORED
    feeling: int = IGNORED  # one of GoEmotions' 28


@dataclass(frozen=True)
class Corpus:
    """train: all tasks mixed. by_turns: half of them are learned in one epoch, half in the next.

    validation and test: by name of the set. hashes: SHA-256 of every file that was read. intents:
    texts with labels to learn and to test the embedding with, a few a label. read: those of `train`
    whose topic and problem readers named; of `validation` and `test` they are the part READ.
    """

    train: list[Example]
    validation: dict[str, list[Example]]
    test: dict[str, list[Example]] = field(default_factory=dict)
    by_turns: list[Example] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    topics: tuple[str, ...] = (OTHER,)  # the classes, `other` last
    problems: tuple[str, ...] = (OTHER,)
    intents: tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str]]] = ((), ())
    read: list[Example] = field(default_factory=list)


class DataError(TrainingError):
    """Training data is missing or cannot be read."""


def shared_data() -> Path:
    """The folder of the public sets, `data` in EARSHOT_SHARED or in `../shared`."""
    shared = (
        os.environ.get("EARSHOT_SHARED") or Path(__file__).resolve().parents[3].parent / "shared"
    )
    return Path(shared) / "data"


_COLUMNS = ("text", "sentiment", "complaint", "severity")


def table_corpus(path: Path) -> Corpus:
    """A small corpus from a CSV with text, sentiment, complaint, severity (or empty)."""
    table = read_labelled(path, _COLUMNS, error=DataError)
    try:
        examples = [_labelled(row.cells) for row in table.rows]
    except ValueError as error:
        raise DataError(f"{path}: its labels must be known ({error})") from None
    parts = split(examples)
    return Corpus(
        train=parts["train"] + parts["test"],
        validation={"table": parts["validation"]},
        hashes={path.name: file_hash(path)},
    )


def _labelled(row: Mapping[str, str]) -> Example:
    if row["sentiment"] and row["sentiment"] not in SENTIMENTS:
        raise ValueError(f"unknown sentiment {row['sentiment']!r}")
    return Example(
        text=normalize(row["text"]),
        sentiment=SENTIMENTS.index(row["sentiment"]) if row["sentiment"] else IGNORED,
        complaint=int(row["complaint"]) if row["complaint"] else IGNORED,
        severity=int(row["severity"]) if row["severity"] else IGNORED,
    )


def split(examples: Iterable[Example]) -> dict[Split, list[Example]]:
    """80 % train, 10 % validation, 10 % test by the hash of the normalised text, which repeats
    share.
    """
    parts: dict[Split, list[Example]] = {"train": [], "validation": [], "test": []}
    for example in unique(examples):
        parts[part_of(example.text)].append(example)
    return parts


def part_of(text: str) -> Split:
    tenth = int(text_hash(text)[:8], 16) % 10
    return {0: "test", 1: "validation"}.get(tenth, "train")


def unique(examples: Iterable[Example]) -> Iterator[Example]:
    """Each normalised text once, the first time it comes."""
    seen: set[str] = set()
    for example in examples:
        key = text_hash(example.text)
        if key not in seen:
            seen.add(key)
            yield example


def text_hash(text: str) -> str:
    """Of a normalised text; letter case and whitespace do not make another text."""
    return hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest()


def file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
