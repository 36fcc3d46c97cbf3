"""What a message is about: what the trained heads say, or the nearest phrases for names that they
do not know.
"""

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
SHOWN = 8  # words that show a problem, at most

Floats = NDArray[np.float32]
Exact = NDArray[np.float64]
Embed = Callable[[Sequence[str]], Floats]  # n phrases -> (n, dim), unit length
Places = tuple[Exact, list[int]]

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+")
_STEPS = 2.0**15
_STEM = 5  # letters that make two words the same: delay, delayed, delays
_EMPTY = frozenset(  # words that show nothing
    """
    a about after all am an and any are as at be been but by can could did do does for from get got had has have he her
    here him his how i if in into is it its just me more my no not now of off on or our out over she so some than that
    the their them then there these they this to too up us very was we were what when where which who why will with
    would you your im ive dont cant wont didnt doesnt since because being user http
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

    @property
    def topic_names(self) -> tuple[str, ...]:
        """The classes of the topic head, `other` last."""
        return (*(topic.name for topic in self.topics), OTHER)

    @property
    def problem_names(self) -> tuple[str, ...]:
        """The classes of the problem head, `other` last."""
        return (*(problem.name for problem in self.problems), OTHER)


def read_taxonomy(path: Path = Path(__file__).parent / "taxonomy.toml") -> Taxonomy:
    """The topics and problems of a TOML file. A topic's phrases are its examples and those of its
    problems.
    """
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


@dataclass(frozen=True)
class Trained:
    """What the model's heads tell apart, `other` last, and the least probability that names one."""

    topics: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    least_topic: float = 0.0
    least_problem: float = 0.0


class Placed:
    """A taxonomy whose phrases have their place in the embedding's space.

    A topic or problem that the heads were trained on is theirs to name. Any other (a person's own)
    is named where its nearest phrase is near enough, and nearer than every phrase of the others.
    Names of the heads that the taxonomy does not hold are never given.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        embed: Embed,
        *,
        topic_threshold: float,
        problem_threshold: float,
        trained: Trained = Trained(),
    ) -> None:
        self._taxonomy = taxonomy
        self._topic_threshold, self._problem_threshold = topic_threshold, problem_threshold
        self._trained = trained
        self._topic_column = _columns(trained.topics, [topic.name for topic in taxonomy.topics])
        self._problem_column = _columns(
            trained.problems, [problem.name for problem in taxonomy.problems]
        )
        # Phrases are only needed for names that no head knows.
        self._topic_places = _places(taxonomy.topics, embed) if None in self._topic_column else None
        self._problem_places = (
            _places(taxonomy.problems, embed) if None in self._problem_column else None
        )
        self._of_topic = {
            topic.name: [
                row for row, problem in enumerate(taxonomy.problems) if problem.topic == topic.name
            ]
            for topic in taxonomy.topics
        }

    def topics(self, embeddings: Floats, probabilities: Floats | None = None) -> list[Topic]:
        """The topic of each embedding (n, dim), or `other`; the score is a probability, or the
        cosine of an own topic.

        probabilities: (n, trained topics), of the topic head.
        """
        cosines = _best(embeddings, self._topic_places, len(self._topic_column))  # (n, topics)
        return [
            self._topic(row, None if probabilities is None else probabilities[number])
            for number, row in enumerate(cosines)
        ]

    def problems(
        self,
        texts: Sequence[str],
        topics: Sequence[Topic],
        embeddings: Floats,
        probabilities: Floats | None = None,
    ) -> list[Problem | None]:
        """The problem within the topic of each text, or None, with the words that text and problem
        share.

        probabilities: (n, trained problems), of the problem head. The score is the share of those
        of the topic.
        """
        cosines = _best(
            embeddings, self._problem_places, len(self._problem_column)
        )  # (n, problems)
        return [
            self._problem(
                text, topic, cosines[row], None if probabilities is None else probabilities[row]
            )
            for row, (text, topic) in enumerate(zip(texts, topics, strict=True))
        ]

    def _topic(self, cosines: Floats, probabilities: Floats | None) -> Topic:
        nearest = int(cosines.argmax())
        if self._topic_column[nearest] is None or probabilities is None:
            if cosines[nearest] >= self._topic_threshold:
                return Topic(self._taxonomy.topics[nearest].name, float(cosines[nearest]))
            if probabilities is None:
                return Topic(OTHER, float(cosines[nearest]))
        known = [
            (row, column) for row, column in enumerate(self._topic_column) if column is not None
        ]
        if not known:
            return Topic(OTHER, float(cosines[nearest]))
        best, column = max(known, key=lambda one: probabilities[one[1]])
        other = float(probabilities[-1])  # the heads have it last
        if probabilities[column] < max(self._trained.least_topic, other):
            return Topic(OTHER, max(other, 1 - float(probabilities[column])))
        return Topic(self._taxonomy.topics[best].name, float(probabilities[column]))

    def _problem(
        self, text: str, topic: Topic, cosines: Floats, probabilities: Floats | None
    ) -> Problem | None:
        within = self._of_topic.get(topic.label, [])
        if not within:
            return None
        nearest = max(within, key=lambda row: cosines[row])
        if self._problem_column[nearest] is None or probabilities is None:
            if cosines[nearest] >= self._problem_threshold:
                return self._named(text, nearest, float(cosines[nearest]))
            if probabilities is None:
                return None
        known = [
            (row, column) for row in within if (column := self._problem_column[row]) is not None
        ]
        if not known:
            return None
        best, column = max(known, key=lambda one: probabilities[one[1]])
        share = float(
            probabilities[column]
            / (probabilities[[one for _, one in known]].sum() + probabilities[-1] + 1e-9)
        )
        return self._named(text, best, share) if share >= self._trained.least_problem else None

    def _named(self, text: str, row: int, score: float) -> Problem:
        problem = self._taxonomy.problems[row]
        return Problem(problem.name, score, shared_words(text, problem.phrases))


def _columns(trained: Sequence[str], names: Sequence[str]) -> list[int | None]:
    """Where the head has each name of the taxonomy; None for a name that is not the head's."""
    place = {name: column for column, name in enumerate(trained) if name != OTHER}
    return [place.get(name) for name in names]


def shown_words(
    text: str, spans: Sequence[tuple[int, int]], shows: Sequence[bool]
) -> tuple[str, ...]:
    """The content words of `text` of which a token shows what is wrong, in its order. spans:
    (start, end) of tokens.
    """
    marked = [
        span for span, showing in zip(spans, shows, strict=True) if showing and span[1] > span[0]
    ]
    words = [
        match[0].lower()
        for match in _WORD.finditer(text)
        if _telling(match[0])
        and any(start < match.end() and end > match.start() for start, end in marked)
    ]
    return tuple(dict.fromkeys(words))[:SHOWN]


def shared_words(text: str, phrases: Sequence[str]) -> tuple[str, ...]:
    """The content words of `text`, in its order, that also occur in the phrases; inflections count
    as the same word.
    """
    stems = {word[:_STEM] for phrase in phrases for word in _content(phrase)}
    return tuple(dict.fromkeys(word for word in _content(text) if word[:_STEM] in stems))


def _content(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text) if _telling(word)]


def _telling(word: str) -> bool:
    return len(word) > 2 and word.lower().replace("'", "").replace("’", "") not in _EMPTY


def _places(named: Sequence[Named], embed: Embed) -> Places:
    """The embeddings of all phrases (dim, phrases), and where each name's phrases begin."""
    starts = np.cumsum([0, *(len(one.phrases) for one in named[:-1])]).tolist()
    return _exact(embed([phrase for one in named for phrase in one.phrases])).T, starts


def _best(embeddings: Floats, places: Places | None, names: int) -> Floats:
    """The cosine to each name's nearest phrase, (n, names); 0 without places."""
    if places is None or not len(embeddings):
        return np.zeros((len(embeddings), names), np.float32)
    cosines = _exact(embeddings) @ places[0] / _STEPS**2
    return np.maximum.reduceat(cosines, places[1], axis=1).astype(np.float32)


def _exact(embeddings: Floats) -> Exact:
    """Embeddings in whole steps: sums of their products are exact in any order, so no cosine
    depends on the batch.
    """
    return np.rint(embeddings.astype(np.float64) * _STEPS)
