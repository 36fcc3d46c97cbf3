"""What a message is about: the nearest of the example phrases in `taxonomy.toml`, or `other` when none is near."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.analysis import Problem, Topic

OTHER = "other"

Floats = NDArray[np.float32]
Exact = NDArray[np.float64]
Embed = Callable[[Sequence[str]], Floats]  # n phrases -> (n, dim), unit length

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+")
_STEPS = 2.0**15
_STEM = 5  # letters that make two words the same: delay, delayed, delays
_EMPTY = frozenset(  # words that show nothing
    """
    a about after all am an and any are as at be been but by can could did do does for from get got had has have he her
    here him his how i if in into is it its just me more my no not now of off on or our out over she so some than that
    the their them then there these they this to too up us very was we were what when where which who why will with
    would you your im ive dont cant wont didnt doesnt
    """.split()  # noqa: SIM905 (a list of a hundred lines reads worse)
)


@dataclass(frozen=True)
class Named:
    """A topic or a problem: its canonical name and phrases that customers use for it."""

    name: str
    phrases: tuple[str, ...]
    topic: str  # of a problem, the topic that it belongs to; of a topic, its own name


@dataclass(frozen=True)
class Taxonomy:
    topics: tuple[Named, ...]
    problems: tuple[Named, ...]


def read_taxonomy(path: Path = Path(__file__).parent / "taxonomy.toml") -> Taxonomy:
    """The topics and problems of a TOML file. A topic's phrases are its examples and those of its problems."""
    topics, problems = [], []
    for topic in tomllib.loads(path.read_text(encoding="utf-8"))["topic"]:
        own = [
            Named(problem["name"], (problem["name"], *problem["examples"]), topic["name"])
            for problem in topic.get("problem", [])
        ]
        phrases = (*topic["examples"], *(phrase for problem in own for phrase in problem.phrases))
        topics.append(Named(topic["name"], phrases, topic["name"]))
        problems += own
    return Taxonomy(tuple(topics), tuple(problems))


class Placed:
    """A taxonomy whose phrases have their place in the embedding's space."""

    def __init__(self, taxonomy: Taxonomy, embed: Embed, *, topic_threshold: float, problem_threshold: float) -> None:
        self._taxonomy = taxonomy
        self._topic_places, self._topic_starts = _places(taxonomy.topics, embed)
        self._problem_places, self._problem_starts = _places(taxonomy.problems, embed)
        self._topic_threshold, self._problem_threshold = topic_threshold, problem_threshold

    def topics(self, embeddings: Floats) -> list[Topic]:
        """The topic of each embedding (n, dim); `other`, with the best cosine, where none is near enough."""
        scores = _best(embeddings, self._topic_places, self._topic_starts)  # (n, topics)
        return [
            Topic(self._taxonomy.topics[best].name if row[best] >= self._topic_threshold else OTHER, float(row[best]))
            for row, best in zip(scores, scores.argmax(-1), strict=True)
        ]

    def problems(self, texts: Sequence[str], topics: Sequence[Topic], embeddings: Floats) -> list[Problem | None]:
        """The problem within the topic of each text, or None, with the words that text and problem share."""
        scores = _best(embeddings, self._problem_places, self._problem_starts)  # (n, problems)
        return [self._problem(text, topic, row) for text, topic, row in zip(texts, topics, scores, strict=True)]

    def _problem(self, text: str, topic: Topic, scores: Floats) -> Problem | None:
        within = [number for number, problem in enumerate(self._taxonomy.problems) if problem.topic == topic.label]
        best = max(within, key=lambda number: scores[number], default=None)
        if best is None or scores[best] < self._problem_threshold:
            return None
        problem = self._taxonomy.problems[best]
        return Problem(problem.name, float(scores[best]), shared_words(text, problem.phrases))


def shared_words(text: str, phrases: Sequence[str]) -> tuple[str, ...]:
    """The content words of `text`, in its order, that also occur in the phrases; inflections count as the same word."""
    stems = {word[:_STEM] for phrase in phrases for word in _content(phrase)}
    return tuple(dict.fromkeys(word for word in _content(text) if word[:_STEM] in stems))


def _content(text: str) -> list[str]:
    words = [word.lower() for word in _WORD.findall(text)]
    return [word for word in words if len(word) > 2 and word.replace("'", "").replace("’", "") not in _EMPTY]


def _places(named: Sequence[Named], embed: Embed) -> tuple[Exact, list[int]]:
    """The embeddings of all phrases (dim, phrases), and where each name's phrases begin."""
    starts = np.cumsum([0, *(len(one.phrases) for one in named[:-1])]).tolist()
    return _exact(embed([phrase for one in named for phrase in one.phrases])).T, starts


def _best(embeddings: Floats, places: Exact, starts: Sequence[int]) -> Floats:
    """The cosine to each name's nearest phrase, (n, names)."""
    if not len(embeddings):
        return np.zeros((0, len(starts)), np.float32)
    cosines = _exact(embeddings) @ places / _STEPS**2
    return np.maximum.reduceat(cosines, starts, axis=1).astype(np.float32)


def _exact(embeddings: Floats) -> Exact:
    """Embeddings in whole steps: sums of their products are exact in any order, so no cosine depends on the batch."""
    return np.rint(embeddings.astype(np.float64) * _STEPS)
