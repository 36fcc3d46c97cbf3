"""One pass understands everything: texts in, an `Analysis` for each out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from models.analysis import AbstainReason, Analysis, Sentiment, SentimentLabel
from models.artifact import OF_PROBLEM, OF_TOPIC, Artifact, UrgencyScale, load_artifact
from models.encoder import Encoder, Outputs, Reader, Reading
from models.examples.embedded import kept_places
from models.examples.kernel import Resemblance, read_examples
from models.language import UNDECIDED, detect
from models.passages import passages
from models.taxonomy.classifier import (
    Taxonomy,
    TaxonomyClassifier,
    TrainedLabels,
    read_taxonomy,
)
from models.taxonomy.words import Token
from models.text import normalize
from models.urgency import LEAST_REASON, REASONS, Urgency, of_letter

LABELS: tuple[SentimentLabel, ...] = get_args(SentimentLabel)

Floats = NDArray[np.float32]
Real = TypeVar("Real", bound=np.floating)


class Analyzer:
    """The model of one directory, ready to read. `version` names it in everything that it says;
    `encoder` is what reads the texts.

    taxonomy: the topics and problems that it names; else the model's own, else the one that comes
    with earshot. threads: cores that it may use. batch: texts of one run, at most; results do not
    depend on it. Raises ArtifactError when the directory cannot be served.
    """

    def __init__(
        self,
        artifact: Artifact | Path,
        *,
        taxonomy: Taxonomy | None = None,
        threads: int = 2,
        batch: int = 32,
    ) -> None:
        self._artifact = load_artifact(artifact) if isinstance(artifact, Path) else artifact
        own = self._artifact.taxonomy
        self.taxonomy = taxonomy or (read_taxonomy(own) if own else read_taxonomy())
        self.encoder: Reader = Encoder(
            self._artifact.model,
            self._artifact.tokenizer,
            max_tokens=self._artifact.max_tokens,
            threads=threads,
            batch=batch,
        )
        self._taxonomy = TaxonomyClassifier(
            self.taxonomy,
            lambda phrases: self.encoder(phrases).embedding,
            topic_threshold=self._artifact.topic_threshold,
            problem_threshold=self._artifact.problem_threshold,
            trained=_trained(self._artifact),
        )
        self._resemblance = Resemblance(read_examples(), self._places)
        self.version = self._artifact.version

    def __call__(
        self,
        texts: Sequence[str],
        languages: Sequence[str | None] | None = None,
        trades: Sequence[str | None] | None = None,
    ) -> list[Analysis]:
        """Read each text. languages: what the source of each says, for those too short to tell.

        trades: of the brand of each; its topic and problem are among those that fit the trade.

        Abstains, with every judgement None and `why`, on a language that the model does not know,
        on nothing to read and on what is like no message that it has learned from.
        """
        hints = [None] * len(texts) if languages is None else languages
        detected = [detect(text, hint) for text, hint in zip(texts, hints, strict=True)]
        normalised = [normalize(text) for text in texts]
        reasons = [
            self._unreadable(text, language)
            for text, language in zip(normalised, detected, strict=True)
        ]
        readable = [row for row, reason in enumerate(reasons) if reason is None]
        read = [normalised[row] for row in readable]
        judged = self._judge(
            [texts[row] for row in readable],
            read,
            [detected[row] for row in readable],
            _rows(trades, readable),
            self.encoder.read(read),
        )
        by_row = dict(zip(readable, judged, strict=True))
        return [
            by_row.get(row)
            or Analysis(text, detected[row], self.version, abstained=True, why=reasons[row])
            for row, text in enumerate(texts)
        ]

    def sentiments(self, texts: Sequence[str]) -> Floats:
        """Calibrated probabilities (texts, 3) in the order of LABELS, whatever the language."""
        return softmax(self.encoder(texts).sentiment / self._artifact.temperatures["sentiment"])

    def _places(self, texts: Sequence[str]) -> Floats:
        places = kept_places(self._artifact, texts)
        return self.encoder(texts).embedding if places is None else places

    def _unreadable(self, normalised: str, language: str) -> AbstainReason | None:
        if not normalised:
            return "empty"
        return None if language == UNDECIDED or language in self._artifact.languages else "language"

    def _judge(
        self,
        texts: Sequence[str],
        normalised: Sequence[str],
        languages: Sequence[str],
        trades: Sequence[str | None],
        reading: Reading,
    ) -> list[Analysis]:
        outputs = reading.outputs
        temperatures, levels = self._artifact.temperatures, self._artifact.levels
        sentiment = softmax(outputs.sentiment / temperatures["sentiment"])  # (texts, 3)
        complaint = softmax(outputs.complaint / temperatures["complaint"])[:, 1]  # (texts,)
        severity = softmax(outputs.severity / temperatures["severity"])  # (texts, 5)
        index = dissatisfaction(severity)
        topics = self._taxonomy.topics(outputs.embedding, self._shares(outputs, "topic"), trades)
        problems = self._taxonomy.problems(
            normalised,
            topics,
            outputs.embedding,
            self._shares(outputs, "problem"),
            lambda row: self._pointed(reading.encodings[row], outputs.cause[row]),
            trades,
        )
        likenesses = self._resemblance(outputs.embedding)
        urgencies = self._urgencies(texts, outputs)
        embeddings = outputs.embedding.astype(np.float16)
        sentiments = _sentiments(sentiment)
        severities = severity.argmax(-1).tolist()
        complaints, indices = complaint.tolist(), index.tolist()
        return [
            Analysis(texts[row], languages[row], self.version, abstained=True, why="strange")
            if strange
            else Analysis(
                text=text,
                language=languages[row],
                model=self.version,
                sentiment=sentiments[row],
                complaint=complaints[row],
                severity=severities[row],
                dissatisfaction=indices[row],
                dissatisfaction_grade=grade(indices[row], levels),
                topic=topics[row],
                problem=problems[row],
                alarm=likenesses[row].alarm,
                need=likenesses[row].need,
                urgency=urgencies[row],
                embedding=embeddings[row].copy(),  # no view: it would keep those of the others
            )
            for row, (text, strange) in enumerate(zip(texts, self._strange(outputs), strict=True))
        ]

    def _urgencies(self, texts: Sequence[str], outputs: Outputs) -> list[Urgency | None]:
        """The urgency of each text; of a letter with that of its passages."""
        scale = self._artifact.urgency
        if scale is None or not outputs.level.shape[-1]:
            return [None] * len(texts)
        whole = urgencies(outputs, scale)
        cut = {row: passages(text) for row, text in enumerate(texts)}
        pieces = [piece for of_text in cut.values() for piece in of_text]
        of_pieces = iter(urgencies(self.encoder(pieces), scale) if pieces else ())
        return [
            of_letter(whole[row], [next(of_pieces) for _ in of_text]) if of_text else whole[row]
            for row, of_text in cut.items()
        ]

    def _shares(self, outputs: Outputs, task: str) -> Floats | None:
        """Probabilities (texts, classes) of a head that the model may not have."""
        logits: Floats = getattr(outputs, task)
        return softmax(logits / self._artifact.temperatures[task]) if logits.shape[-1] else None

    def _strange(self, outputs: Outputs) -> list[bool]:
        if not outputs.strange.shape[-1]:
            return [False] * len(outputs.strange)
        strange: list[bool] = (outputs.strange[:, 0] > self._artifact.strange_most).tolist()
        return strange

    def _pointed(self, encoding: Encoding, cause: Floats) -> list[Token]:
        """The tokens of a text, and how clearly the model points at each as showing the problem."""
        threshold = math.log(self._artifact.cause_least / (1 - self._artifact.cause_least))
        strengths = (cause[: len(encoding)] - threshold).tolist()
        return [
            (start, end, strength)
            for (start, end), strength in zip(encoding.offsets, strengths, strict=False)
            if end > start
        ]


def _trained(artifact: Artifact) -> TrainedLabels:
    minimum = artifact.least_probability
    return TrainedLabels(
        topics=artifact.labels.get("topic", ()),
        problems=artifact.labels.get("problem", ()),
        topic_minimum=minimum.get("topic", 0.0),
        problem_minimum=minimum.get("problem", 0.0),
        topic_minimums=_of_single(minimum, OF_TOPIC),
        problem_minimums=_of_single(minimum, OF_PROBLEM),
    )


def _of_single(minimum: Mapping[str, float], prefix: str) -> dict[str, float]:
    """The least probabilities of single topics or problems, by name."""
    return {
        task.removeprefix(prefix): value
        for task, value in minimum.items()
        if task.startswith(prefix)
    }


def softmax(logits: NDArray[Real]) -> NDArray[Real]:
    """(rows, classes) logits to probabilities of the same precision; rows sum to 1."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: NDArray[Real] = weights / weights.sum(axis=-1, keepdims=True)
    return probabilities


def urgencies(outputs: Outputs, scale: UrgencyScale) -> list[Urgency]:
    """The calibrated urgency of each text by the heads of triage."""
    factors, shifts = np.array(scale.level, dtype=np.float32).T
    independent = sigmoid(outputs.level * factors + shifts)
    levels = np.minimum.accumulate(independent, axis=-1)  # P1 is never likelier than P2
    reasons = sigmoid(outputs.reason * np.float32(scale.reason[0]) + np.float32(scale.reason[1]))
    settled = softmax(outputs.state / np.float32(scale.state))[:, -1].tolist()
    orders = np.argsort(-reasons, axis=-1, kind="stable")
    counts = (reasons >= LEAST_REASON).sum(-1).tolist()  # these come first in the order
    return [
        Urgency(
            levels=tuple(of_text),
            reasons={
                REASONS[place]: float(reasons[row, place])
                for place in orders[row, : counts[row]].tolist()
            },
            settled=settled[row],
        )
        for row, of_text in enumerate(levels.tolist())
    ]


def sigmoid(logits: Floats) -> Floats:
    odds = np.exp(np.clip(logits, -30, 30))
    probabilities: Floats = odds / (1 + odds)
    return probabilities


def dissatisfaction(severity: Floats) -> Floats:
    """Map severity probabilities to the dissatisfaction index.

    severity: (batch, 5), rows sum to 1; classes 0-4 after Jin & Aletras (2021), calibrated.
    Returns (batch,), 0 (content) to 100 (furious): the expected class as a share of the highest.
    Raises ValueError on another width.
    """
    if severity.shape[-1] != 5:
        raise ValueError(f"severity has five classes, not {severity.shape[-1]}")
    index: Floats = (severity * np.arange(0, 125, 25, dtype=np.float32)).sum(
        -1
    )  # a BLAS product would round by batch
    return index


def grade(index: float, levels: Sequence[float]) -> int:
    """The dissatisfaction index as 1 (content) to 5 (furious). levels: the index from which it is
    2, 3, 4 and 5.
    """
    return 1 + sum(index >= level for level in levels)


def _sentiments(probabilities: Floats) -> list[Sentiment]:
    """The sentiment of each row of (texts, 3)."""
    likeliest = probabilities.argmax(-1).tolist()
    return [
        Sentiment(LABELS[best], values[best], dict(zip(LABELS, values, strict=True)))
        for best, values in zip(likeliest, probabilities.tolist(), strict=True)
    ]


def _rows(values: Sequence[str | None] | None, rows: Sequence[int]) -> list[str | None]:
    """The values of these rows; None for each where there are no values."""
    return [None if values is None else values[row] for row in rows]
