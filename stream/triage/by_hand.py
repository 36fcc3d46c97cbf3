"""Priorities that people set by hand: kept over every fold until a new message says more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stream.records import Level
from stream.triage.points import LEVELS
from stream.triage.sums import total
from stream.triage.ticket import Factor, Ticket

FACTOR = "by hand"  # the name of its factor


@dataclass(frozen=True, slots=True)
class ByHand:
    """A level that somebody set, as it is stored. folded: the priority without it."""

    level: Level
    actor: str
    reason: str
    folded: int

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> ByHand | None:
        if stored is None:
            return None
        return cls(stored["level"], stored["actor"], stored["reason"], stored["folded"])


def level_of(priority: int) -> Level:
    """The level of a priority."""
    lowest, _ = LEVELS[-1]
    return next((level for level, threshold in LEVELS if priority >= threshold), lowest)


def with_hand(
    priority: int, factors: Sequence[Factor], hand: ByHand
) -> tuple[int, tuple[Factor, ...]]:
    """The priority nearest to the folded one that has the level, and why."""
    names = [level for level, _ in LEVELS]
    thresholds = [threshold for _, threshold in LEVELS]
    place = names.index(hand.level)
    low = thresholds[place] if place + 1 < len(names) else 0
    high = 100 if place == 0 else thresholds[place - 1] - 1
    target = min(max(priority, low), high)
    factor = Factor(
        FACTOR, target - total(factors), f"{hand.actor} set {hand.level}: {hand.reason}"
    )
    return target, (factor, *factors)


def apply_hand(ticket: Ticket, hand: ByHand | None, new_inbound: bool) -> tuple[Ticket, bool]:
    """The ticket as somebody set it, and whether that still holds.

    A new message of the customer that makes it more urgent than they found it, and than they set
    it, is weighed anew. What the customer settled is settled.
    """
    if hand is None:
        return ticket, True
    is_raised = ticket.priority > hand.folded and _rank(ticket.level) < _rank(hand.level)
    if new_inbound and is_raised:
        return ticket, False
    if ticket.settled_at is not None:
        return ticket, True
    priority, factors = with_hand(ticket.priority, ticket.factors, hand)
    return replace(ticket, priority=priority, level=hand.level, factors=factors), True


def _rank(level: Level) -> int:
    return [name for name, _ in LEVELS].index(level)
