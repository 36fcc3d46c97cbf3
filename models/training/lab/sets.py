"""Labelled texts of the lab: a public set by its name, or CSV files with text,label. No tested text
is learnt from.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.evaluation.labelled_file import read_sentiments
from models.evaluation.metrics import EvaluationError
from models.taxonomy.classifier import read_taxonomy
from models.training.corpus.complaints import Meanings
from models.training.corpus.data import IGNORED, DataError, Example, file_hash, part_of, text_hash
from models.training.corpus.public import AIRLINE, SENTIMENT140, SENTIMENT140_TEST, TWEETEVAL
from models.training.corpus.tweets import (
    read_airline,
    read_sentiment140,
    read_sentiment140_test,
    read_tweeteval,
)
from models.training.lab.recipe import PUBLIC, Recipe

NAMES = {2: ("negative", "positive"), 3: ("negative", "neutral", "positive")}
IMDB = "reviews/imdb"
UNLABELLED = ("tweets/sentiment140/positive_50k.txt.gz", "tweets/sentiment140/negative_50k.txt.gz")


@dataclass(frozen=True)
class Labelled:
    """texts as they were written; labels: class numbers, (texts,); weights in the loss."""

    texts: tuple[str, ...] = ()
    labels: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    def part(self, start: int, end: int | None) -> Labelled:
        rows = slice(start, end)
        return Labelled(self.texts[rows], self.labels[rows], self.weights[rows])

    def joined(self, other: Labelled) -> Labelled:
        return Labelled(
            self.texts + other.texts, self.labels + other.labels, self.weights + other.weights
        )


@dataclass(frozen=True)
class Sets:
    """What a run learns from, chooses by and is tested on. names: of the classes. hashes: SHA-256
    of the files.
    """

    names: tuple[str, ...]
    train: Labelled
    validation: Labelled
    test: Labelled = field(default_factory=Labelled)
    hashes: dict[str, str] = field(default_factory=dict)


Pairs = Iterable[tuple[str, int]]  # (text, 0 negative, 1 neutral, 2 positive)


def sets_of(recipe: Recipe, folder: Path, root: Path) -> Sets:
    """The sets of a recipe. folder: of its file. root: of the public sets. Raises DataError, one
    line.
    """
    if recipe.data in PUBLIC:
        parts, files = _public(recipe.data, root)
    else:
        files = [folder / recipe.data]
        parts = {"train": _table(files[0])}
    for part, name in (("validation", recipe.validation), ("test", recipe.test)):
        if name is not None:
            files.append(folder / name)
            parts[part] = _table(files[-1])
    if "validation" not in parts:
        rows = list(parts["train"])
        held = [part_of(text) == "validation" for text, _ in rows]
        parts["validation"] = [row for row, out in zip(rows, held, strict=True) if out]
        parts["train"] = [row for row, out in zip(rows, held, strict=True) if not out]
    known = {part: list(_of_classes(pairs, recipe.classes)) for part, pairs in parts.items()}
    unseen = {text_hash(text) for part in ("validation", "test") for text, _ in known.get(part, [])}
    learnt = {
        text_hash(text): (text, label)
        for text, label in known["train"]
        if text_hash(text) not in unseen
    }
    train = _some(list(learnt.values()), recipe.most, recipe.seed)
    held_out = _some(known["validation"], recipe.most_validation, recipe.seed)
    if len({label for _, label in train}) < recipe.classes or not held_out:
        raise DataError(
            f"{recipe.data}: {len(train)} texts of {len({label for _, label in train})} classes to learn from and "
            f"{len(held_out)} to choose by; it takes {recipe.classes} classes and both"
        )
    return Sets(
        names=NAMES[recipe.classes],
        train=_labelled(train),
        validation=_labelled(held_out),
        test=_labelled(_some(known.get("test", []), recipe.most_test, recipe.seed)),
        hashes={path.name: file_hash(path) for path in files},
    )


def unlabelled(
    name: str, folder: Path, root: Path, most: int, seed: int
) -> tuple[list[str], dict[str, str]]:
    """Texts without labels, and the hashes of their files: `tweets`, or a file beside the recipe
    with one a line.
    """
    paths = [root / one for one in UNLABELLED] if name == "tweets" else [folder / name]
    lines: list[str] = []
    for path in paths:
        try:
            with (
                gzip.open(path, "rt", errors="replace")
                if path.suffix == ".gz"
                else path.open(encoding="utf-8", errors="replace") as file
            ):
                lines += [line.strip() for line in file if line.strip()]
        except OSError as error:
            raise DataError(
                f"{path}: the unlabelled texts cannot be read ({error.strerror or error})"
            ) from None
    distinct = list({text_hash(line): line for line in lines}.values())
    chosen = random.Random(seed).sample(distinct, min(most, len(distinct)))  # noqa: S311 (no secret)
    return chosen, {path.name: file_hash(path) for path in paths}


def _table(path: Path) -> list[tuple[str, int]]:
    try:
        texts, labels = read_sentiments(path)
    except EvaluationError as error:
        raise DataError(str(error)) from None
    return list(zip(texts, labels.tolist(), strict=True))


def _public(name: str, root: Path) -> tuple[dict[str, Pairs], list[Path]]:
    files = {
        "tweeteval": [
            root / TWEETEVAL / "sentiment" / f"{part}_text.txt" for part in ("train", "val", "test")
        ],
        "sentiment140": [root / SENTIMENT140, root / SENTIMENT140_TEST],
        "airline": [root / AIRLINE],
        "imdb": [root / IMDB / f"imdb_{part}.csv.gz" for part in ("train", "test")],
    }[name]
    for path in files:
        if not path.exists():
            raise DataError(
                f"training data is missing: {path} (EARSHOT_SHARED names the folder that holds data/)"
            )
    if name == "imdb":
        return {"train": list(_imdb(files[0])), "test": list(_imdb(files[1]))}, files
    if name == "tweeteval":
        folder = root / TWEETEVAL / "sentiment"
        wanted = {"train": "train", "validation": "val", "test": "test"}
        return {
            part: _sentiment(read_tweeteval(folder, stem)) for part, stem in wanted.items()
        }, files
    if name == "sentiment140":
        learnt = [(one.text, 2 * one.polar) for one in read_sentiment140(files[0])]
        return {"train": learnt, "test": _sentiment(read_sentiment140_test(files[1]))}, files
    rows = list(_sentiment(read_airline(files[0], Meanings(read_taxonomy()))))
    return {
        part: [(text, label) for text, label in rows if part_of(text) == part]
        for part in ("train", "validation", "test")
    }, files


def _sentiment(examples: Iterable[Example]) -> Iterator[tuple[str, int]]:
    for one in examples:
        if one.sentiment != IGNORED and one.text:
            yield one.text, one.sentiment


def _imdb(path: Path) -> Iterator[tuple[str, int]]:
    """Reviews, label 0 or 1, in file order."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield row["text"], 2 * int(row["label"])


def _of_classes(pairs: Pairs, classes: int) -> Iterator[tuple[str, int]]:
    """With the numbers of so many classes; two classes know no neutral text."""
    for text, label in pairs:
        if classes == 3:
            yield text, label
        elif label != 1:
            yield text, label // 2


def _some(
    rows: Sequence[tuple[str, int]], most: int | None, seed: int
) -> Sequence[tuple[str, int]]:
    if most is None or len(rows) <= most:
        return rows
    return random.Random(seed).sample(rows, most)  # noqa: S311 (no secret)


def _labelled(rows: Sequence[tuple[str, int]]) -> Labelled:
    return Labelled(
        tuple(text for text, _ in rows), tuple(label for _, label in rows), (1.0,) * len(rows)
    )
