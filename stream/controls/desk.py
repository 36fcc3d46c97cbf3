"""Desk of the controls: what stands, what may be set, and the way back, over one database."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.base import NotSent, SentUnknown
from connectors.notices import SinkError, trial
from models.taxonomy.classifier import OTHER
from stream import brands as brands_file
from stream.alerts.routing import Route, routes_of
from stream.bursts.detector import Sensitivity
from stream.controls import sinks
from stream.controls.defaults import Defaults
from stream.controls.records import (
    CONTROLS,
    EVERYBODY,
    LONGEST_SUBJECT,
    OWN_PROMISES,
    Assignment,
    Bursts,
    Control,
    ControlChange,
    ControlError,
    ControlName,
    Setting,
    checked,
)
from stream.controls.store import ControlStore
from stream.postgres.database import storable

DEEPEST = 20  # of a value in others
_OWN: Mapping[str, dict[str, Any]] = {
    "promises": OWN_PROMISES.model_dump(),
    "bursts": Bursts().model_dump(),
    "assignment": Assignment().model_dump(),
}


class ControlDesk:
    """Settings of one installation. defaults: of the files and the environment of this process.

    trades: that the taxonomy has; empty: a brand may have any.
    """

    def __init__(
        self, engine: AsyncEngine, defaults: Defaults, trades: Collection[str] = ()
    ) -> None:
        self._store = ControlStore(engine)
        self.defaults = defaults
        self._trades = trades

    async def settings(self) -> list[Setting]:
        """Every setting as it stands, by name and subject; secrets by their names alone."""
        stored = {(entry.name, entry.subject): entry for entry in await self._store.stored()}
        keys: set[tuple[ControlName, str]] = {(name, EVERYBODY) for name in ("promises", "bursts")}
        keys |= {("assignment", EVERYBODY), *stored}
        keys |= {("brand", name) for name in self.defaults.brands}
        keys |= {("sink", name) for name in self.defaults.sinks}
        in_order = sorted(keys, key=lambda key: (CONTROLS.index(key[0]), key[1].casefold()))
        return [self._setting(*key, stored.get(key)) for key in in_order]

    async def setting(self, name: ControlName, subject: str) -> Setting:
        """One setting. Raises ControlError where there is none of this subject."""
        for setting in await self.settings():
            if (setting.name, setting.subject) == (name, subject):
                return setting
        raise ControlError(f"there is no {name} {subject!r}")

    async def put(
        self,
        name: ControlName,
        subject: str,
        value: Any,
        actor: str,
        *,
        secrets: Mapping[str, str] | None = None,
        seen: int | None = None,
        goes_back_to: int | None = None,
    ) -> Setting:
        """Set it. secrets: those that were typed now; others stay, where the sink goes to the same
        place as before. Raises ControlError, Stale.
        """
        subject = storable(subject.strip())
        typed = {key: secret for key, secret in (secrets or {}).items() if secret}
        _refuse_subject(name, subject)
        value = checked(name, storable_value(value))
        own: dict[str, str] | None = None
        if name == "brand":
            value = await self._brand(subject, value)
        elif name == "sink":
            own = await self._secrets(subject, value, typed)
        elif typed:
            raise ControlError(f"{name} has no secrets")
        await self._store.put(
            name,
            subject,
            value,
            actor,
            secrets=own,
            typed=sorted(typed),
            seen=seen,
            goes_back_to=goes_back_to,
        )
        return await self.setting(name, subject)

    async def reset(
        self,
        name: ControlName,
        subject: str,
        actor: str,
        *,
        seen: int | None = None,
        goes_back_to: int | None = None,
    ) -> None:
        """Back to what the file or earshot says; a brand or a sink of the console alone is gone."""
        if name == "brand":
            await self._refuse_brands(subject, None)
        await self._store.put(name, subject, None, actor, seen=seen, goes_back_to=goes_back_to)

    async def go_back(self, id: int, actor: str) -> None:
        """Set what stood before this change. Raises ControlError, NoChange.

        The secrets of a sink are no part of the history: where it goes elsewhere by now, they are
        to be typed again.
        """
        change = await self._store.change(id)
        if change.before is None:
            await self.reset(change.name, change.subject, actor, goes_back_to=id)
        else:
            await self.put(change.name, change.subject, change.before, actor, goes_back_to=id)

    async def is_dealing(self) -> bool:
        """Whether new tickets are given to people by rules."""
        return assignment(await self._store.stored()).on

    async def history(self, *, before: int | None = None) -> list[ControlChange]:
        return await self._store.history(before=before)

    async def try_sink(self, name: str) -> str:
        """Send a test message; returns what the other side said. Raises ControlError."""
        stored = await self._store.stored()
        control = next((c for c in stored if (c.name, c.subject) == ("sink", name)), None)
        try:
            route = await asyncio.to_thread(self._route, name, control)
            sink = await asyncio.to_thread(
                sinks.opened, route, self.defaults, of_console=control is not None
            )
        except SinkError as error:
            raise ControlError(str(error)) from None
        try:
            return await sink.send(trial(name, datetime.now(UTC), self.defaults.base_url))
        except (NotSent, SentUnknown) as error:
            raise ControlError(str(error)) from None
        finally:
            await sink.close()

    def _route(self, name: str, control: Control | None) -> Route:
        if control is not None:
            route = sinks.route_of(control, self.defaults)
            if route is None:
                raise ControlError(f"the sink {name} is off; switch it on first")
            return route
        table = self.defaults.sinks.get(name)
        if table is None:
            raise ControlError(f"there is no sink {name!r}")
        [route] = routes_of({name: table}, self.defaults.sinks_place, self.defaults.environment)
        return route

    def _setting(self, name: ControlName, subject: str, control: Control | None) -> Setting:
        default, place = self._default(name, subject)
        secrets: list[str] = []
        if name == "sink":
            usable = sinks.secrets_of_file(subject, self.defaults)
            if control is not None:
                same = default is not None and sinks.destination(default) == sinks.destination(
                    control.value
                )
                usable = (usable if same else {}) | control.secrets
            secrets = sorted(usable)
        if control is not None:
            return Setting(
                name=name,
                subject=subject,
                value=control.value,
                default=default,
                source="console",
                place=place if default is not None else None,
                secrets=secrets,
                version=control.version,
                changed_by=control.changed_by,
                changed_at=control.changed_at,
            )
        return Setting(
            name=name,
            subject=subject,
            value=default or {},
            default=default,
            source="file" if name in ("brand", "sink") else "earshot",
            place=place,
            secrets=secrets,
        )

    def _default(self, name: ControlName, subject: str) -> tuple[dict[str, Any] | None, str | None]:
        if name == "brand":
            entry = self.defaults.brands.get(subject)
            return None if entry is None else dict(entry), self.defaults.brands_place
        if name == "sink":
            table = self.defaults.sinks.get(subject)
            return None if table is None else sinks.public_part(table), self.defaults.sinks_place
        return (_OWN[name] if subject == EVERYBODY else None), None

    async def _brand(self, name: str, value: Mapping[str, Any]) -> dict[str, Any]:
        if value.get("name", name) != name:
            raise ControlError("a brand keeps its name: tickets and counts go by it")
        entry = {**value, "name": name}
        trade = entry.get("trade")
        if self._trades and trade is not None and trade not in (*self._trades, OTHER):
            known = ", ".join(sorted(self._trades))
            raise ControlError(
                f"trade: the taxonomy has no {trade!r}; "
                f"it has {known}, and {OTHER} for none of them"
            )
        await self._refuse_brands(name, entry)
        return entry

    async def _refuse_brands(self, name: str, entry: dict[str, Any] | None) -> None:
        """Raises ControlError where the brands would contradict each other."""
        stored = [c for c in await self._store.stored() if (c.name, c.subject) != ("brand", name)]
        entries = brand_entries(stored, self.defaults)
        if entry is not None:
            entries = [other for other in entries if other["name"] != name] + [entry]
        try:
            brands_file.brands_of(entries, "brands")
        except brands_file.BrandsError as error:
            words = str(error).removeprefix("brands: ").removesuffix("; correct it there")
            raise ControlError(words) from None

    async def _secrets(
        self, name: str, value: dict[str, Any], typed: Mapping[str, str]
    ) -> dict[str, str]:
        """All secrets that the sink has of its own from now on. Raises ControlError."""
        stored = next(
            (c for c in await self._store.stored() if (c.name, c.subject) == ("sink", name)), None
        )
        same = stored is not None and sinks.destination(stored.value) == sinks.destination(value)
        own = (dict(stored.secrets) if stored is not None and same else {}) | dict(typed)
        control = Control(
            name="sink",
            subject=name,
            value=value,
            secrets=own,
            version=0,
            changed_by="",
            changed_at=datetime.now(UTC),
        )
        usable = sinks.usable_secrets(control, self.defaults)
        missing = [key for key in sinks.secret_names(value) if key not in usable]
        had = stored.secrets if stored else sinks.secrets_of_file(name, self.defaults)
        if missing and had and not same:
            raise ControlError(
                f"{missing[0]}: type it again, the sink goes to another place than before"
            )
        await asyncio.to_thread(sinks.checked_sink, name, value, usable, self.defaults, typed)
        return own


def brand_entries(controls: Iterable[Control], defaults: Defaults) -> list[dict[str, Any]]:
    """The brands as tables: the file's, with those of the console in place of theirs or after."""
    stored = {control.subject: control.value for control in controls if control.name == "brand"}
    entries = [dict(stored.get(name, entry)) for name, entry in defaults.brands.items()]
    return entries + [dict(stored[name]) for name in stored if name not in defaults.brands]


def sensitivities(controls: Sequence[Control]) -> dict[str, Sensitivity]:
    """By brand; '' is every other one."""
    own = {EVERYBODY: Bursts()}
    own |= {
        control.subject: Bursts.model_validate(control.value)
        for control in controls
        if control.name == "bursts"
    }
    return {
        brand: Sensitivity(burst.threshold, burst.fewest, burst.times)
        for brand, burst in own.items()
    }


def assignment(controls: Iterable[Control]) -> Assignment:
    for control in controls:
        if control.name == "assignment":
            return Assignment.model_validate(control.value)
    return Assignment()


def storable_value(value: Any, depth: int = DEEPEST) -> Any:
    """Without what Postgres cannot hold. Raises ControlError for what is nested too deeply."""
    if depth < 0:
        raise ControlError(f"a value is nested in {DEEPEST} others at most")
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [storable_value(entry, depth - 1) for entry in value]
    if isinstance(value, Mapping):
        return {
            storable(str(key)): storable_value(entry, depth - 1) for key, entry in value.items()
        }
    return value


def _refuse_subject(name: ControlName, subject: str) -> None:
    if name == "assignment" and subject != EVERYBODY:
        raise ControlError("assignment is one for everybody; its rules name brands")
    if name in ("brand", "sink") and not subject:
        raise ControlError(f"a {name} has a name")
    if len(subject) > LONGEST_SUBJECT or not subject.isprintable():
        raise ControlError(f"a name has at most {LONGEST_SUBJECT} printable characters")
