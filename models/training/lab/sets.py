"""Labelled texts of the lab: public sets by their names, or CSV files with text,label."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from models.evaluation.labelled_file import read_sentiments, rows_of
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
    """The parts of a run; no text of validation or test is in `train`.

    names: of the classes. hashes: SHA-256 of the files.
    """

    names: tuple[str, ...]
    train: Labelled
    validation: Labelled
    test: Labelled = field(default_factory=Labelled)
    hashes: dict[str, str] = field(default_factory=dict)


Rows = list[tuple[str, int]]  # (text, 0 negative, 1 neutral, 2 positive)


def sets_of(recipe: Recipe, folder: Path, root: Path) -> Sets:
    """The sets of a recipe. Raises DataError, one line.

    folder: of its file. root: of the public sets.
    """
    parts, files = _parts(recipe, folder, root)
    if "validation" not in parts:
        rows = parts["train"]
        parts["validation"] = [row for row in rows if part_of(row[0]) == "validation"]
        parts["train"] = [row for row in rows if part_of(row[0]) != "validation"]
    known = {part: _of_classes(rows, recipe.classes) for part, rows in parts.items()}
    train = _sample(_unseen(known), recipe.most, recipe.seed)
    held_out = _sample(known["validation"], recipe.most_validation, recipe.seed)
    classes = len({label for _, label in train})
    if classes < recipe.classes or not held_out:
        raise DataError(
            f"{recipe.data}: {len(train)} texts of {classes} classes to learn from and"
            f" {len(held_out)} to choose by; it takes {recipe.classes} classes and both"
        )
    return Sets(
        names=NAMES[recipe.classes],
        train=_labelled(train),
        validation=_labelled(held_out),
        test=_labelled(_sample(known.get("test", []), recipe.most_test, recipe.seed)),
        hashes={path.name: file_hash(path) for path in files},
    )


def _parts(recipe: Recipe, folder: Path, root: Path) -> tuple[dict[str, Rows], list[Path]]:
    """The rows of each part that the recipe names, and their files."""
    if recipe.data in PUBLIC:
        parts, files = _public(recipe.data, root)
    else:
        files = [folder / recipe.data]
        parts = {"train": _table(files[0])}
    for part, name in (("validation", recipe.validation), ("test", recipe.test)):
        if name is not None:
            files.append(folder / name)
            parts[part] = _table(files[-1])
    return parts, files


def _unseen(known: Mapping[str, Rows]) -> Rows:
    """The rows to learn from, each text once, without those of validation and test."""
    held_out: set[str] = set()
    for part in ("validation", "test"):
        held_out |= {text_hash(text) for text, _ in known.get(part, [])}
    by_hash = {text_hash(text): (text, label) for text, label in known["train"]}
    return [row for key, row in by_hash.items() if key not in held_out]


def unlabelled(
    name: str, folder: Path, root: Path, limit: int, seed: int
) -> tuple[list[str], dict[str, str]]:
    """Texts without labels, and the hashes of their files.

    name: `tweets`, or a file beside the recipe with a text a line.
    """
    paths = [root / file for file in UNLABELLED] if name == "tweets" else [folder / name]
    lines: list[str] = []
    for path in paths:
        try:
            with _open_text(path) as file:
                lines += [line.strip() for line in file if line.strip()]
        except OSError as error:
            raise DataError(
                f"{path}: the unlabelled texts cannot be read ({error.strerror or error})"
            ) from None
    distinct = list({text_hash(line): line for line in lines}.values())
    sample = random.Random(seed).sample(distinct, min(limit, len(distinct)))  # noqa: S311 (no secret)
    return sample, {path.name: file_hash(path) for path in paths}


def _open_text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", errors="replace")
    return path.open(encoding="utf-8", errors="replace")


def _table(path: Path) -> Rows:
    try:
        texts, labels = read_sentiments(path)
    except EvaluationError as error:
        raise DataError(str(error)) from None
    return list(zip(texts, labels.tolist(), strict=True))


def _public(name: str, root: Path) -> tuple[dict[str, Rows], list[Path]]:
    tweeteval = root / TWEETEVAL / "sentiment"
    stems = {"train": "train", "validation": "val", "test": "test"}
    files = {
        "tweeteval": [tweeteval / f"{stem}_text.txt" for stem in stems.values()],
        "sentiment140": [root / SENTIMENT140, root / SENTIMENT140_TEST],
        "airline": [root / AIRLINE],
        "imdb": [root / IMDB / f"imdb_{part}.csv.gz" for part in ("train", "test")],
    }[name]
    for path in files:
        if not path.exists():
            raise DataError(
                f"training data is missing: {path}"
                " (EARSHOT_SHARED names the folder that holds data/)"
            )
    if name == "imdb":
        return {"train": list(_imdb(files[0])), "test": list(_imdb(files[1]))}, files
    if name == "tweeteval":
        parts = {part: _sentiment(read_tweeteval(tweeteval, stem)) for part, stem in stems.items()}
        return parts, files
    if name == "sentiment140":
        train = [(example.text, 2 * example.polar) for example in read_sentiment140(files[0])]
        return {"train": train, "test": _sentiment(read_sentiment140_test(files[1]))}, files
    parts = {"train": [], "validation": [], "test": []}
    for row in _sentiment(read_airline(files[0], Meanings(read_taxonomy()))):
        parts[part_of(row[0])].append(row)
    return parts, files


def _sentiment(examples: Iterable[Example]) -> Rows:
    return [
        (example.text, example.sentiment)
        for example in examples
        if example.sentiment != IGNORED and example.text
    ]


def _imdb(path: Path) -> Iterator[tuple[str, int]]:
    """Reviews, label 0 or 1, in file order."""
    for row in rows_of(path, DataError):
        yield row["text"], 2 * int(row["label"])


def _of_classes(rows: Rows, classes: int) -> Rows:
    """With the numbers of so many classes; two classes know no neutral text."""
    if classes == 3:
        return rows
    return [(text, label // 2) for text, label in rows if label != 1]


def _sample(rows: Rows, limit: int | None, seed: int) -> Rows:
    if limit is None or len(rows) <= limit:
        return rows
    return random.Random(seed).sample(rows, limit)  # noqa: S311 (no secret)


def _labelled(rows: Rows) -> Labelled:
    return Labelled(
        tuple(text for text, _ in rows), tuple(label for _, label in rows), (1.0,) * len(rows)
    )
