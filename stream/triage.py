"""Which conversations need a person, how urgently, and why. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Level = Literal["P1", "P2", "P3", "P4"]


@dataclass(frozen=True, slots=True)
class Message:
    """One stored event, as triage reads it: redacted text, analysis, latest revision. A deleted one has no text."""

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


@dataclass(frozen=True, slots=True)
class Factor:
    """One reason for a priority: its name, the points it adds, and the reason in words for a person."""

    name: str
    points: float
    words: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """A conversation that needs a person; depends on the conversation's events alone."""

    id: str  # the conversation's id: one conversation, one ticket
    network: str
    brand: str | None
    author: str | None
    priority: int  # 0-100
    level: Level
    factors: tuple[Factor, ...]  # strongest first; their points add up to the priority before it is cut to 0-100
    needs_look: bool  # in the abstain band: not sure that it is a ticket
    topic: str | None
    problem: str | None
    sentiment: str | None
    dissatisfaction: float | None
    excerpt: str  # the message that decided, redacted, at most 280 characters
    messages: int  # events in the conversation that are not deleted
    first_at: datetime
    last_inbound_at: datetime
    answered_at: datetime | None  # the brand's last answer after the last inbound message


def fold(history: Sequence[Message]) -> Ticket | None:
    """The one ticket of a conversation, or None when nobody is needed. Order of `history` does not matter."""
    raise NotImplementedError
