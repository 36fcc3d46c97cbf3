"""Bulk acts in the console: on the tickets that were chosen in the queue, and how to undo them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from connectors.events import wrong_field
from stream.desk.bulk import MAX_TICKETS, Answer, Bulk, BulkAction, Person, Target
from stream.desk.filters import Filter
from stream.desk.tickets import Seen
from stream.errors import DatabaseAway, UserError
from stream.web.auth.callers import Caller
from stream.web.console.shell import Visit, say
from stream.web.console.undo_bar import Undo, UndoBar

_ACTION: TypeAdapter[BulkAction] = TypeAdapter(BulkAction)
_TICKETS: TypeAdapter[list[tuple[str, int, int]]] = TypeAdapter(list[tuple[str, int, int]])
_DONE = {
    "claim": "claimed",
    "acknowledge": "acknowledged",
    "assign": "given over",
    "wait": "waiting",
    "snooze": "asleep",
    "resolve": "resolved",
    "tag": "tagged",
}
_AWAY = "The database cannot be reached just now; look at what was done before it went."


class BulkActs:
    """The bulk acts of one visitor. Each checks anew their role; Bulk, what they may see."""

    def __init__(self, visit: Visit, undo: UndoBar) -> None:
        self._visit, self._undo = visit, undo
        self._bulk = Bulk(visit.services.desk, visit.services.people)

    async def act(self, payload: dict[str, Any]) -> list[str]:
        """Do it, say what came of it, and offer to undo it; the ids of those that it left alone."""
        caller = await self._visit.still("agent")
        if caller is None:
            return []
        try:
            action = _ACTION.validate_python(payload.get("action"))
            tickets = _TICKETS.validate_python(payload.get("tickets"))[:MAX_TICKETS]
            targets = [Target(id, Seen(edits, version)) for id, edits, version in tickets]
            answers = await self._bulk.act(targets, action, _person(caller))
        except ValidationError as error:
            say(wrong_field(error, slice(1, None)), bad=True)
            return []
        except DatabaseAway:
            say(_AWAY, bad=True)
            return []
        done = [answer for answer in answers if answer.result == "done"]
        words = in_words(answers, _DONE[action.action])
        if done:
            self._undo.offer(words, Undo(lambda: self._take_back(done)))
        else:
            say(words, bad=any(answer.words for answer in answers))
        return [answer.id for answer in answers if answer.words]

    async def all(self, filter: Filter) -> list[tuple[str, int, int]]:
        """Id, edits and version of each ticket that the filter shows, at most MAX_TICKETS."""
        try:
            rows = await self._visit.services.queue.ids(filter, MAX_TICKETS)
        except (DatabaseAway, UserError):  # the page says so already
            return []
        return [(row["id"], row["edits"], row["version"]) for row in rows]

    async def people(self) -> list[str]:
        """Those who could be given a ticket that the visitor sees."""
        brands = self._visit.caller.brands
        return [
            user.name
            for user in await self._visit.services.people.list()
            if user.disabled_at is None
            and user.may("agent")
            and (brands is None or user.brands is None or brands & set(user.brands))
        ]

    async def _take_back(self, done: Sequence[Answer]) -> tuple[bool, str]:
        caller = await self._visit.still("agent")
        if caller is None:
            return False, "Nothing was undone."
        targets = [
            Target(answer.id, Seen(answer.ticket["edits"], answer.ticket["version"]))
            for answer in done
            if answer.ticket
        ]
        try:
            answers = await self._bulk.undo(targets, _person(caller))
        except DatabaseAway:
            return False, _AWAY
        return not any(answer.words for answer in answers), in_words(answers, "as before")


def in_words(answers: Sequence[Answer], done: str) -> str:
    """One line: how many were done, how many were so already, and why and_more were not."""
    results = Counter(answer.result for answer in answers)
    parts = [f"{results['done']:,} {done}"]
    if results["unchanged"]:
        parts.append(f"{results['unchanged']:,} so already")
    failed = [answer.words for answer in answers if answer.words]
    if failed:
        words, _ = Counter(failed).most_common(1)[0]
        and_more = " and other reasons" if len(set(failed)) > 1 else ""
        parts.append(f"{len(failed):,} not: {words}{and_more}")
    return "; ".join(parts) + "."


def _person(caller: Caller) -> Person:
    return Person(caller.name, caller.may("lead"), caller.brands)
