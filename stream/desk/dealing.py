"""Dealing of new tickets to people: round robin among who is present, by rules. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from stream.accounts.users import User
from stream.desk.assignment import can_have


class Rule(Protocol):
    """Tickets that go to some people; `stream.controls.records.Rule` in earnest."""

    @property
    def agents(self) -> Sequence[str]: ...
    @property
    def brands(self) -> Sequence[str]: ...
    @property
    def languages(self) -> Sequence[str]: ...
    @property
    def topics(self) -> Sequence[str]: ...
    @property
    def levels(self) -> Sequence[str]: ...


class Rules(Protocol):
    """All rules; `stream.controls.records.Assignment` in earnest."""

    @property
    def limit(self) -> int: ...
    @property
    def limits(self) -> Mapping[str, int]: ...
    @property
    def rules(self) -> Sequence[Rule]: ...
    @property
    def unmatched(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """A ticket that nobody has. language: of the customer's last message."""

    id: str
    brand: str | None
    language: str | None
    topic: str | None
    level: str


@dataclass(frozen=True, slots=True)
class Present:
    """A person who takes tickets now. open: how many they have; dealt_at: when they got the last.

    turn: their last one of this round; 0 before it.
    """

    user: User
    open: int
    dealt_at: datetime | None
    turn: int = 0


def deal(
    tickets: Iterable[Waiting], people: Iterable[Present], rules: Rules
) -> list[tuple[Waiting, str]]:
    """Who gets which ticket, in order. Who has waited longest for one gets the next that they may
    have; a ticket that nobody may have waits on.
    """
    present = {person.user.name: person for person in people}
    dealt: list[tuple[Waiting, str]] = []
    for ticket in tickets:
        names = _eligible(ticket, rules)
        if names is None:
            continue
        free = [person for person in present.values() if _takes(person, ticket, names, rules)]
        if not free:
            continue
        person = min(free, key=_waited)
        dealt.append((ticket, person.user.name))
        present[person.user.name] = replace(person, open=person.open + 1, turn=len(dealt))
    return dealt


def _eligible(ticket: Waiting, rules: Rules) -> Collection[str] | None:
    """The people of the first rule that fits, all of them where it is empty; None for nobody."""
    for rule in rules.rules:
        if _fits(rule, ticket):
            return rule.agents
    return () if rules.unmatched else None


def _fits(rule: Rule, ticket: Waiting) -> bool:
    pairs = (
        (rule.brands, ticket.brand),
        (rule.languages, ticket.language),
        (rule.topics, ticket.topic),
        (rule.levels, ticket.level),
    )
    return all(not allowed or _among(value, allowed) for allowed, value in pairs)


def _among(value: str | None, allowed: Sequence[str]) -> bool:
    return value is not None and value.casefold() in {name.casefold() for name in allowed}


def _takes(person: Present, ticket: Waiting, names: Collection[str], rules: Rules) -> bool:
    name = person.user.name
    limit = rules.limits.get(name, rules.limit)
    is_named = not names or name in names
    return is_named and person.open < limit and can_have(person.user, ticket.brand)


def _waited(person: Present) -> tuple[int, float, int, str]:
    dealt = person.dealt_at.timestamp() if person.dealt_at else 0.0
    return person.turn, dealt, person.open, person.user.name
