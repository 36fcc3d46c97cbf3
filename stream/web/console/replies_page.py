"""Page of the replies that wait for a person, the most urgent ticket's first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from nicegui.events import GenericEventArguments

from models.replier.policy import length, limit
from stream.monitor.records import MonitorQuery
from stream.replies.waiting import FOR_A_PERSON
from stream.web.console.cards import stamp
from stream.web.console.shell import Visit, add_page, say
from stream.web.console.ticket_actions import Acts
from stream.web.console.undo_bar import UndoBar
from stream.web.console.updates import View, hear, keep_telling
from stream.web.desk_services import DeskServices

EVERY = 10.0  # seconds; changes are told as they come
PAGE = 50  # replies at once; what is decided makes room for the next
_TABLES = frozenset({"replies", "tickets"})
_STATES: Mapping[str, tuple[str, ...]] = {
    "waiting": FOR_A_PERSON,
    "approved": ("approved", "sending"),
}


class RepliesView(View, component="desk_replies.js"):
    """The list in the browser."""


class RepliesPage:
    """One browser's list of replies."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._again = asyncio.Event()
        self._acts = Acts(visit).by_name()
        self._choice = _choice(visit.request.query_params)
        caller = visit.caller
        self.view = RepliesView(
            asked=self._choice, agent=caller.may("agent"), me=caller.name, brands=[]
        )
        self._undo = UndoBar()
        self.view.on("choose", self._choose)
        for name in ("approve", "discard"):
            self.view.on(name, self._acting(name))

    def start(self) -> None:
        hear(self._visit, _TABLES, self._again)
        keep_telling(self._visit, self.view, self._show, self._again, EVERY)

    async def _show(self) -> None:
        services, choice, brands = self._visit.services, self._choice, self._visit.caller.brands
        brand = choice["brand"] or None
        owner = self._visit.caller.name if choice["mine"] else None
        scope: dict[str, Any] = {"brand": brand, "owner": owner, "brands": brands}
        states = _STATES[choice["show"]]
        rows = await services.waiting.rows(states, limit=PAGE, **scope)
        counts = await services.waiting.counts(
            [state for states in _STATES.values() for state in states], **scope
        )
        self.view.tell(
            replies=[_reply(row) for row in rows],
            counts={
                name: sum(counts.get(state, 0) for state in states)
                for name, states in _STATES.items()
            },
            brands=await services.monitor.brands(MonitorQuery(brands=brands)),
        )
        await asyncio.sleep(0.3)  # many changes at once are one look

    def _choose(self, event: GenericEventArguments) -> None:
        self._choice = _choice(event.args if isinstance(event.args, dict) else {})
        self.view.tell(asked=self._choice)
        self._again.set()

    def _acting(self, name: str) -> Any:
        async def act(event: GenericEventArguments) -> None:
            payload = event.args if isinstance(event.args, dict) else {}
            outcome = await self._acts[name](str(payload.get("ticket")), frozenset(), payload)
            if outcome.undo is None:
                say(outcome.words, bad=not outcome.ok)
            else:
                self._undo.offer(outcome.words, outcome.undo)
            self._again.set()

        return act


def _choice(query: Mapping[str, Any]) -> dict[str, Any]:
    show = str(query.get("show", "waiting"))
    return {
        "show": show if show in _STATES else "waiting",
        "brand": str(query.get("brand") or "")[:200],
        "mine": bool(query.get("mine")),
    }


def _reply(row: Mapping[str, Any]) -> dict[str, Any]:
    text, network = row["text"], row["network"]
    first = next((candidate for candidate in row["candidates"] if candidate["text"] == text), None)
    fields = (
        "id",
        "version",
        "state",
        "reason",
        "text",
        "brand",
        "level",
        "author",
        "owner",
        "pictures",
    )
    return {name: row[name] for name in fields} | {
        "ticket": row["ticket_id"],
        "pictures": row["pictures"],
        "href": f"/tickets/{quote(row['ticket_id'], safe='')}",
        "topic": row["problem"] or row["topic"],
        "network": network,
        "message": row["message"] or "",
        "due": stamp(row["sla_due_at"]),
        "answered": stamp(row["answered_at"]),
        "length": length(text, network),
        "limit": limit(network),
        "refusals": first["refusals"] if first else [],
    }


def add_replies(services: DeskServices) -> None:
    """The page `/replies`."""

    async def build(visit: Visit) -> None:
        RepliesPage(visit).start()

    add_page(services, "/replies", "Replies", build)
