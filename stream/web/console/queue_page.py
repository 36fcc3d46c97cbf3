"""Queue page: the live list, and the ticket beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Coroutine
from typing import Any

from nicegui import background_tasks
from nicegui.dependencies import register_esm
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from stream.desk.bulk import MAX_TICKETS
from stream.desk.facets import Facets
from stream.desk.queue import LONGEST, MAX_ROWS, SORTS
from stream.desk.saved_views import LONGEST_NAME, Keeper
from stream.desk.search import BadSearch
from stream.desk.view_query import filter_from, query_from
from stream.errors import DatabaseAway, UserError
from stream.web.console.bulk_acts import BulkActs
from stream.web.console.cards import (
    Card,
    card,
    changes,
    query_of,
    sort_from,
    with_urgent,
)
from stream.web.console.counts import Counts
from stream.web.console.feeds import Feeds, Quick
from stream.web.console.presence import Rooms
from stream.web.console.shell import ASSETS, Visit, add_page, say, tag
from stream.web.console.ticket_actions import Acts
from stream.web.console.ticket_page import TicketPage
from stream.web.console.undo_bar import UndoBar
from stream.web.console.updates import AWAY
from stream.web.desk_services import DeskServices

register_esm("earshot", ASSETS, max_time=max(path.stat().st_mtime for path in ASSETS.iterdir()))


class QueueView(Element, component="desk_queue.js"):
    """The list in the browser. It gets differences, and asks for the list where it missed one."""

    def __init__(self) -> None:
        super().__init__()
        self._cards: list[Card] = []
        self._seq = 0

    @property
    def length(self) -> int:
        return len(self._cards)

    def show(self, cards: list[Card], *, full: bool = False, more: bool = False) -> None:
        """more: the new lines stood further down all the time, and are no news."""
        difference = changes([] if full else self._cards, cards)
        in_place = difference["head"] + difference["tail"]
        is_same = not difference["put"] and in_place == len(cards) == len(self._cards)
        if is_same and not full:
            return
        self._cards, self._seq = cards, self._seq + 1
        state = {
            "seq": self._seq,
            "base": self._seq - 1,
            "full": full,
            "more": more,
            "now": round(time.time() * 1000),
        }
        self.tell(state=state | difference)

    def again(self) -> None:
        self.show(self._cards, full=True)

    def tell(self, **props: Any) -> None:
        for name, value in props.items():
            self._props[name] = value
        self.update()


class QueuePage:
    """One browser's queue, and the ticket beside it."""

    def __init__(self, visit: Visit, feeds: Feeds, rooms: Rooms) -> None:
        self._visit, self._feeds = visit, feeds
        self._acts = Acts(visit).by_name()
        self._following: list[asyncio.Task[None]] = []
        self._lines, self._is_away = MAX_ROWS, False
        address = visit.request.query_params
        self.filter = filter_from(address, visit.caller.brands, visit.caller.name)
        self.sort = sort_from(address)
        with tag("div", classes="desk") as self.frame:
            self.queue = QueueView()
            self._undo = UndoBar()
            self.ticket = TicketPage(visit, rooms, self._go, self._onward, self._undo)
        self._bulk, self._answers = BulkActs(visit, self._undo), 0
        self._counts = Counts(visit.services.queue, feeds, self._tell_facets)
        caller = visit.caller
        order = {} if self.sort == SORTS[0] else {"sort": self.sort}
        props = {
            "me": caller.name,
            "agent": caller.may("agent"),
            "filter": query_of(self.filter) | order,
            "facets": {},
            "lead": caller.may("lead"),
            "views": [],
        }
        self.queue.tell(**props, page=MAX_ROWS, most=LONGEST, most_chosen=MAX_TICKETS)
        self.queue.on("choose", self._choose)
        self.queue.on("open", self._open)
        self.queue.on("claim", self._claim)
        self.queue.on("more", self._more)
        self.queue.on("resync", lambda: self.queue.again())
        self.queue.on("bulk", self._act_on_many)
        self.queue.on("choose-all", self._choose_all)
        self.queue.on("save-view", self._save_view)
        self.queue.on("drop-view", self._drop_view)

    async def start(self, opened: str | None) -> None:
        if opened is not None:
            await self.open(opened)
        self._follow()
        await self._tell_views()
        if self._visit.caller.may("agent"):
            self.queue.tell(people=await self._bulk.people())
        self._visit.client.on_delete(self.stop)

    async def stop(self) -> None:
        for task in self._following:
            task.cancel()
        self._counts.stop()
        await self.ticket.leave()

    async def open(self, ticket_id: str | None) -> None:
        self.frame.classes(add="two" if ticket_id else None, remove=None if ticket_id else "two")
        self.queue.tell(open=ticket_id)
        await self.ticket.open(ticket_id)

    def _open(self, event: GenericEventArguments) -> None:
        self._go(event.args if isinstance(event.args, str) else None)

    def _go(self, ticket_id: str | None) -> None:
        _spawn(self.open(ticket_id))

    def _onward(self, ticket_id: str) -> None:
        """On to the ticket after this one."""
        self._answers += 1
        self.queue.tell(onward={"n": self._answers, "after": ticket_id})

    async def _act_on_many(self, event: GenericEventArguments) -> None:
        left = await self._bulk.act(event.args if isinstance(event.args, dict) else {})
        self._answers += 1
        self.queue.tell(acted={"n": self._answers, "left": left})

    async def _choose_all(self) -> None:
        self._answers += 1
        self.queue.tell(all={"n": self._answers, "tickets": await self._bulk.all(self.filter)})

    def _follow(self, *, more: bool = False) -> None:
        """Show the tickets of the filter, and the counts of each other choice, from now on."""
        for task in self._following:
            task.cancel()
        try:
            self.filter.search()
        except BadSearch as error:
            self.queue.tell(mistake=str(error))
            self._following = []
            self._counts.stop()
            return
        self.queue.tell(mistake="")
        queue, filter, lines = self._visit.services.queue, self.filter, self._lines
        sort = self.sort
        fresh = True

        async def read() -> list[Card]:
            return [card(row) for row in await queue.queue(filter, lines, sort)]

        async def urgent() -> list[Card]:
            return [card(row) for row in await queue.urgent(filter)]

        def show(cards: list[Card]) -> None:
            nonlocal fresh
            self.queue.show(cards, full=fresh and not more, more=fresh and more)
            fresh = False

        in_order = sort == SORTS[0] and not filter.searches
        quick = Quick(urgent, with_urgent) if in_order else None
        follow = self._feeds.follow
        self._following = [
            _spawn(
                follow(
                    ("queue", filter, lines, sort),
                    read,
                    filter.brands,
                    show,
                    quick=quick,
                    tell=self._away,
                )
            ),
        ]
        self._counts.follow(filter)

    def _tell_facets(self, facets: Facets) -> None:
        self.queue.tell(facets=facets)

    def _away(self, away: bool) -> None:
        if away != self._is_away:
            self._is_away = away
            self.queue.tell(note=AWAY if away else "")

    def _choose(self, event: GenericEventArguments) -> None:
        payload = event.args if isinstance(event.args, dict) else {}
        caller = self._visit.caller
        choice = filter_from(payload, caller.brands, caller.name), sort_from(payload)
        if choice != (self.filter, self.sort):
            self.filter, self.sort = choice
            self._lines = MAX_ROWS
            self._follow()

    async def _tell_views(self) -> None:
        caller = self._visit.caller
        views = self._visit.services.views
        self.queue.tell(views=await views.list(Keeper(caller.name, caller.brands)))

    async def _save_view(self, event: GenericEventArguments) -> None:
        payload = event.args if isinstance(event.args, dict) else {}
        shared = payload.get("shared") is True
        caller = await self._visit.still("lead" if shared else "viewer")
        name = str(payload.get("name") or "").strip()[:LONGEST_NAME]
        query = payload.get("query")
        if caller is None or not name or not isinstance(query, dict):
            return
        keeper = Keeper(caller.name, caller.brands)
        await self._on_views(
            self._visit.services.views.save(keeper, name, query_from(query), shared), "Kept."
        )

    async def _drop_view(self, event: GenericEventArguments) -> None:
        caller = await self._visit.still()
        if caller is not None:
            keeper = Keeper(caller.name, caller.brands)
            await self._on_views(
                self._visit.services.views.drop(keeper, str(event.args)), "Deleted."
            )

    async def _on_views(self, work: Awaitable[None], words: str) -> None:
        try:
            await work
            await self._tell_views()
        except UserError as error:
            say(str(error), bad=True)
        except DatabaseAway:
            say("The database cannot be reached just now; nothing was changed.", bad=True)
        else:
            say(words)

    def _more(self) -> None:
        """The next lines below the present ones; two requests bring them once."""
        if self._lines <= self.queue.length and self._lines < LONGEST:
            self._lines += MAX_ROWS
            self._follow(more=True)

    async def _claim(self, event: GenericEventArguments) -> None:
        payload = event.args if isinstance(event.args, dict) else {}
        seen = {"edits": payload.get("edits"), "version": payload.get("version")}
        action = {"action": {"action": "claim"}, "seen": seen}
        outcome = await self._acts["act"](str(payload.get("id")), frozenset(), action)
        if outcome.undo is None:
            say(outcome.words, bad=not outcome.ok)
        else:
            self._undo.offer(outcome.words, outcome.undo)


def _spawn(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return background_tasks.create(work)


def add_queue(services: DeskServices) -> None:
    """The pages `/` and `/tickets/ID`."""
    feeds = Feeds(services.hub)
    rooms = Rooms(services.desk, feeds.hurry)

    async def build(visit: Visit) -> None:
        await QueuePage(visit, feeds, rooms).start(visit.request.path_params.get("ticket_id"))

    add_page(services, "/", "Queue", build)
    add_page(services, "/tickets/{ticket_id:path}", "Ticket", build)
