"""Complaints with topics and problems: public sets, read by a map, and our own phrases."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from models.evaluation.labelled_file import rows_of
from models.taxonomy.classifier import OTHER, Taxonomy
from models.text import normalize
from models.training.corpus.data import DataError, Example

MAP = Path(__file__).with_name("taxonomy_map.toml")
# Phrases are few, so each is learned several times, in the company that messages keep.
FRAMES = (
    "{}",
    "{}!",
    "@user {}",
    "@user {}, fix this please",
    "hi, {}. what can I do?",
    "{}!! so annoying",
    "{}. help!",
)

Meaning = tuple[tuple[str, ...], tuple[str, ...]]  # the topics and the problems that a label allows


class Meanings:
    """Map from the labels of the public sets to topics and problems.

    Raises DataError where it names an unknown.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self._problems = {problem.name: problem.topic for problem in taxonomy.problems}
        self._topics = {
            topic.name: [p.name for p in taxonomy.problems if p.topic == topic.name]
            for topic in taxonomy.topics
        }
        self.labels: Mapping[str, Any] = tomllib.loads(MAP.read_text(encoding="utf-8"))

    def of(self, entry: str | list[str] | None) -> Meaning:
        """Topics and problems that an entry of the map allows, `((), ())` without an entry."""
        names = [entry] if isinstance(entry, str) else entry or []
        topics: dict[str, None] = {}
        problems: dict[str, None] = {}
        for name in names:
            if name in self._problems:
                topics[self._problems[name]] = None
                problems[name] = None
            elif name in self._topics:
                topics[name] = None
                problems |= dict.fromkeys([*self._topics[name], OTHER])
            elif name == OTHER:
                topics[OTHER] = problems[OTHER] = None
            else:
                raise DataError(
                    f"{MAP.name}: {name!r} is neither a topic nor a problem of the taxonomy"
                )
        return tuple(topics), tuple(problems)

    def labelled(self, text: str, entry: str | list[str] | None) -> Example:
        topics, problems = self.of(entry)
        return Example(normalize(text), topics=topics, problems=problems)

    def title(self, title: str) -> list[str] | None:
        """Entries of a Comcast title, None where its matches lie in several topics."""
        entries: list[str] = []
        for pattern, entry in self.labels["comcast"].items():
            if re.search(pattern, title.lower()):
                entries += [entry] if isinstance(entry, str) else entry
        return entries if len(self.of(entries)[0]) == 1 else None


def read_phrases(taxonomy: Taxonomy) -> Iterator[Example]:
    """Our own phrases, in every frame; a topic's own phrases name no problem of it."""
    known = {phrase for problem in taxonomy.problems for phrase in problem.phrases}
    for problem in taxonomy.problems:
        for phrase in problem.phrases:
            yield from _framed(phrase, (problem.topic,), (problem.name,))
    for topic in taxonomy.topics:
        for phrase in topic.phrases:
            if phrase not in known:
                yield from _framed(phrase, (topic.name,), (OTHER,))


def _framed(phrase: str, topics: tuple[str, ...], problems: tuple[str, ...]) -> Iterator[Example]:
    for frame in FRAMES:
        yield Example(normalize(frame.format(phrase)), topics=topics, problems=problems)


def read_comcast(path: Path, meanings: Meanings) -> Iterator[Example]:
    for row in rows_of(path, DataError):
        if entry := meanings.title(row["title"]):
            yield meanings.labelled(row["complaint_text"], entry)


def read_cfpb(path: Path, meanings: Meanings) -> Iterator[Example]:
    topics, issues = meanings.labels["cfpb"]["topic"], meanings.labels["cfpb"]["issue"]
    for row in rows_of(path, DataError):
        if topic := topics.get(row["topic"]):
            issue = issues.get(row["issue"])
            # An issue counts within its own product alone: a mortgage's "wrong entry" is still a
            # mortgage.
            yield meanings.labelled(
                row["text"], issue if issue and meanings.of(issue)[0] == (topic,) else topic
            )


def read_bitext(folder: Path, meanings: Meanings) -> Iterator[Example]:
    for path in sorted(folder.glob("*.csv")):
        for row in rows_of(path, DataError):
            if entry := meanings.labels["bitext"].get(row["intent"]):
                yield meanings.labelled(row["utterance"], entry)


def read_multidogo(folder: Path, meanings: Meanings) -> Iterator[Example]:
    for domain, labels in meanings.labels["multidogo"].items():
        for path in sorted((folder / domain).glob("turn_*.tsv")):
            with path.open(encoding="utf-8", newline="") as file:  # whose quotes are the text's
                for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                    if entry := labels.get(row["intent"]):
                        yield meanings.labelled(row["utterance"], entry)


def read_banking77(path: Path, meanings: Meanings) -> Iterator[Example]:
    for row in rows_of(path, DataError):
        if entry := meanings.labels["banking77"].get(row["category"]):
            yield meanings.labelled(row["text"], entry)


def read_intents(path: Path) -> list[tuple[str, str]]:
    """Banking77's texts with its own labels."""
    return [(row["text"], row["category"]) for row in rows_of(path, DataError)]


def read_clinc(path: Path, meanings: Meanings, part: str) -> Iterator[Example]:
    """part: train, val or test; out-of-scope texts of the same part come with it."""
    sets = json.loads(path.read_text(encoding="utf-8"))
    unclear = set(meanings.labels["clinc_unclear"]["labels"])
    for text, intent in [*sets[part], *sets[f"oos_{part}"]]:
        if intent not in unclear:
            yield meanings.labelled(text, meanings.labels["clinc"].get(intent, OTHER))
