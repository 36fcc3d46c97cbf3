"""What the sentiment model learns from: labelled texts of the public sets, split by the hash of what they say."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.text import normalize
from models.training.errors import TrainingError

Split = str  # "train" | "validation" | "test"

SENTIMENTS = ("negative", "neutral", "positive")
IGNORED = -100  # the label of a task that an example says nothing about (torch's ignore_index)


@dataclass(frozen=True, slots=True)
class Example:
    """One normalised text; a task it has no label for is IGNORED."""

    text: str
    sentiment: int = IGNORED  # 0 negative, 1 neutral, 2 positive
    complaint: int = IGNORED  # 0, 1
    severity: int = IGNORED  # 0-4


@dataclass(frozen=True)
class Corpus:
    """train: all tasks mixed. validation and test: by name of the set. hashes: SHA-256 of every file that was read."""

    train: list[Example]
    validation: dict[str, list[Example]]
    test: dict[str, list[Example]] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)


class DataError(TrainingError):
    """Training data is missing or cannot be read."""


def shared_data() -> Path:
    """The folder of the public sets: EARSHOT_SHARED, or `../shared` beside the repository, and in it `data`."""
    shared = os.environ.get("EARSHOT_SHARED") or Path(__file__).resolve().parents[2].parent / "shared"
    return Path(shared) / "data"


def public_corpus(root: Path) -> Corpus:
    """TweetEval sentiment, the airline tweets and the complaint severities; no test text is among the training ones."""
    tweeteval = root / "tweets" / "tweeteval" / "sentiment"
    airline_file = root / "tweets" / "airline" / "Tweets.csv"
    severity_file = root / "complaints" / "severity" / "complaint_severity.csv"
    for path in (tweeteval, airline_file, severity_file):
        if not path.exists():
            raise DataError(f"training data is missing: {path} (EARSHOT_SHARED names the folder that holds data/)")
    held = {part: list(read_tweeteval(tweeteval, part)) for part in ("val", "test")}
    airline = split(read_airline(airline_file))
    severity = split(read_severity(severity_file))
    validation = {
        "tweeteval": held["val"],
        "airline": airline["validation"],
        "severity": severity["validation"],
    }
    test = {"tweeteval": held["test"], "airline": airline["test"], "severity": severity["test"]}
    unseen = {text_hash(one.text) for part in (validation, test) for ones in part.values() for one in ones}
    learned = [*unique(read_tweeteval(tweeteval, "train")), *airline["train"], *severity["train"]]
    return Corpus(
        train=[one for one in learned if one.text and text_hash(one.text) not in unseen],
        validation=validation,
        test=test,
        hashes={
            str(path.relative_to(root)): file_hash(path) for path in _files(tweeteval, airline_file, severity_file)
        },
    )


def table_corpus(path: Path) -> Corpus:
    """A corpus from one CSV with the columns text, sentiment, complaint, severity (or empty), for small recipes."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            examples = [_labelled(row) for row in csv.DictReader(file)]
    except OSError as error:
        raise DataError(f"{path}: it cannot be read ({error.strerror})") from None
    except (KeyError, ValueError) as error:
        raise DataError(
            f"{path}: it needs the columns text, sentiment, complaint, severity and known labels ({error})"
        ) from None
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
    """80 % train, 10 % validation, 10 % test by the hash of the normalised text, which repeats share."""
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


def read_tweeteval(folder: Path, part: str) -> Iterator[Example]:
    """One of TweetEval's official parts (train, val, test), in file order."""
    texts = (folder / f"{part}_text.txt").read_text(encoding="utf-8").split("\n")
    labels = (folder / f"{part}_labels.txt").read_text(encoding="utf-8").split()
    if len(texts) < len(labels):
        raise DataError(f"{folder}: {part} has {len(texts)} texts but {len(labels)} labels")
    for text, label in zip(texts, labels, strict=False):  # the last text is followed by an empty line
        yield Example(normalize(text), sentiment=int(label))


def read_airline(path: Path) -> Iterator[Example]:
    """Twitter US Airline Sentiment, each tweet id once; an id with conflicting labels is left out."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels: dict[str, set[str]] = {}
    for row in rows:
        labels.setdefault(row["tweet_id"], set()).add(row["airline_sentiment"])
    seen: set[str] = set()
    for row in rows:
        if row["tweet_id"] not in seen and len(labels[row["tweet_id"]]) == 1:
            seen.add(row["tweet_id"])
            yield Example(normalize(row["text"]), sentiment=SENTIMENTS.index(row["airline_sentiment"]))


def read_severity(path: Path) -> Iterator[Example]:
    """Complaint severity after Jin & Aletras (2021), of tweets, posts and reviews; contradicting rows are left out."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            complaint, severity = int(row["complaint"]), int(row["severity"])
            if (severity > 0) == (complaint == 1):
                yield Example(normalize(row["text"]), complaint=complaint, severity=severity)


def _files(*paths: Path) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.iterdir()) if path.is_dir() else [path]
