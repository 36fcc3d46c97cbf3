"""Bulk acts: one action on many tickets, each by itself, with an answer for each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from pydantic import Field

from stream.accounts.users import People
from stream.desk.actions import (
    Acknowledge,
    Assign,
    Claim,
    NotAllowed,
    Note,
    Prioritise,
    Resolve,
    Snooze,
    Tag,
    Wait,
)
from stream.desk.assignment import NeedsLead, refuse_owner
from stream.desk.tickets import Desk, Lost, NoTicket, Row, Seen

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

        async def act_on_one(ticket: Target) -> Answer:
            before = await self._desk.ticket(ticket.id, person.brands)
            await refuse_owner(self._people, before, action, person.name, leads=person.leads)
            # The owner that the rules were asked about is the owner whom the act finds.
            seen = ticket.seen or Seen(before["edits"], before["version"])
            after = await self._desk.act(
                ticket.id, action, person.name, seen=seen, brands=person.brands
            )
            is_same = after["edits"] == before["edits"]
            return Answer(ticket.id, "unchanged" if is_same else "done", ticket=after)

        return [await _answer(ticket, act_on_one) for ticket in targets]

    async def undo(self, targets: Sequence[Target], person: Person) -> list[Answer]:
        """Take back what the person did last to each of them. seen: as their act left it."""

        async def undo_one(ticket: Target) -> Answer:
            seen = ticket.seen or Seen(-1, -1)
            after = await self._undo(ticket.id, person.name, seen=seen, brands=person.brands)
            return Answer(ticket.id, "done", ticket=after)

        return [await _answer(ticket, undo_one) for ticket in targets]


async def _answer(ticket: Target, work: Callable[[Target], Awaitable[Answer]]) -> Answer:
    try:
        return await work(ticket)
    except NoTicket as error:
        return Answer(ticket.id, "missing", str(error))
    except Lost as lost:
        return Answer(ticket.id, "lost", str(lost))
    except NeedsLead as error:
        return Answer(ticket.id, "forbidden", str(error))
    except NotAllowed as error:
        return Answer(ticket.id, "refused", str(error))
