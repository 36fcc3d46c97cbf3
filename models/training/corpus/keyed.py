"""Labels of texts of the public sets, by a hash of the text: no text enters the project."""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from models.evaluation.labelled_file import Row, read_labelled
from models.taxonomy.classifier import OTHER
from models.text import normalize
from models.training.corpus.complaints import Meanings
from models.training.corpus.data import DataError, Example

OWN = Path(__file__).resolve().parents[3] / "tests" / "data"  # labels that come with the sources
TOPICS = OWN / "topic_labels.csv"

# A set below the public data, and the column of its texts; a number counts columns without a head.
SETS: Mapping[str, str | int] = {
    "replies/support_pairs.csv.gz": "customer_text",
    "tweets/airline/Tweets.csv": "text",
    "tweets/twcs/twcs_first5000.csv": "text",
    "tweets/sentiment140/random_27k_dated.csv": 5,
    "complaints/comcast_fcc/comcast_fcc.csv": "complaint_text",
    "complaints/cfpb/cfpb_narratives.csv.gz": "text",
}
_KEY_LENGTH = 800  # letters of a text that its key is made of
_NO_WORD = re.compile(r"\W+")


def texts_with_labels(path: Path, columns: Sequence[str], data: Path) -> Iterator[tuple[str, Row]]:
    """Each text of the public sets below `data` that the table labels, once, with its row.

    columns: that the table has to have, `key` among them. Raises DataError for one that lacks.
    """
    remaining = {row["key"]: row for row in read_labelled(path, columns, error=DataError).rows}
    for text in public_texts(data):
        if not remaining:
            return
        row = remaining.pop(key_of(text), None)
        if row is not None:
            yield text, row


def read_topics(data: Path, meanings: Meanings, labels: Path = TOPICS) -> Iterator[Example]:
    """Public messages to brands whose topic and problem readers named, CSV `key,topic,problem`.

    Where two fit, both stand there, parted by `|`. A message that names no problem has none.
    """
    for text, row in texts_with_labels(labels, ("key", "topic", "problem"), data):
        topics, _ = meanings.of(row["topic"].split("|"))
        _, problems = meanings.of(row["problem"].split("|")) if row["problem"] else ((), (OTHER,))
        yield Example(normalize(text), topics=topics, problems=problems)


def key_of(text: str) -> str:
    """The name of a text in a table of labels: it says nothing of what the text says."""
    letters = _NO_WORD.sub("", text).lower()[:_KEY_LENGTH]
    return hashlib.sha256(letters.encode()).hexdigest()[:16]


def public_texts(data: Path) -> Iterator[str]:
    """The texts of the public sets that are there."""
    for name, column in SETS.items():
        if (data / name).exists():
            yield from texts_of(data / name, column)


def texts_of(path: Path, column: str | int) -> Iterator[str]:
    """The texts of a public set, plain or gzip."""
    unpacked = gzip.open if path.suffix == ".gz" else open
    with unpacked(path, "rt", encoding="utf-8", errors="replace", newline="") as file:
        if isinstance(column, str):
            yield from (row[column] or "" for row in csv.DictReader(file))
        else:
            yield from (row[column] for row in csv.reader(file) if len(row) > column)
