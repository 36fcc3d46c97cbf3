"""Records of the replier: request, candidate and draft, as the store and the command keep them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["model", "template", "person", "past", "incident"]


@dataclass(frozen=True, slots=True)
class ReplyRequest:
    """One message to answer.

    text: redacted, as it is stored. network: decides the length of a reply. severity: 0-4 after Jin
    & Aletras (2021), None where nothing was judged. known: what a reply may say though the text
    does not: the author's name, the ticket's number. past: messages like this one, each with the
    reply that people sent, the nearest first. trade: of the brand, as the taxonomy has it. gravity:
    the reason of triage for which somebody may come to harm, or "urgent"; such a message gets words
    of our own alone. reason: the likeliest reason of triage. None of the three: not known.
    """

    text: str
    brand: str | None = None
    topic: str | None = None
    problem: str | None = None
    sentiment: str | None = None
    severity: int | None = None
    network: str = "x"
    known: tuple[str, ...] = ()
    past: tuple[tuple[str, str], ...] = ()
    trade: str | None = None
    gravity: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The policy gate's reason against a text.

    rule: its name in the table of rules. why: one line for a person.
    """

    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reply that could be sent.

    score: mean log probability of a token, higher is likelier; 0 where no model wrote it. source:
    of `incident` a person's sentence to everybody whom one event struck, with our words around it.
    """

    text: str
    score: float
    source: Source = "model"
    refusals: tuple[Refusal, ...] = ()

    @property
    def passes(self) -> bool:
        return not self.refusals


@dataclass(frozen=True, slots=True)
class Draft:
    """The candidates for one message: the passing ones first, the best before the others.

    At least one passes.
    """

    candidates: tuple[Candidate, ...]
    model: str  # version of the replier

    @property
    def text(self) -> str:
        return self.candidates[0].text
