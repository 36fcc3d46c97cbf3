"""Analysis of one text: the record that `analyze` prints and the store keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.urgency import Urgency

SentimentLabel = Literal["negative", "neutral", "positive"]
OutcomeLabel = Literal["resolved", "follow_up"]
Level = Literal["low", "medium", "high"]
AbstainReason = Literal["empty", "language", "strange"]


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
    words: tuple[str, ...]  # words of the message that show it: single, or in a row


@dataclass(frozen=True, slots=True)
class Outcome:
    label: OutcomeLabel
    score: float  # calibrated probability of `label`
    probabilities: dict[OutcomeLabel, float]
    words: str | None = None  # that show it, of the turn that decided
    turn: int | None = None  # which that is, counted from 0

    def as_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "score": round(self.score, 4),
            "probabilities": _rounded(self.probabilities),
            "words": self.words,
            "turn": self.turn,
        }


@dataclass(frozen=True, slots=True)
class Moment:
    """How the customer sounds in one turn.

    mood: -1 (negative) to 1. tension: 0-1, of the call so far.
    """

    turn: int  # of all turns, from 0
    mood: float
    dissatisfaction: float  # 0-100
    tension: float
    at: float | None = None  # seconds from the start

    def as_json(self) -> dict[str, Any]:
        at = {} if self.at is None else {"at": self.at}
        return {
            "turn": self.turn,
            **at,
            "mood": round(self.mood, 3),
            "dissatisfaction": round(self.dissatisfaction, 1),
            "tension": round(self.tension, 3),
        }


@dataclass(frozen=True, slots=True)
class GraveTurn:
    """One of the customer's turns as triage weighs it: read alone, as a message of its own."""

    turn: int  # of all turns, from 0
    words: str
    urgency: Urgency | None
    alarm: float | None
    need: float | None


@dataclass(frozen=True, slots=True)
class Call:
    """The facts of a call that no single text has. outcome: None where no head decides it.

    soured: the turn at which the tension was too much for the first time, and its words; None when
    it never was. gravest: the customer's most urgent turns, the most urgent first.
    """

    turns: int
    customer_turns: int
    outcome: Outcome | None
    trajectory: tuple[Moment, ...]
    soured: Moment | None = None
    soured_words: str | None = None
    gravest: tuple[GraveTurn, ...] = ()

    def as_json(self) -> dict[str, Any]:
        soured = self.soured
        return {
            "outcome": self.outcome and self.outcome.as_json(),
            "soured": soured and {"turn": soured.turn, "at": soured.at, "words": self.soured_words},
            "trajectory": [moment.as_json() for moment in self.trajectory],
            "turns": self.turns,
            "customer_turns": self.customer_turns,
        }


@dataclass(frozen=True, slots=True)
class Analysis:
    """One text understood.

    severity: 0-4 after Jin & Aletras (2021). dissatisfaction: 0 (content) to 100 (furious).
    dissatisfaction_grade: the same, 1 to 5. abstained: every judgement is None, and `why` is the
    reason: there is nothing to read (empty), the model does not know the language, or has never
    seen anything like it (strange). embedding: (384,) float16, unit length; only vectors of the
    same `model` compare. None when abstained. call: the summary of a call's turns; the text is the
    customer's side then.
    """

    text: str
    language: str
    model: str
    sentiment: Sentiment | None = None
    complaint: float | None = None
    severity: int | None = None
    dissatisfaction: float | None = None
    dissatisfaction_grade: int | None = None
    topic: Topic | None = None
    problem: Problem | None = None
    alarm: float | None = None  # -1 to 1: reads like messages that a person must see within minutes
    need: float | None = None  # -1 to 1: reads like messages that need a person at all
    urgency: Urgency | None = None  # None where no head of the model decides it
    abstained: bool = False
    why: AbstainReason | None = None
    embedding: NDArray[np.float16] | None = field(default=None, compare=False, repr=False)
    call: Call | None = None

    @property
    def dissatisfaction_level(self) -> Level | None:
        """The grades 1 and 2 are low, 3 is medium, 4 and 5 are high."""
        grade = self.dissatisfaction_grade
        if grade is None:
            return None
        if grade == 3:
            return "medium"
        return "low" if grade < 3 else "high"

    def as_json(self) -> dict[str, Any]:
        """The contract of `earshot analyze`: without the embedding, numbers rounded."""
        sentiment, topic, problem = self.sentiment, self.topic, self.problem
        return {
            "text": self.text,
            "language": self.language,
            "sentiment": sentiment
            and {
                "label": sentiment.label,
                "score": round(sentiment.score, 4),
                "probabilities": _rounded(sentiment.probabilities),
            },
            "complaint": None if self.complaint is None else round(self.complaint, 4),
            "severity": self.severity,
            "dissatisfaction": None
            if self.dissatisfaction is None
            else round(self.dissatisfaction, 1),
            "dissatisfaction_level": self.dissatisfaction_level,
            "dissatisfaction_grade": self.dissatisfaction_grade,
            "topic": topic and {"label": topic.label, "score": round(topic.score, 4)},
            "problem": problem
            and {
                "label": problem.label,
                "score": round(problem.score, 4),
                "words": list(problem.words),
            },
            "urgency": self.urgency and self.urgency.as_json(),
            "abstained": self.abstained,
            "why": self.why,
            "model": self.model,
        }


def _rounded(probabilities: Mapping[Any, float]) -> dict[Any, float]:
    return {label: round(value, 4) for label, value in probabilities.items()}
