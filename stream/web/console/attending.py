"""Attending: an open console counts its visitor as present, and a switch in the header as away."""

from __future__ import annotations

import asyncio

from nicegui import Client, background_tasks, ui
from nicegui.elements.mixins.text_element import TextElement

from stream.errors import DatabaseAway
from stream.web.auth.callers import Caller
from stream.web.desk_services import DeskServices

EVERY = 20.0  # seconds; after a minute without a sign of life a person counts as gone

_WORDS = {
    False: ("person", "You take new tickets. Press to be away"),
    True: ("person_off", "You are away, and take no new tickets. Press to be back"),
}


class AwaySwitch:
    """The button; hidden while nobody is given tickets by rules."""

    def __init__(self, services: DeskServices, caller: Caller) -> None:
        self._services, self._caller = services, caller
        self._away = False
        self._button = ui.element("button").classes("quiet").props('type="button"')
        with self._button:
            self._icon = TextElement(tag="span", text="").classes("sym")
            self._icon.props["aria-hidden"] = "true"
        self._button.on("click", self._press)
        self._button.set_visibility(False)

    def show(self, *, away: bool, dealing: bool) -> None:
        self._away = away
        icon, words = _WORDS[away]
        self._icon.set_text(icon)
        for name in ("aria-label", "title"):
            self._button.props[name] = words
        self._button.props["aria-pressed"] = str(away).lower()
        self._button.set_visibility(dealing)
        self._button.update()

    async def _press(self) -> None:
        caller = await self._services.callers.again(self._caller)
        if caller is not None and caller.may("agent"):
            await self._services.attendance.set_away(caller.name, not self._away)
            self.show(away=not self._away, dealing=True)


def attend(
    services: DeskServices, caller: Caller, client: Client, switch: AwaySwitch | None
) -> None:
    """Count them as present for as long as the page is open. switch: None for who takes none."""
    if switch is None:
        return

    async def run() -> None:
        while True:
            try:
                if await services.callers.again(caller) is None:
                    return
                away = await services.attendance.seen(caller.name)
                switch.show(away=away, dealing=await services.controls.is_dealing())
            except DatabaseAway:
                pass  # they are as present as they were
            await asyncio.sleep(EVERY)

    client.on_delete(background_tasks.create(run()).cancel)


def away_switch(services: DeskServices, caller: Caller) -> AwaySwitch | None:
    """For people who can be given tickets."""
    can_have = caller.user is not None and caller.by_session and caller.may("agent")
    return AwaySwitch(services, caller) if can_have else None
