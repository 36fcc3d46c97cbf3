"""One pass understands everything: texts in, an `Analysis` for each out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from models.analysis import AbstainReason, Analysis, Problem, Sentiment, SentimentLabel
from models.artifact import Artifact, UrgencyScale, load_artifact
from models.encoder import Encoder, Outputs
from models.examples.embedded import kept_places
from models.examples.kernel import Resemblance, read_examples
from models.language import UNDECIDED, detect
from models.passages import passages
from models.taxonomy.classifier import (
    Taxonomy,
    TaxonomyClassifier,
    TrainedLabels,
    read_taxonomy,
    shown_words,
)
from models.text import normalize
from models.urgency import LEAST_REASON, REASONS, Urgency, of_letter

LABELS: tuple[SentimentLabel, ...] = get_args(SentimentLabel)

Floats = NDArray[np.float32]


class Analyzer:
    """The model of one directory, ready to read. `version` names it in everything that it says.

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
        self._encoder = Encoder(
            self._artifact.model,
            self._artifact.tokenizer,
            max_tokens=self._artifact.max_tokens,
            threads=threads,
            batch=batch,
        )
        self._taxonomy = TaxonomyClassifier(
            self.taxonomy,
            lambda phrases: self._encoder(phrases).embedding,
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
        reasons = [
            self._unreadable(text, language) for text, language in zip(texts, detected, strict=True)
        ]
        readable = [row for row, reason in enumerate(reasons) if reason is None]
        outputs = self._encoder([texts[row] for row in readable])
        judged = self._judge(
            [texts[row] for row in readable],
            [detected[row] for row in readable],
            _rows(trades, readable),
            outputs,
        )
        by_row = dict(zip(readable, judged, strict=True))
        return [
            by_row.get(row)
            or Analysis(text, detected[row], self.version, abstained=True, why=reasons[row])
            for row, text in enumerate(texts)
        ]

    def sentiments(self, texts: Sequence[str]) -> Floats:
        """Calibrated probabilities (texts, 3) in the order of LABELS, whatever the language."""
        return softmax(self._encoder(texts).sentiment / self._artifact.temperatures["sentiment"])

    def _places(self, texts: Sequence[str]) -> Floats:
        places = kept_places(self._artifact, texts)
        return self._encoder(texts).embedding if places is None else places

    def _unreadable(self, text: str, language: str) -> AbstainReason | None:
        if not normalize(text):
            return "empty"
        return None if language == UNDECIDED or language in self._artifact.languages else "language"

    def _judge(
        self,
        texts: Sequence[str],
        languages: Sequence[str],
        trades: Sequence[str | None],
        outputs: Outputs,
    ) -> list[Analysis]:
        temperatures, levels = self._artifact.temperatures, self._artifact.levels
        sentiment = softmax(outputs.sentiment / temperatures["sentiment"])  # (texts, 3)
        complaint = softmax(outputs.complaint / temperatures["complaint"])[:, 1]  # (texts,)
        severity = softmax(outputs.severity / temperatures["severity"])  # (texts, 5)
        index = dissatisfaction(severity)
        topics = self._taxonomy.topics(outputs.embedding, self._shares(outputs, "topic"), trades)
        problems = self._taxonomy.problems(
            texts, topics, outputs.embedding, self._shares(outputs, "problem"), trades
        )
        problems = [
            self._with_words(text, problem, outputs.cause[row])
            for row, (text, problem) in enumerate(zip(texts, problems, strict=True))
        ]
        likenesses = self._resemblance(outputs.embedding)
        urgencies = self._urgencies(texts, outputs)
        return [
            Analysis(texts[row], languages[row], self.version, abstained=True, why="strange")
            if strange
            else Analysis(
                text=text,
                language=languages[row],
                model=self.version,
                sentiment=_sentiment(sentiment[row]),
                complaint=float(complaint[row]),
                severity=int(severity[row].argmax()),
                dissatisfaction=float(index[row]),
                dissatisfaction_grade=grade(float(index[row]), levels),
                topic=topics[row],
                problem=problems[row],
                alarm=likenesses[row].alarm,
                need=likenesses[row].need,
                urgency=urgencies[row],
                embedding=outputs.embedding[row].astype(np.float16),
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
        of_pieces = iter(urgencies(self._encoder(pieces), scale) if pieces else ())
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
        return [bool(strange) for strange in outputs.strange[:, 0] > self._artifact.strange_most]

    def _with_words(self, text: str, problem: Problem | None, cause: Floats) -> Problem | None:
        """The problem with the words that the model points at, or where it points at none, those
        that they share.
        """
        if problem is None or not len(cause):
            return problem
        read, spans = self._encoder.spans(text)
        threshold = math.log(self._artifact.cause_least / (1 - self._artifact.cause_least))
        words = shown_words(read, spans, (cause[: len(spans)] > threshold).tolist())
        return replace(problem, words=words) if words else problem


def _trained(artifact: Artifact) -> TrainedLabels:
    minimum = artifact.least_probability
    return TrainedLabels(
        topics=artifact.labels.get("topic", ()),
        problems=artifact.labels.get("problem", ()),
        topic_minimum=minimum.get("topic", 0.0),
        problem_minimum=minimum.get("problem", 0.0),
    )


def softmax(logits: Floats) -> Floats:
    """(rows, classes) logits to probabilities; rows sum to 1."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return probabilities


def urgencies(outputs: Outputs, scale: UrgencyScale) -> list[Urgency]:
    """The calibrated urgency of each text by the heads of triage."""
    factors, shifts = np.array(scale.level, dtype=np.float32).T
    independent = sigmoid(outputs.level * factors + shifts)
    levels = np.minimum.accumulate(independent, axis=-1)  # P1 is never likelier than P2
    reasons = sigmoid(outputs.reason * np.float32(scale.reason[0]) + np.float32(scale.reason[1]))
    states = softmax(outputs.state / np.float32(scale.state))
    return [
        Urgency(
            levels=tuple(map(float, levels[row])),
            reasons={
                REASONS[place]: float(reasons[row, place])
                for place in np.argsort(-reasons[row], kind="stable")
                if reasons[row, place] >= LEAST_REASON
            },
            settled=float(states[row, -1]),
        )
        for row in range(len(levels))
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


def _sentiment(probabilities: Floats) -> Sentiment:
    best = int(probabilities.argmax())
    return Sentiment(
        label=LABELS[best],
        score=float(probabilities[best]),
        probabilities={
            label: float(value) for label, value in zip(LABELS, probabilities, strict=True)
        },
    )


def _rows(values: Sequence[str | None] | None, rows: Sequence[int]) -> list[str | None]:
    """The values of these rows; None for each where there are no values."""
    return [None if values is None else values[row] for row in rows]
