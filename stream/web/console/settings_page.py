"""Settings page, for admins: each setting, where it comes from, who changed it, the way back."""

from __future__ import annotations

import asyncio
from typing import Any

from connectors.catalog import SINKS
from stream.alerts.routing import SECRETS
from stream.controls.records import CONTROLS, ControlChange, ControlName, Setting
from stream.errors import UserError
from stream.monitor.records import MonitorQuery
from stream.web.auth.callers import Caller
from stream.web.console.acts import Act, fields, guarded, text_of
from stream.web.console.shell import Visit, add_page, say
from stream.web.console.updates import View, keep_telling
from stream.web.desk_services import DeskServices

EVERY = 15.0  # seconds
TABS = ("promises", "brands", "alerts", "assignment", "environment", "history")


class SettingsView(View, component="desk_settings.js"):
    """The forms in the browser."""


class SettingsPage:
    """One admin's settings. Every act stands in the history, with who did it."""

    def __init__(self, visit: Visit) -> None:
        self._visit, self._services = visit, visit.services
        self._again = asyncio.Event()
        tab = visit.request.query_params.get("show", "")
        self.view = SettingsView(
            tab=tab if tab in TABS else TABS[0],
            refused="",
            tried={},
            types={name: list(SECRETS.get(name, ())) for name in SINKS},
            variables=[
                {"name": v.name, "value": v.value, "set": v.is_set, "about": v.about}
                for v in self._services.controls.defaults.variables
            ],
        )
        acts: dict[str, Act] = {
            "put": self._put,
            "reset": self._reset,
            "back": self._back,
            "test": self._test,
        }
        for name, act in acts.items():
            handler = guarded(visit, self.view, self._again, act, "admin", of_all_brands=True)
            self.view.on(name, handler)

    def start(self) -> None:
        keep_telling(self._visit, self.view, self._show, self._again, EVERY)

    async def _show(self) -> None:
        if await self._admin() is None:
            return
        services = self._services
        self.view.tell(
            settings=[_setting(setting) for setting in await services.controls.settings()],
            changes=[_change(change) for change in await services.controls.history()],
            people=[
                {"name": user.name, **_attendance(user.name, attending)}
                for attending in [{row["name"]: row for row in await services.attendance.list()}]
                for user in await services.people.list()
                if user.disabled_at is None and user.may("agent")
            ],
            known=await services.monitor.brands(MonitorQuery()),
            topics=sorted(topic.name for topic in services.taxonomy.topics),
        )

    async def _admin(self) -> Caller | None:
        """The visitor, where they still are an admin of all brands."""
        caller = await self._services.callers.again(self._visit.caller)
        may = caller is not None and caller.may("admin") and caller.brands is None
        return caller if may else None

    async def _put(self, caller: Caller, payload: Any) -> None:
        name, subject = _name(payload), text_of(payload, "subject")
        sent = fields(payload)
        secrets = {key: word for key, word in fields(sent.get("secrets")).items() if word}
        await self._services.controls.put(
            name,
            subject,
            fields(sent.get("value")),
            caller.name,
            secrets={str(key): str(word) for key, word in secrets.items()},
            seen=_version(sent.get("seen")),
        )
        say("Saved. Workers take it within seconds.")

    async def _reset(self, caller: Caller, payload: Any) -> None:
        await self._services.controls.reset(
            _name(payload),
            text_of(payload, "subject"),
            caller.name,
            seen=_version(fields(payload).get("seen")),
        )
        say("Back to what stood without the console.")

    async def _back(self, caller: Caller, id: Any) -> None:
        if not isinstance(id, int):
            raise UserError("name an entry of the history")
        await self._services.controls.go_back(id, caller.name)
        say("What stood before it stands again.")

    async def _test(self, _caller: Caller, name: Any) -> None:
        try:
            words, good = await self._services.controls.try_sink(str(name)), True
        except UserError as error:
            words, good = str(error), False
        self.view.tell(tried={"name": str(name), "words": words, "good": good})


def _name(payload: Any) -> ControlName:
    for name in CONTROLS:
        if name == text_of(payload, "name"):
            return name
    raise UserError("there is no such setting")


def _version(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _setting(setting: Setting) -> dict[str, Any]:
    return setting.model_dump(mode="json") | {
        "changed_at": setting.changed_at and setting.changed_at.timestamp()
    }


def _change(change: ControlChange) -> dict[str, Any]:
    return change.model_dump(mode="json") | {"at": change.at.timestamp()}


def _attendance(name: str, attending: dict[str, dict[str, Any]]) -> dict[str, Any]:
    row = attending.get(name)
    return {"here": bool(row and row["here"]), "away": bool(row and row["away"])}


def add_settings(services: DeskServices) -> None:
    """The page `/settings`."""

    async def build(visit: Visit) -> None:
        SettingsPage(visit).start()

    add_page(services, "/settings", "Settings", build, "admin", of_all_brands=True)
