"""Each decisive sign of P1 against readers' levels, with and without the model's own judgement.

`make bench-triage` prints it. A P1 takes two keys: a sign, by a phrase (a cue) or by the head of
reasons, and the head of levels, which verifies it. Of the messages with a sign some become P1, and
the verifier refuses the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from stream.triage.by_model import DECISIVE, PAST, SIGN, SIGNS, stand_in
from stream.triage.cues import thesaurus
from stream.triage.ticket import Message, Ticket

KINDS = ("cue", "head")


@dataclass(frozen=True, slots=True)
class Share:
    """Messages, and those of them that the reader called P1."""

    messages: int
    p1: int

    def __str__(self) -> str:
        return f"{self.p1 / self.messages:.2f} of {self.messages}" if self.messages else "none"


@dataclass(frozen=True, slots=True)
class Sign:
    """kind: "cue", "head" or, of any reason, "either". given: the sign was there, and it became P1.
    refused: the sign was there, and the verifier made less of it.
    """

    reason: str
    kind: str
    given: Share
    refused: Share


def by_sign(
    messages: Sequence[Message], tickets: Sequence[Ticket | None], labels: Sequence[str]
) -> list[Sign]:
    """The figures of every decisive reason, by a phrase and by the head, and of any of them.

    A message with two signs counts for both. labels: P1 to P4 or none, as a reader said.
    """
    rows = [
        (
            shown_by_head(message),
            shown_by_cue(message),
            ticket is not None and ticket.level == "P1",
            label,
        )
        for message, ticket, label in zip(messages, tickets, labels, strict=True)
    ]
    figures: list[Sign] = []
    for reason in (*DECISIVE, "any"):
        for kind in (*KINDS, "either") if reason == "any" else KINDS:
            of_sign = [
                (is_p1, label)
                for head, cue, is_p1, label in rows
                if _has({"cue": cue, "head": head}.get(kind, cue | head), reason)
            ]
            given, refused = (
                _share(label for is_p1, label in of_sign if is_p1 is wanted)
                for wanted in (True, False)
            )
            figures.append(Sign(reason, kind, given, refused))
    return figures


def shown_by_head(message: Message) -> frozenset[str]:
    """The decisive reasons that the head gives."""
    reasons = message.reasons
    signs = {code for code in DECISIVE if reasons.get(code, 0.0) >= SIGN}
    return frozenset(signs - _past(message))


def shown_by_cue(message: Message) -> frozenset[str]:
    """The decisive reasons that phrases show."""
    cues = thesaurus().find(message.text)
    return frozenset({SIGNS[groups] for groups in SIGNS if stand_in(cues, groups)} - _past(message))


def rows_of(figures: Iterable[Sign]) -> Iterator[tuple[str, ...]]:
    """Rows of a table: the sign, by what, P1 right, and of those refused the P1 of the reader."""
    for sign in figures:
        if sign.given.messages or sign.refused.messages:
            yield sign.reason, sign.kind, str(sign.given), str(sign.refused)


def _past(message: Message) -> set[str]:
    """Fraud that is rather of the past is no sign."""
    reasons = message.reasons
    is_past = reasons.get("fraud_past", 0.0) > PAST * reasons.get("fraud_now", 0.0)
    return {"fraud_now"} if is_past else set()


def _has(signs: frozenset[str], reason: str) -> bool:
    return bool(signs) if reason == "any" else reason in signs


def _share(labels: Iterable[str]) -> Share:
    every = list(labels)
    return Share(len(every), every.count("P1"))
