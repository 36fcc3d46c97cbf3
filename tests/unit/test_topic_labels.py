"""Topics and problems of real messages, named by a hash of the text."""

from __future__ import annotations

import csv
import gzip
import re
from pathlib import Path

import pytest

from models.taxonomy.classifier import OTHER, read_taxonomy
from models.training.corpus.complaints import Meanings
from models.training.corpus.data import DataError
from models.training.corpus.keyed import TOPICS, key_of, read_topics

TEXT = "@shop where is my parcel, it is five days late"


@pytest.fixture(scope="module")
def meanings() -> Meanings:
    return Meanings(read_taxonomy())


def labelled_as(folder: Path, topic: str, problem: str) -> Path:
    (folder / "replies").mkdir()
    with gzip.open(folder / "replies" / "support_pairs.csv.gz", "wt", encoding="utf-8") as file:
        file.write(f'customer_text\n"{TEXT}"\nno label has me\n')
    labels = folder / "labels.csv"
    labels.write_text(f"key,topic,problem\n{key_of(TEXT)},{topic},{problem}\n", encoding="utf-8")
    return labels


def test_the_labels_are_hashes_and_names_of_the_taxonomy(meanings: Meanings) -> None:
    with TOPICS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    topics = {*meanings.taxonomy.topic_names, OTHER}
    of_topic = {problem.name: problem.topic for problem in meanings.taxonomy.problems}

    assert len({row["key"] for row in rows}) == len(rows) > 1_500
    assert all(re.fullmatch("[0-9a-f]{16}", row["key"]) for row in rows)
    assert {name for row in rows for name in row["topic"].split("|")} <= topics
    named = [row for row in rows if row["problem"]]
    assert all(
        of_topic[name] in row["topic"].split("|")
        for row in named
        for name in row["problem"].split("|")
    )


def test_a_labelled_text_is_found_by_its_hash(tmp_path: Path, meanings: Meanings) -> None:
    labels = labelled_as(tmp_path, "order and delivery", "late delivery")

    (example,) = read_topics(tmp_path, meanings, labels)

    assert example.topics == ("order and delivery",)
    assert example.problems == ("late delivery",)
    assert "parcel" in example.text


def test_two_topics_may_both_be_right_and_no_problem_is_none(
    tmp_path: Path, meanings: Meanings
) -> None:
    labels = labelled_as(tmp_path, "order and delivery|customer service", "")

    (example,) = read_topics(tmp_path, meanings, labels)

    assert example.topics == ("order and delivery", "customer service")
    assert example.problems == (OTHER,)


def test_an_unknown_topic_is_said(tmp_path: Path, meanings: Meanings) -> None:
    labels = labelled_as(tmp_path, "parcels", "")

    with pytest.raises(DataError, match="'parcels' is neither a topic nor a problem"):
        list(read_topics(tmp_path, meanings, labels))
