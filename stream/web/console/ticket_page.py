"""Ticket page: one open ticket, kept fresh and acted on. Every act checks the person anew."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nicegui import background_tasks
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from stream.desk.assignment import can_have
from stream.desk.tickets import NoTicket
from stream.errors import DatabaseAway, UserError
from stream.web.console.detail import Row, canned_for_browser, detail
from stream.web.console.join_acts import incidents_of
from stream.web.console.person_pane import read_person
from stream.web.console.presence import HEARTBEAT, Rooms
from stream.web.console.shell import Visit, say
from stream.web.console.ticket_actions import Acts, Outcome
from stream.web.console.undo_bar import UndoBar
from stream.web.console.updates import AWAY

PACE = 0.25  # seconds between two reads of the same ticket
TRIES = 3  # readings of a ticket that changes while it is read
UNKNOWN_PACE = 2.0  # the same, while it is not known whether the ticket is among those that change

_NO_TICKET = "There is no such ticket. Where its message was deleted, it was withdrawn."


def _words_of(missing: NoTicket) -> str:
    return _NO_TICKET if missing.into is None else f"{missing}."


class TicketView(Element, component="desk_ticket.js"):
    """The ticket in the browser."""

    def tell(self, **props: Any) -> None:
        for name, value in props.items():
            self._props[name] = value
        self.update()


@dataclass(frozen=True, slots=True)
class _Mark:
    """Versions by which an unchanged ticket is recognised."""

    version: int
    edits: int
    replies: tuple[tuple[int, Any], ...]

    @classmethod
    def of(cls, ticket: Row, replies: Sequence[Row]) -> _Mark:
        versions = tuple((reply["id"], reply["updated_at"]) for reply in replies)
        return cls(ticket["version"], ticket["edits"], versions)


class TicketPage:
    """What a person sees and does of one ticket at a time."""

    def __init__(
        self,
        visit: Visit,
        rooms: Rooms,
        go: Callable[[str | None], None],
        onward: Callable[[str], None],
        undo: UndoBar,
    ) -> None:
        self._visit, self._rooms, self._go, self._undo = visit, rooms, go, undo
        self._id: str | None = None
        self._mark: _Mark | None = None
        self._events: frozenset[str] = frozenset()
        self._following: asyncio.Task[None] | None = None
        self._is_away = False
        self._reading = asyncio.Lock()
        self._acted_on: Counter[str] = Counter()  # tickets, by acts of this page under way
        caller = visit.caller
        self.view = TicketView()
        taxonomy = visit.services.taxonomy
        self.view.tell(
            me=caller.name,
            agent=caller.may("agent"),
            lead=caller.may("lead"),
            erases=caller.may("lead") and caller.brands is None,
            drafting=visit.services.write is not None,
            topics=list(taxonomy.topic_names),
            problems=[
                {"name": problem.name, "topic": problem.topic} for problem in taxonomy.problems
            ],
            others=[],
            people=[],
            canned=[],
            person=None,
            incidents=[],
        )
        visit.client.on_connect(self._meet)
        visit.client.on_disconnect(self._part)
        acts = Acts(visit)
        for name, act in acts.by_name().items():
            self.view.on(name, self._acting(act))
        self.view.on("check", self._check(acts))
        self.view.on("close", lambda: self._go(None))
        self.view.on("next", lambda event: onward(str(event.args)))
        self.view.on("open", lambda event: self._go(str(event.args)))

    async def open(self, ticket_id: str | None) -> None:
        """Show this ticket in place of another; None: none."""
        if ticket_id == self._id:
            return
        await self.leave()
        self._id, self._mark = ticket_id, None
        self.view.tell(ticket=None, gone=None, others=[], verdict=None)
        if ticket_id is None:
            return
        await self._read()
        background_tasks.create(self._read_person(ticket_id))
        self._following = background_tasks.create(self._follow(ticket_id))

    async def leave(self) -> None:
        if self._following is not None:
            self._following.cancel()
            self._following = None
        await self._part()

    async def _part(self) -> None:
        if self._id is not None:
            await self._rooms.leave(self._id, self)

    async def _follow(self, ticket_id: str) -> None:
        """Read the ticket again when it changed, and when it may have changed."""
        surely, perhaps = asyncio.Event(), asyncio.Event()
        tasks = [
            background_tasks.create(self._beat(ticket_id)),
            background_tasks.create(self._hear(ticket_id, surely, perhaps)),
        ]
        try:
            while True:
                await perhaps.wait()
                with suppress(TimeoutError):
                    await asyncio.wait_for(surely.wait(), UNKNOWN_PACE)
                perhaps.clear()
                surely.clear()
                try:
                    await self._read()
                    self._tell_away(False)
                except DatabaseAway:
                    self._tell_away(True)
                    perhaps.set()
                await asyncio.sleep(PACE)
        finally:
            for helper in tasks:
                helper.cancel()

    async def _hear(self, ticket_id: str, surely: asyncio.Event, perhaps: asyncio.Event) -> None:
        with self._visit.services.hub.subscribe(self._visit.caller.brands) as changes:
            async for change in changes:
                if ticket_id in change.ids or change.table == "replies":
                    surely.set()
                if not change.ids or surely.is_set() or change.table == "incidents":
                    perhaps.set()

    async def _beat(self, ticket_id: str) -> None:
        """Note that it is open here, and check that the visitor may still see it."""
        while self._id == ticket_id:
            if not await self._may_still():
                self.view.tell(
                    ticket=None,
                    gone="You are logged out. Load the page again to log in.",
                    others=[],
                )
                return
            with suppress(DatabaseAway):
                await self._meet()
            await asyncio.sleep(HEARTBEAT)

    async def _may_still(self) -> bool:
        try:
            caller = await self._visit.services.callers.again(self._visit.caller)
        except DatabaseAway:
            self._tell_away(True)
            return True  # unknown just now; nothing new is shown either
        self._tell_away(False)
        return caller is not None

    def _tell_away(self, away: bool) -> None:
        if away != self._is_away:
            self._is_away = away
            self.view.tell(away=AWAY if away else "")

    async def _meet(self) -> None:
        caller, ticket_id = self._visit.caller, self._id
        is_connected = self._visit.client.has_socket_connection
        if ticket_id is None or not is_connected or not caller.may("agent") or self._mark is None:
            return  # a visitor who may only look is in nobody's way
        self.view.tell(
            others=await self._rooms.enter(ticket_id, self, caller.name, self._meet_again)
        )

    async def _meet_again(self) -> None:
        if self._id is not None:
            self.view.tell(
                others=await self._visit.services.desk.enter(self._id, self._visit.caller.name)
            )

    async def _read(self, *, anyhow: bool = False) -> None:
        """Show the ticket as it is. One reading at a time: an older one never follows a newer."""
        async with self._reading:
            for tries_left in reversed(range(TRIES)):
                if await self._read_once(anyhow=anyhow, last=not tries_left):
                    return

    async def _read_once(self, *, anyhow: bool, last: bool) -> bool:
        """Read the ticket and show it where nothing changed meanwhile; whether it was shown.

        Otherwise the history could tell of a change that the ticket's version does not hold yet,
        and whoever acts on what they see would be refused. last: show it anyhow; it changes faster
        than it can be read, and the next change is heard.
        """
        services, ticket_id = self._visit.services, self._id
        if ticket_id is None:
            return True
        try:
            ticket = await services.desk.ticket(ticket_id, self._visit.caller.brands)
            replies = await services.replies.newest(ticket=ticket_id)
            mark = _Mark.of(ticket, replies)
            if mark == self._mark and not anyhow:
                return True
            conversation = await services.desk.conversation(ticket_id)
            events = [message["id"] for message in conversation]
            ticket_for_browser = detail(
                ticket,
                conversation,
                await services.desk.history(ticket_id),
                await services.desk.similar(ticket_id),
                await services.desk.incident(ticket_id),
                replies,
                await services.corrections.of(events),
            )
            again = await services.desk.ticket(ticket_id, self._visit.caller.brands)
        except NoTicket as missing:
            self._tell_gone(ticket_id, missing, anyhow)
            return True
        if self._keeps_back(ticket_id, anyhow):
            return True
        if _Mark.of(again, replies) != mark and not last:
            return False
        if self._mark is None and self._visit.caller.may("agent"):
            await self._tell_of_brand(ticket)
        if self._id == ticket_id:  # nobody went on meanwhile
            self._mark, self._events = mark, frozenset(events)
            self.view.tell(ticket=ticket_for_browser, gone=None, at=round(time.time() * 1000))
        return True

    def _tell_gone(self, ticket_id: str, missing: NoTicket, anyhow: bool) -> None:
        if self._keeps_back(ticket_id, anyhow):
            return
        self._mark, self._events = None, frozenset()
        self._visit.client.status_code = 404  # where the page is still to be sent
        self.view.tell(ticket=None, gone=_words_of(missing), others=[])

    def _keeps_back(self, ticket_id: str, anyhow: bool) -> bool:
        """Whether a ticket that is shown is just being changed from here: it is read again once
        what came of it is told. Who saw the change before could not act on: their page still waits.
        """
        return not anyhow and self._mark is not None and self._acted_on[ticket_id] > 0

    async def _tell_of_brand(self, ticket: dict[str, Any]) -> None:
        """Who can have the ticket, and which canned answers there are for it."""
        canned = await self._visit.services.canned.for_brand(ticket["brand"])
        self.view.tell(
            people=await self._people(ticket["brand"]),
            canned=[canned_for_browser(row, ticket) for row in canned],
        )

    async def _read_person(self, ticket_id: str) -> None:
        """After the ticket itself, which nobody shall wait for. Notices about it are read now."""
        with suppress(DatabaseAway, NoTicket):
            visit = self._visit
            await visit.services.notices.mark_read(visit.caller.name, ticket=ticket_id)
            person = await read_person(visit.services, ticket_id, visit.caller.brands)
            ticket = await visit.services.desk.ticket(ticket_id, visit.caller.brands)
            incidents = await incidents_of(visit.services, ticket["brand"])
            if self._id == ticket_id:
                self.view.tell(person=person, incidents=incidents)

    async def _people(self, brand: str | None) -> list[str]:
        """The people who can have this ticket."""
        users = await self._visit.services.people.list()
        return [user.name for user in users if can_have(user, brand)]

    def _acting(
        self, act: Callable[[str, frozenset[str], dict[str, Any]], Awaitable[Outcome]]
    ) -> Callable[[GenericEventArguments], Awaitable[None]]:
        async def handle(event: GenericEventArguments) -> None:
            payload = event.args if isinstance(event.args, dict) else {}
            ticket_id = self._id
            if ticket_id is None or payload.get("ticket") != ticket_id:
                return  # they went on meanwhile
            self._acted_on[ticket_id] += 1
            try:
                outcome = await act(ticket_id, self._events, payload)
            finally:
                self._acted_on[ticket_id] -= 1
            self.view.tell(outcome={"n": payload.get("n"), **outcome.as_json()})
            if outcome.undo is not None:
                self._undo.offer(outcome.words, outcome.undo)
            elif outcome.ok:
                say(outcome.words)
            if outcome.go is not None:
                self._go(outcome.go)
                return
            await self._read(anyhow=True)
            if outcome.ok and self._id is not None:
                await self._read_person(self._id)

        return handle

    def _check(self, acts: Acts) -> Callable[[GenericEventArguments], Awaitable[None]]:
        async def handle(event: GenericEventArguments) -> None:
            if self._id is not None and isinstance(event.args, dict):
                try:
                    self.view.tell(verdict=await acts.check(self._id, event.args))
                except (UserError, NoTicket):
                    return  # it went away while they typed; the page says so already

        return handle
