"""Triage's records: stored messages in, one ticket with its reasons out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from stream.records import Level

Step = Literal["redact", "brand", "language", "model", "save", "cues", "fold"]  # of a judgement


@dataclass(frozen=True, slots=True)
class GraveTurn:
    """What a caller said in one turn, as the model read it alone; the fields of a message."""

    words: str
    levels: tuple[float, ...] | None = None
    reasons: Mapping[str, float] = field(default_factory=dict)
    alarm: float | None = None
    need: float | None = None


@dataclass(frozen=True, slots=True)
class CallState:
    """How a call stands. outcome: resolved, follow_up; None when nobody has decided.

    open: the words that show what is left to do. soured: the words with which the caller lost
    patience. gravest: the caller's most urgent turns.
    """

    complete: bool
    outcome: str | None = None
    open: str | None = None
    soured: str | None = None
    gravest: tuple[GraveTurn, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One stored event, as triage reads it: redacted text, analysis, latest revision. A deleted one
    has no text.
    """

    id: str
    conversation: str
    kind: str  # tweet, complaint, transcript, deleted
    direction: str  # inbound, outbound
    occurred_at: datetime
    text: str = ""
    author: str | None = None
    brand: str | None = None
    followers: int | None = None
    language: str | None = None
    sentiment: str | None = None  # negative, neutral, positive; None when abstained or outbound
    negative: float | None = None  # calibrated probability of "negative"
    complaint: float | None = None  # probability
    dissatisfaction: float | None = None  # 0-100
    topic: str | None = None
    problem: str | None = None
    abstained: bool = False
    alarm: float | None = None  # -1 to 1: reads like messages that a person must see within minutes
    need: float | None = None  # -1 to 1: reads like messages that need a person
    # by the model's heads of triage; None where they did not read it: see models/urgency.py
    levels: tuple[float, ...] | None = None
    reasons: Mapping[str, float] = field(default_factory=dict)
    settled: float | None = None
    call: CallState | None = None  # of a transcript
    failed: Step | None = None  # the step that could not judge it

    def __hash__(self) -> int:
        # What is read of a message is kept by the message: all of it is compared, little is hashed.
        return hash((self.id, self.text))


@dataclass(frozen=True, slots=True)
class Factor:
    """One reason for a priority: its name, its points, and the reason in words for a person."""

    name: str
    points: float
    words: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """A conversation that needs a person; depends on the conversation's events alone.

    factors: strongest first; their points add up to the priority before it is cut to 0-100.
    """

    id: str  # the conversation's id; of a further brand that it names, with the brand
    network: str
    brand: str | None
    author: str | None
    priority: int  # 0-100
    level: Level
    factors: tuple[Factor, ...]
    needs_look: bool  # in the abstain band, not judged, or judged in an undecided language
    topic: str | None
    problem: str | None
    sentiment: str | None
    dissatisfaction: float | None
    excerpt: str  # the message that decided, redacted, at most 280 characters
    messages: int  # events in the conversation that are not deleted
    first_at: datetime
    last_inbound_at: datetime
    answered_at: datetime | None  # the brand's last answer after the last inbound message
    settled_at: datetime | None = None  # the customer's last word, where it closes the ticket
    unread_language: str | None = None  # of the last message that no model could read


def shortened(text: str, length: int) -> str:
    """At most so many characters of the text."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
