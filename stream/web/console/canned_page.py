"""Page of the canned answers: leads write them, everybody reads what there is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui.events import GenericEventArguments

from models.replier.policy import forbidden
from stream.desk.canned import SLOTS, Wording, repeats
from stream.errors import DatabaseAway, UserError
from stream.monitor.records import MonitorQuery
from stream.web.auth.callers import Caller
from stream.web.console.shell import Visit, add_page, say
from stream.web.console.updates import View, keep_telling
from stream.web.desk_services import DeskServices

EVERY = 20.0  # seconds

Act = Callable[[Caller, dict[str, Any]], Awaitable[str]]


class CannedView(View, component="desk_canned.js"):
    """The list in the browser."""


class CannedPage:
    """One browser's canned answers."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._again = asyncio.Event()
        caller = visit.caller
        self.view = CannedView(
            lead=caller.may("lead"),
            bound=None if caller.brands is None else sorted(caller.brands),
            slots=list(SLOTS),
            refused="",
            kept=0,
        )
        self._saves = 0
        self.view.on("keep", self._guarded(self._keep))
        self.view.on("remove", self._guarded(self._remove))

    def start(self) -> None:
        keep_telling(self._visit, self.view, self._show, self._again, EVERY)

    async def _show(self) -> None:
        services, brands = self._visit.services, self._visit.caller.brands
        self.view.tell(
            canned=[_canned(row, brands) for row in await services.canned.every(brands)],
            brands=await services.monitor.brands(MonitorQuery(brands=brands)),
        )

    def _guarded(self, act: Act) -> Callable[[GenericEventArguments], Awaitable[None]]:
        async def do(event: GenericEventArguments) -> None:
            caller = await self._visit.still("lead")
            if caller is None:
                return
            payload = event.args if isinstance(event.args, dict) else {}
            try:
                say(await act(caller, payload))
                self._saves += 1
                self.view.tell(refused="", kept=self._saves)
            except UserError as refused:
                self.view.tell(refused=str(refused))
            except DatabaseAway:
                self.view.tell(refused="The database cannot be reached just now; try again.")
            self._again.set()

        return do

    async def _keep(self, caller: Caller, payload: dict[str, Any]) -> str:
        canned, number = self._visit.services.canned, payload.get("id")
        wording = Wording(
            name=str(payload.get("name") or ""),
            text=str(payload.get("text") or ""),
            brand=str(payload.get("brand") or "") or None,
            state=payload.get("state") or None,
            tags=tuple(str(tag) for tag in payload.get("tags") or ()),
        )
        if not isinstance(number, int):
            row = await canned.add(wording, caller.name, caller.brands)
            return f"/{row['name']} is there."
        version = payload.get("version")
        seen = version if isinstance(version, int) else -1
        row = await canned.change(number, wording, caller.name, seen=seen, brands=caller.brands)
        return f"/{row['name']} is changed."

    async def _remove(self, caller: Caller, payload: dict[str, Any]) -> str:
        number, version = payload.get("id"), payload.get("version")
        if not isinstance(number, int) or not isinstance(version, int):
            raise UserError("there is no such canned answer")
        canned = self._visit.services.canned
        await canned.remove(number, caller.name, seen=version, brands=caller.brands)
        return "It is gone."


def _canned(row: dict[str, Any], brands: frozenset[str] | None) -> dict[str, Any]:
    fields = ("id", "version", "name", "text", "brand", "state", "tags", "changed_by")
    return {name: row[name] for name in fields} | {
        "repeats": repeats(row["text"]),
        "refusals": [refusal.why for refusal in forbidden(row["text"])],
        "theirs": brands is None or row["brand"] in brands,
    }


def add_canned(services: DeskServices) -> None:
    """The page `/canned`."""

    async def build(visit: Visit) -> None:
        CannedPage(visit).start()

    add_page(services, "/canned", "Canned answers", build)
