"""What the models say about one text: the record that `analyze` prints and the store keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SentimentLabel = Literal["negative", "neutral", "positive"]


@dataclass(frozen=True, slots=True)
class Sentiment:
    label: SentimentLabel
    score: float  # calibrated probability of `label`
    probabilities: dict[SentimentLabel, float]


@dataclass(frozen=True, slots=True)
class Topic:
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Problem:
    label: str
    score: float
    words: tuple[str, ...]  # the words of the message that show it


@dataclass(frozen=True, slots=True)
class Analysis:
    """One text understood.

    severity: 0-4 after Jin & Aletras (2021). dissatisfaction: 0 (content) to 100 (furious).
    abstained: the model does not know this language (or there is nothing to read), so every judgement is None.
    embedding: (384,) float16, unit length; only vectors of the same `model` compare. None when abstained.
    """

    text: str
    language: str
    model: str
    sentiment: Sentiment | None = None
    complaint: float | None = None
    severity: int | None = None
    dissatisfaction: float | None = None
    topic: Topic | None = None
    problem: Problem | None = None
    alarm: float | None = None  # -1 to 1: reads like messages that a person must see within minutes
    need: float | None = None  # -1 to 1: reads like messages that need a person at all
    abstained: bool = False
    embedding: NDArray[np.float16] | None = field(default=None, compare=False, repr=False)

    def as_json(self) -> dict[str, Any]:
        """The contract of `earshot analyze`: JSON-able, without the embedding, numbers rounded to four places."""
        sentiment, topic, problem = self.sentiment, self.topic, self.problem
        return {
            "text": self.text,
            "language": self.language,
            "sentiment": sentiment
            and {
                "label": sentiment.label,
                "score": round(sentiment.score, 4),
                "probabilities": {name: round(value, 4) for name, value in sentiment.probabilities.items()},
            },
            "complaint": None if self.complaint is None else round(self.complaint, 4),
            "severity": self.severity,
            "dissatisfaction": None if self.dissatisfaction is None else round(self.dissatisfaction, 1),
            "topic": topic and {"label": topic.label, "score": round(topic.score, 4)},
            "problem": problem
            and {"label": problem.label, "score": round(problem.score, 4), "words": list(problem.words)},
            "abstained": self.abstained,
            "model": self.model,
        }
