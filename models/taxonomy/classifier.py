"""Taxonomy classifier: topic and problem of a message, by trained heads or by nearest phrases."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.analysis import Problem, Topic
from models.cosines import Exact, cosines, in_steps
from models.taxonomy.words import Token, telling_words

OTHER = "other"

Floats = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Floats]  # n phrases -> (n, dim), unit length
PointedTokens = Callable[
    [int], Sequence[Token]
]  # the place of a text -> its tokens, and how clearly each shows the problem


@dataclass(frozen=True)
class Label:
    """A topic or a problem: its canonical name and phrases that customers use for it."""

    name: str
    phrases: tuple[str, ...]
    topic: str  # of a problem, the topic that it belongs to; of a topic, its own name
    trades: frozenset[str] = frozenset()  # whose customers speak of it; everybody's when empty

    def fits(self, trade: str | None) -> bool:
        """Whether customers of that trade speak of it; None: the trade is not known."""
        return trade is None or not self.trades or trade in self.trades


@dataclass(frozen=True)
class Taxonomy:
    topics: tuple[Label, ...]
    problems: tuple[Label, ...]

    @property
    def trades(self) -> frozenset[str]:
        """Those that any label is marked with."""
        return frozenset().union(*(label.trades for label in (*self.topics, *self.problems)))

    def fits(self, trade: str | None, topic: str, problem: str | None = None) -> bool:
        """Whether customers of the trade speak of this topic and problem; of `other` they do."""
        labels = [label for label in self.topics if label.name == topic]
        labels += [label for label in self.problems if label.name == problem]
        return all(label.fits(trade) for label in labels)

    @property
    def topic_names(self) -> tuple[str, ...]:
        """The classes of the topic head, `other` last."""
        return (*(topic.name for topic in self.topics), OTHER)

    @property
    def problem_names(self) -> tuple[str, ...]:
        """The classes of the problem head, `other` last."""
        return (*(problem.name for problem in self.problems), OTHER)


def read_taxonomy(path: Path = Path(__file__).parent / "taxonomy.toml") -> Taxonomy:
    """The topics and problems of a TOML file.

    A topic's phrases are its examples and those of its problems. A problem without trades of its
    own has those of its topic.
    """
    topics: list[Label] = []
    problems: list[Label] = []
    for topic in tomllib.loads(path.read_text(encoding="utf-8"))["topic"]:
        name = topic["name"]
        phrases = list(topic["examples"])
        trades = topic.get("trades", ())
        for row in topic.get("problem", []):
            problem = Label(
                row["name"], (row["name"], *row["examples"]), name, _trades(row, trades)
            )
            problems.append(problem)
            phrases += problem.phrases
        topics.append(Label(name, tuple(phrases), name, frozenset(trades)))
    return Taxonomy(tuple(topics), tuple(problems))


def _trades(problem: dict[str, Any], of_topic: Sequence[str]) -> frozenset[str]:
    return frozenset(problem.get("trades", of_topic))


@dataclass(frozen=True)
class TrainedLabels:
    """The labels of the model's heads, `other` last, and the lowest probability that counts.

    topic_minimums, problem_minimums: of those that take more than the others, by name.
    """

    topics: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    topic_minimum: float = 0.0
    problem_minimum: float = 0.0
    topic_minimums: Mapping[str, float] = field(default_factory=dict)
    problem_minimums: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Phrases:
    """Phrases of labels in the embedding's space. starts: where the phrases of a label begin."""

    places: Exact  # (phrases, dim), in steps
    starts: list[int]


class TaxonomyClassifier:
    """Topics and problems of a taxonomy.

    A topic or problem that the heads were trained on is theirs to name. Any other (a person's own)
    is named where its nearest phrase is near enough, and nearer than every phrase of the others.
    Names of the heads that the taxonomy does not hold are never used. Where the trade of a text's
    brand is known, the choice is among the labels that fit it.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        embed: Embed,
        *,
        topic_threshold: float,
        problem_threshold: float,
        trained: TrainedLabels = TrainedLabels(),
    ) -> None:
        self._taxonomy = taxonomy
        self._topic_threshold = topic_threshold
        self._problem_threshold = problem_threshold
        self._trained = trained
        self._topic_column = _columns(trained.topics, taxonomy.topics)
        self._problem_column = _columns(trained.problems, taxonomy.problems)
        # Phrases are only needed for names that no head knows.
        self._topic_phrases = _phrases(taxonomy.topics, self._topic_column, embed)
        self._problem_phrases = _phrases(taxonomy.problems, self._problem_column, embed)
        self._of_topic: dict[str, list[int]] = {topic.name: [] for topic in taxonomy.topics}
        for row, problem in enumerate(taxonomy.problems):
            self._of_topic[problem.topic].append(row)

    def topics(
        self,
        embeddings: Floats,
        probabilities: Floats | None = None,
        trades: Sequence[str | None] | None = None,
    ) -> list[Topic]:
        """The topic of each embedding (n, dim), or `other`.

        probabilities: (n, trained topics), of the topic head. The score is a probability, or the
        cosine of an own topic. trades: of the n brands, None where it is not known.
        """
        nearest = _nearest(embeddings, self._topic_phrases, len(self._topic_column))  # (n, topics)
        rows = [None] * len(nearest) if probabilities is None else probabilities
        known = [None] * len(nearest) if trades is None else trades
        return [
            self._topic(own, row, trade)
            for own, row, trade in zip(nearest, rows, known, strict=True)
        ]

    def problems(
        self,
        texts: Sequence[str],
        topics: Sequence[Topic],
        embeddings: Floats,
        probabilities: Floats | None = None,
        pointed: PointedTokens = lambda _: (),
        trades: Sequence[str | None] | None = None,
    ) -> list[Problem | None]:
        """The problem within the topic of each text, with the words of the problem in the text.

        None where there is none. probabilities: (n, trained problems), of the problem head. The
        score is the share of a probability among those of the topic. pointed: the tokens of a text
        and how clearly each shows its problem; without them the problem's phrases alone decide.
        """
        nearest = _nearest(
            embeddings, self._problem_phrases, len(self._problem_column)
        )  # (n, problems)
        rows = [None] * len(nearest) if probabilities is None else probabilities
        known = [None] * len(nearest) if trades is None else trades
        scored = [
            self._problem(topic, own, row, trade)
            for topic, own, row, trade in zip(topics, nearest, rows, known, strict=True)
        ]
        return [
            problem and self._labelled(text, problem, pointed(place))
            for place, (text, problem) in enumerate(zip(texts, scored, strict=True))
        ]

    def _topic(self, cosines: Floats, probabilities: Floats | None, trade: str | None) -> Topic:
        fitting = _fitting(range(len(cosines)), self._taxonomy.topics, trade)
        if not fitting:
            return Topic(OTHER, 0.0)
        nearest = max(fitting, key=lambda row: cosines[row])
        if self._topic_column[nearest] is None or probabilities is None:
            if cosines[nearest] >= self._topic_threshold:
                return Topic(self._taxonomy.topics[nearest].name, float(cosines[nearest]))
            if probabilities is None:
                return Topic(OTHER, float(cosines[nearest]))
        best = _likeliest(fitting, self._topic_column, probabilities)
        if best is None:
            return Topic(OTHER, float(cosines[nearest]))
        row, probability = best
        other = float(probabilities[-1])  # the heads have it last
        left = 1.0
        if len(fitting) < len(cosines):
            left = _mass(fitting, self._topic_column, probabilities)
        if left < self._trained.topic_minimum:  # too little to choose from
            return Topic(OTHER, 1 - left + other)
        probability, other = probability / left, other / left
        name = self._taxonomy.topics[row].name
        minimum = self._trained.topic_minimums.get(name, self._trained.topic_minimum)
        if probability < max(minimum, other):
            return Topic(OTHER, max(other, 1 - probability))
        return Topic(name, probability)

    def _problem(
        self, topic: Topic, cosines: Floats, probabilities: Floats | None, trade: str | None
    ) -> tuple[int, float] | None:
        """The place of the problem in the taxonomy, and its score."""
        all_rows = self._of_topic.get(topic.label, [])
        rows = _fitting(all_rows, self._taxonomy.problems, trade)
        if not rows:
            return None
        nearest = max(rows, key=lambda row: cosines[row])
        if self._problem_column[nearest] is None or probabilities is None:
            if cosines[nearest] >= self._problem_threshold:
                return nearest, float(cosines[nearest])
            if probabilities is None:
                return None
        best = _likeliest(rows, self._problem_column, probabilities)
        if best is None:
            return None
        row, probability = best
        if len(rows) < len(all_rows) and not self._enough(rows, all_rows, probabilities):
            return None
        columns = [column for row in rows if (column := self._problem_column[row]) is not None]
        share = float(probability / (probabilities[columns].sum() + probabilities[-1] + 1e-9))
        return (row, share) if share >= self._minimum_of(row) else None

    def _minimum_of(self, row: int) -> float:
        name = self._taxonomy.problems[row].name
        return self._trained.problem_minimums.get(name, self._trained.problem_minimum)

    def _enough(self, rows: Sequence[int], all_rows: Sequence[int], probabilities: Floats) -> bool:
        """Whether the problems that fit hold enough of the topic to choose among them."""
        left = _mass(rows, self._problem_column, probabilities)
        whole = _mass(all_rows, self._problem_column, probabilities)
        return left >= self._trained.problem_minimum * whole

    def _labelled(self, text: str, scored: tuple[int, float], pointed: Sequence[Token]) -> Problem:
        row, score = scored
        problem = self._taxonomy.problems[row]
        return Problem(problem.name, score, telling_words(text, problem.phrases, pointed))


def _columns(trained: Sequence[str], labels: Sequence[Label]) -> list[int | None]:
    """The head's column of each label; None for a label that the head does not know."""
    columns = {name: column for column, name in enumerate(trained) if name != OTHER}
    return [columns.get(label.name) for label in labels]


def _fitting(rows: Sequence[int], labels: Sequence[Label], trade: str | None) -> Sequence[int]:
    return rows if trade is None else [row for row in rows if labels[row].fits(trade)]


def _mass(rows: Iterable[int], columns: Sequence[int | None], probabilities: Floats) -> float:
    """The probability of these rows and of `other` together."""
    known = [column for row in rows if (column := columns[row]) is not None]
    return float(probabilities[known].sum() + probabilities[-1])


def _likeliest(
    rows: Iterable[int], columns: Sequence[int | None], probabilities: Floats
) -> tuple[int, float] | None:
    """The row that the head finds likeliest, and its probability; None where it knows no row."""
    best: tuple[int, float] | None = None
    values: list[float] = probabilities.tolist()
    for row in rows:
        column = columns[row]
        if column is not None and (best is None or values[column] > best[1]):
            best = row, values[column]
    return best


def _phrases(
    labels: Sequence[Label], columns: Sequence[int | None], embed: Embed
) -> _Phrases | None:
    """The phrases of all labels; None where the head knows every label."""
    if None not in columns:
        return None
    starts = np.cumsum([0, *(len(label.phrases) for label in labels[:-1])]).tolist()
    texts = [phrase for label in labels for phrase in label.phrases]
    return _Phrases(in_steps(embed(texts)), starts)


def _nearest(embeddings: Floats, phrases: _Phrases | None, labels: int) -> Floats:
    """The cosine to each label's nearest phrase, (n, labels); 0 without phrases."""
    if phrases is None or not len(embeddings):
        return np.zeros((len(embeddings), labels), np.float32)
    nearest = np.maximum.reduceat(
        cosines(in_steps(embeddings), phrases.places), phrases.starts, axis=1
    )
    return nearest.astype(np.float32)
