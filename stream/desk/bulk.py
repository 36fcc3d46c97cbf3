"""Bulk acts: one action on many tickets, each by itself, with an answer for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Protocol

from pydantic import Field

from stream.accounts.users import People
from stream.desk.actions import (
    Acknowledge,
    Assign,
    Claim,
    Edit,
    NotAllowed,
    Note,
    Prioritise,
    Resolve,
    Snooze,
    Tag,
    Wait,
    apply,
)
from stream.desk.assignment import NeedsLead, check_owner, new_owner
from stream.desk.many_edits import Changed, Edited, Outcome, edit_many
from stream.desk.tickets import Desk, Lost, NoTicket, Row, Seen, changed_since
from stream.desk.undo import is_plain, undone

MAX_TICKETS = 500  # tickets at once

# The actions that the history can take back whole.
UNDONE = (Claim, Acknowledge, Assign, Wait, Snooze, Resolve, Tag, Note, Prioritise)
BulkAction = Annotated[
    Claim | Acknowledge | Assign | Wait | Snooze | Resolve | Tag, Field(discriminator="action")
]
Result = Literal["done", "unchanged", "forbidden", "missing", "refused", "lost"]


@dataclass(frozen=True, slots=True)
class Target:
    """A ticket to act on. seen: as the person saw it; None: whatever it is by now."""

    id: str
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one ticket. words: why it was not done; ticket: as it is after the act."""

    id: str
    result: Result
    words: str | None = None
    ticket: Row | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts. leads: whether they may take tickets from others. brands: as of Desk."""

    name: str
    leads: bool
    brands: frozenset[str] | None


class TakeBack(Protocol):
    """As `Desk.undo`."""

    async def __call__(
        self, ticket_id: str, actor: str, *, seen: Seen, brands: frozenset[str] | None = None
    ) -> Row: ...


class _Singly(NotAllowed):
    """This one cannot be taken back together with others."""


class Bulk:
    """Acts on many tickets. One that cannot be done keeps no other from being done."""

    def __init__(self, desk: Desk, people: People, undo: TakeBack | None = None) -> None:
        """undo: takes a person's latest act back; `desk.undo` where nothing is said."""
        self._desk, self._people = desk, people
        self._undo = undo or desk.undo

    async def act(
        self, targets: Sequence[Target], action: BulkAction, person: Person
    ) -> list[Answer]:
        """The same action on each of them, in this order; the rights are those of a single act."""
        user = await new_owner(self._people, action, person.name)

        def decide(place: int, row: Row, _last: Row, now: datetime) -> Edit | None:
            check_owner(user, row, action, person.name, leads=person.leads)
            seen = targets[place].seen
            changed = None if seen is None else changed_since(row, seen, (action,))
            if changed is not None:
                raise Changed(changed)
            return apply(row, action, person.name, now)

        ids = [target.id for target in targets]
        outcomes = await edit_many(
            self._desk.engine, ids, decide, person.name, brands=person.brands
        )
        return [_answer(id, outcome) for id, outcome in zip(ids, outcomes, strict=True)]

    async def undo(self, targets: Sequence[Target], person: Person) -> list[Answer]:
        """Take back what the person did last to each of them. seen: as their act left it.

        Notes, priorities by hand, merges and splits are taken back one by one.
        """

        def decide(place: int, row: Row, last: Row, now: datetime) -> Edit | None:
            seen = targets[place].seen
            if seen is None or seen.edits != row["edits"]:
                raise Changed("edited")
            if not is_plain(last):
                raise _Singly
            return undone(row, last, person.name, now)

        ids = [target.id for target in targets]
        outcomes = await edit_many(
            self._desk.engine, ids, decide, person.name, brands=person.brands, with_last=True
        )
        return [
            await self._undo_one(target, person)
            if isinstance(outcome, _Singly)
            else _answer(target.id, outcome)
            for target, outcome in zip(targets, outcomes, strict=True)
        ]

    async def _undo_one(self, ticket: Target, person: Person) -> Answer:
        try:
            after = await self._undo(
                ticket.id, person.name, seen=ticket.seen or Seen(-1, -1), brands=person.brands
            )
        except (NoTicket, Lost, NotAllowed) as error:
            return _answer(ticket.id, error)
        return Answer(ticket.id, "done", ticket=after)


def _answer(id: str, outcome: Outcome) -> Answer:
    match outcome:
        case Edited():
            is_same = outcome.after["edits"] == outcome.before["edits"]
            return Answer(id, "unchanged" if is_same else "done", ticket=outcome.after)
        case NoTicket():
            return Answer(id, "missing", str(outcome))
        case Lost():
            return Answer(id, "lost", str(outcome))
        case NeedsLead():
            return Answer(id, "forbidden", str(outcome))
        case _:
            return Answer(id, "refused", str(outcome))
