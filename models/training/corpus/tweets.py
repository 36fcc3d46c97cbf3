"""Readers of the public sets of tweets and of complaint severity."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.evaluation.labelled_file import rows_of
from models.taxonomy.classifier import OTHER
from models.text import normalize
from models.training.corpus.complaints import Meanings
from models.training.corpus.data import SENTIMENTS, DataError, Example, text_hash

OFF_TOPIC = (
    6  # of so many tweets about anything, one is taken as an example of what is none of our topics
)


def read_tweeteval(folder: Path, part: str, task: str = "sentiment") -> Iterator[Example]:
    """One of TweetEval's official parts (train, val, test) of one of its tasks, in file order."""
    texts = (folder / f"{part}_text.txt").read_text(encoding="utf-8").split("\n")
    labels = (folder / f"{part}_labels.txt").read_text(encoding="utf-8").split()
    if len(texts) < len(labels):
        raise DataError(f"{folder}: {part} has {len(texts)} texts but {len(labels)} labels")
    # The last text is followed by an empty line.
    for text, label in zip(texts, labels, strict=False):
        read = normalize(text)
        off_topic = task == "sentiment" and int(text_hash(read)[8:12], 16) % OFF_TOPIC == 0
        off = (OTHER,) if off_topic else ()
        by_task: dict[str, Any] = {task: int(label)}
        yield Example(read, topics=off, problems=off, **by_task)


def read_airline(path: Path, meanings: Meanings) -> Iterator[Example]:
    """Twitter US Airline Sentiment, each tweet id once, without ids with conflicting labels."""
    rows = list(rows_of(path, DataError))
    labels: dict[str, set[str]] = {}
    for row in rows:
        labels.setdefault(row["tweet_id"], set()).add(row["airline_sentiment"])
    seen: set[str] = set()
    for row in rows:
        if row["tweet_id"] not in seen and len(labels[row["tweet_id"]]) == 1:
            seen.add(row["tweet_id"])
            topics, problems = meanings.of(meanings.labels["airline"].get(row["negativereason"]))
            sentiment = SENTIMENTS.index(row["airline_sentiment"])
            yield Example(
                normalize(row["text"]), sentiment=sentiment, topics=topics, problems=problems
            )


def read_severity(path: Path, meanings: Meanings, source: str) -> Iterator[Example]:
    """Complaint severity after Jin & Aletras (2021), of one source, without contradicting rows."""
    for row in rows_of(path, DataError):
        complaint, severity = int(row["complaint"]), int(row["severity"])
        if row["source"] == source and (severity > 0) == (complaint == 1):
            topics, problems = meanings.of(
                meanings.labels["severity"].get(source) if complaint else None
            )
            text, cause = normalize(row["text"]), normalize(row["cause"]) if complaint else ""
            cause = cause if cause.lower() in text.lower() else ""
            yield Example(
                text,
                complaint=complaint,
                severity=severity,
                topics=topics,
                problems=problems,
                cause=cause,
            )


def read_sentiment140(path: Path) -> Iterator[Example]:
    """The balanced sample of Sentiment140: labels by emoticon, no neutral class."""
    for row in rows_of(path, DataError):
        if row["source"] == "sampage10":
            yield Example(normalize(row["text"]), polar=int(row["polarity"]) // 4)


def read_sentiment140_test(path: Path) -> Iterator[Example]:
    """The positive and negative tweets of Sentiment140's manual test."""
    with path.open(encoding="latin-1", newline="") as file:
        for polarity, *_, text in csv.reader(file):
            if polarity in ("0", "4"):
                yield Example(normalize(text), sentiment=2 if polarity == "4" else 0)


def read_extraction(path: Path) -> Iterator[Example]:
    """Tweet Sentiment Extraction, by its three classes."""
    for row in rows_of(path, DataError):
        if row["sentiment"] in SENTIMENTS:
            yield Example(
                normalize(row["text"] or ""), extraction=SENTIMENTS.index(row["sentiment"])
            )


def read_goemotions(path: Path) -> Iterator[Example]:
    """GoEmotions (Demszky et al., 2020): comments of which the raters saw one feeling of 28."""
    with path.open(encoding="utf-8", newline="") as file:
        for text, feelings, _ in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if feelings.isdecimal():
                yield Example(normalize(text), feeling=int(feelings))
