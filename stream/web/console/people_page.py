"""People page, for admins: users with their roles and brands, and the keys of programs."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from stream.accounts.api_keys import SCOPES, ApiKeys, Key, Scope
from stream.accounts.audit import note
from stream.accounts.users import ROLES, Role, User
from stream.errors import UserError
from stream.monitor.records import MonitorQuery
from stream.web.auth.callers import Caller
from stream.web.console.acts import Act, guarded, text_of
from stream.web.console.shell import Visit, add_page, say
from stream.web.console.updates import View, keep_telling
from stream.web.desk_services import DeskServices

EVERY = 15.0  # seconds
ALL_BRANDS = "all brands"  # what a person writes who means all of them


class PeopleView(View, component="desk_people.js"):
    """The tables in the browser."""


class PeoplePage:
    """One admin's view of people and keys. Every act is noted, with who did it."""

    def __init__(self, visit: Visit) -> None:
        self._visit, self._services = visit, visit.services
        self._keys = ApiKeys(visit.services.engine)
        self._again = asyncio.Event()
        self.view = PeopleView(me=visit.caller.name, known=[], secret=None, refused="")
        acts: dict[str, Act] = {
            "add": self._add,
            "change": self._change,
            "disable": self._disable,
            "enable": self._enable,
            "password": self._password,
            "end": self._end,
            "create": self._create,
            "revoke": self._revoke,
        }
        for name, act in acts.items():
            # Users and keys are of any brand, of all brands too.
            handler = guarded(visit, self.view, self._again, act, "admin", of_all_brands=True)
            self.view.on(name, handler)
        self.view.on("forget", lambda: self.view.tell(secret=None))

    def start(self) -> None:
        keep_telling(self._visit, self.view, self._show, self._again, EVERY)

    async def _show(self) -> None:
        caller = await self._services.callers.again(self._visit.caller)
        if caller is None or not caller.may("admin") or caller.brands is not None:
            return
        alive = await self._services.sessions.alive()
        self.view.tell(
            people=[
                _person(user, alive.get(user.id)) for user in await self._services.people.list()
            ],
            keys=[_key(key) for key in await self._keys.list()],
            known=await self._services.monitor.brands(MonitorQuery()),
        )

    async def _add(self, caller: Caller, payload: Any) -> None:
        name, role, brands = text_of(payload, "name").strip(), _role(payload), _brands(payload)
        password = _password()
        await self._services.people.add(name, password, role, brands, temporary=True)
        await self._note(caller, "user add", name, role=role, brands=brands)
        self.view.tell(
            secret={"of": "person", "words": f"The first password of {name}", "token": password}
        )

    async def _change(self, caller: Caller, payload: Any) -> None:
        """What the payload names is changed, and nothing else."""
        name, people = text_of(payload, "name"), self._services.people
        if text_of(payload, "role"):
            user = await people.change_role(name, _role(payload))
        else:
            user = await people.change_brands(name, _brands_said(payload))
        brands = None if user.brands is None else sorted(user.brands)
        await self._note(caller, "user role", name, role=user.role, brands=brands)
        scope = ALL_BRANDS if brands is None else ", ".join(brands) or "no brand"
        say(f"{name} is {user.role} of {scope}, and has to log in again.")

    async def _disable(self, caller: Caller, name: Any) -> None:
        await self._services.people.disable(str(name))
        await self._note(caller, "user disable", str(name))
        say(f"{name} can log in no more.")

    async def _enable(self, caller: Caller, name: Any) -> None:
        await self._services.people.enable(str(name))
        await self._note(caller, "user enable", str(name))
        say(f"{name} can log in again.")

    async def _password(self, caller: Caller, name: Any) -> None:
        password = _password()
        await self._services.people.set_password(str(name), password, temporary=True)
        await self._note(caller, "user password", str(name))
        self.view.tell(
            secret={"of": "password", "words": f"The new password of {name}", "token": password}
        )

    async def _end(self, caller: Caller, name: Any) -> None:
        user = await self._services.people.find(str(name))
        ended = await self._services.sessions.end(user.id)
        await self._note(caller, "user log out", user.name, sessions=ended)
        say(f"{user.name} is logged out everywhere.")

    async def _create(self, caller: Caller, payload: Any) -> None:
        name, user = text_of(payload, "name").strip(), text_of(payload, "user")
        scopes = _scopes(payload)
        if not 0 < len(name) <= 100 or not name.isprintable():
            raise UserError("a key's name has 1 to 100 printable characters")
        if not scopes:
            raise UserError("a key has to open something")
        holder = await self._services.people.find(user) if user else None
        token = await self._keys.create(name, scopes, holder)
        await self._note(caller, "key create", name, scopes=scopes, user=user or None)
        self.view.tell(secret={"of": "key", "words": f"The key {name}", "token": token})

    async def _revoke(self, caller: Caller, prefix: Any) -> None:
        key = await self._keys.revoke(str(prefix))
        await self._note(caller, "key revoke", key.name)
        say(f"The key {key.name} opens nothing any more.")

    async def _note(self, caller: Caller, action: str, subject: str, **details: Any) -> None:
        await note(self._services.engine, caller.name, action, subject, **details)


def _person(user: User, sessions: Any) -> dict[str, Any]:
    count, seen = sessions or (0, None)
    return {
        "name": user.name,
        "role": user.role,
        "brands": None if user.brands is None else sorted(user.brands),
        "disabled": user.disabled_at is not None,
        "sessions": count,
        "seen": None if seen is None else seen.timestamp(),
    }


def _key(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": sorted(key.scopes),
        "user": key.holder and key.holder.name,
        "used": key.last_used_at and key.last_used_at.timestamp(),
        "revoked": key.revoked_at and key.revoked_at.timestamp(),
    }


def _password() -> str:
    """96 random bits, shown once; the person must choose one of their own when they log in."""
    return "-".join(secrets.token_hex(3) for _ in range(4))


def _role(payload: Any) -> Role:
    name = text_of(payload, "role")
    for role in ROLES:
        if role == name:
            return role
    raise UserError(f"{name or 'nothing'} is no role; there are {', '.join(ROLES)}")


def _brands(payload: Any) -> list[str] | None:
    """None: all of them."""
    names = payload.get("brands") if isinstance(payload, dict) else None
    if not isinstance(names, list):
        return None
    brands = {name.strip() for name in names if isinstance(name, str)}
    return sorted(brands - {""}) or None


def _brands_said(payload: Any) -> list[str] | None:
    """As `_brands`. Raises UserError for an empty field: it may have been emptied by mistake."""
    brands = _brands(payload)
    if brands is None:
        raise UserError(f"name a brand, or write `{ALL_BRANDS}`; nothing was changed")
    return None if [name.casefold() for name in brands] == [ALL_BRANDS] else brands


def _scopes(payload: Any) -> list[Scope]:
    names = payload.get("scopes") if isinstance(payload, dict) else None
    return [scope for scope in SCOPES if isinstance(names, list) and scope in names]


def add_people(services: DeskServices) -> None:
    """The page `/people`."""

    async def build(visit: Visit) -> None:
        PeoplePage(visit).start()

    add_page(services, "/people", "People", build, "admin", of_all_brands=True)
