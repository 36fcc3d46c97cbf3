"""What the models say about one text: the record that `analyze` prints and the store keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SentimentLabel = Literal["negative", "neutral", "positive"]
OutcomeLabel = Literal["resolved", "follow_up"]
Level = Literal["low", "medium", "high"]
Why = Literal["empty", "language", "strange"]


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
class Outcome:
    label: OutcomeLabel
    score: float  # calibrated probability of `label`
    probabilities: dict[OutcomeLabel, float]
    words: str | None = None  # the words that show what is left to do


@dataclass(frozen=True, slots=True)
class Moment:
    """How the customer sounds in one turn. mood: -1 (negative) to 1. tension: 0-1, of the call so
    far.
    """

    turn: int  # of all turns, from 0
    mood: float
    dissatisfaction: float  # 0-100
    tension: float
    at: float | None = None  # seconds from the start


@dataclass(frozen=True, slots=True)
class Call:
    """What a call has that no single text has. outcome: None where no head decides it.

    soured: the turn at which the tension was too much for the first time, and its words; None when
    it never was.
    """

    turns: int
    customer_turns: int
    outcome: Outcome | None
    trajectory: tuple[Moment, ...]
    soured: Moment | None = None
    soured_words: str | None = None

    def as_json(self) -> dict[str, Any]:
        outcome, soured = self.outcome, self.soured
        return {
            "outcome": outcome
            and {
                "label": outcome.label,
                "score": round(outcome.score, 4),
                "probabilities": {
                    name: round(value, 4) for name, value in outcome.probabilities.items()
                },
                "words": outcome.words,
            },
            "soured": soured and {"turn": soured.turn, "at": soured.at, "words": self.soured_words},
            "trajectory": [
                {
                    "turn": moment.turn,
                    **({} if moment.at is None else {"at": moment.at}),
                    "mood": round(moment.mood, 3),
                    "dissatisfaction": round(moment.dissatisfaction, 1),
                    "tension": round(moment.tension, 3),
                }
                for moment in self.trajectory
            ],
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
    same `model` compare. None when abstained. call: of a call, what its turns say together; the
    text is the customer's side then.
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
    abstained: bool = False
    why: Why | None = None
    embedding: NDArray[np.float16] | None = field(default=None, compare=False, repr=False)
    call: Call | None = None

    @property
    def dissatisfaction_level(self) -> Level | None:
        """The grades 1 and 2 are low, 3 is medium, 4 and 5 are high."""
        grade = self.dissatisfaction_grade
        return None if grade is None else "low" if grade < 3 else "medium" if grade == 3 else "high"

    def as_json(self) -> dict[str, Any]:
        """The contract of `earshot analyze`: JSON-able, without the embedding, numbers rounded to
        four places.
        """
        sentiment, topic, problem = self.sentiment, self.topic, self.problem
        return {
            "text": self.text,
            "language": self.language,
            "sentiment": sentiment
            and {
                "label": sentiment.label,
                "score": round(sentiment.score, 4),
                "probabilities": {
                    name: round(value, 4) for name, value in sentiment.probabilities.items()
                },
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
            "abstained": self.abstained,
            "why": self.why,
            "model": self.model,
        }
