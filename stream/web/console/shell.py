"""Shell of every page of the console: its visitor, the header with navigation, light or dark."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request
from nicegui import Client, background_tasks, core, ui
from nicegui.elements.mixins.text_element import TextElement

from stream.accounts.users import Role
from stream.errors import DatabaseAway
from stream.web.auth.callers import CHANGE_PATH, Caller, caller_of
from stream.web.console.attending import AwaySwitch, attend, away_switch
from stream.web.console.notice_bell import add_bell
from stream.web.desk_services import DeskServices

log = logging.getLogger(__name__)

ASSETS = Path(__file__).parent / "assets"
HANG_UP_WITHIN = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Way:
    """An entry of the navigation. icon: a name of the Material icons. role: needed to see it."""

    path: str
    title: str
    icon: str
    role: Role = "viewer"


WAYS = (
    Way("/", "Queue", "inbox"),
    Way("/replies", "Replies", "mark_chat_unread"),
    Way("/monitor", "Monitor", "insights"),
    Way("/alerts", "Alerts", "notifications"),
    Way("/reports", "Reports", "assessment"),
    Way("/sql", "SQL", "storage"),
    Way("/people", "People", "group", "admin"),
    Way("/settings", "Settings", "tune", "admin"),
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One open page. caller: as they were when it was opened; call `still` before each act."""

    services: DeskServices
    caller: Caller
    request: Request
    client: Client

    async def still(self, role: Role = "viewer") -> Caller | None:
        """The caller as they are now; None, with a line on the page, when they may not do this."""
        try:
            caller = await self.services.callers.again(self.caller)
        except DatabaseAway:
            say("The database cannot be reached just now; nothing was changed.", bad=True)
            return None
        if caller is None:
            say("You are logged out. Load the page again to log in.", bad=True)
            return None
        if not caller.may(role):
            say(f"This takes the role {role}; you are {caller.role}.", bad=True)
            return None
        return caller


Build = Callable[[Visit], Awaitable[None]]


def add_page(
    services: DeskServices,
    path: str,
    title: str,
    build: Build,
    role: Role = "viewer",
    *,
    of_all_brands: bool = False,
) -> None:
    """A page at `path`, which `build` fills below the header, for callers of this role.

    of_all_brands: not for those who are bound to some.
    """

    @ui.page(path, title=f"{title} · earshot", response_timeout=30)
    async def show(request: Request, client: Client) -> None:
        caller = caller_of(request)
        switch = _header(services, caller, path, client)
        with tag("div", id="content", tabindex="-1"):  # within the page's own <main>
            _end_with_session(services, caller, client)
            if not caller.may(role):
                _not_for_you(caller, role)
                return
            if of_all_brands and caller.brands is not None:
                _of_all_brands(title)
                return
            attend(services, caller, client, switch)
            try:
                await build(Visit(services.of(caller), caller, request, client))
            except DatabaseAway:
                client.status_code = 503
                _database_away()


def _end_with_session(services: DeskServices, caller: Caller, client: Client) -> None:
    """End the page with its visitor's session, user or rights, whatever it shows.

    Its address is loaded anew, which leads to the login; its sockets are closed, and what they
    still send reaches nothing.
    """

    async def run() -> None:
        with services.callers.watch.over(caller) as ended:
            await ended.wait()
        background_tasks.create(_close(client))

    client.on_delete(background_tasks.create(run()).cancel)


async def _close(client: Client) -> None:
    goodbye = {"code": "window.location.reload()"}
    await client.outbox._emit((client.id, "run_javascript", goodbye))
    sockets = list(core.sio.manager.get_participants("/", client.id))
    for socket, _ in sockets:
        await core.sio.disconnect(socket)
    if not client.is_deleted:
        client.delete()
    for _, connection in sockets:
        background_tasks.create(_hang_up(connection))


async def _hang_up(connection: str) -> None:
    """Close a connection, which would stay open and greet again. One that polls and reads no more
    is not waited for, and one that does not hang up by itself is hung up on.
    """
    socket = core.sio.eio.sockets.get(connection)
    if socket is None:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(HANG_UP_WITHIN):
            await core.sio.eio.disconnect(connection)
    await socket.queue.put(None)  # its writer ends, and closes it


def _not_for_you(caller: Caller, role: Role) -> None:
    words = f"This page takes the role {role}; you are {caller.role}. An admin can change that."
    with tag("div", classes="empty"):
        tag("h1", "Not for your role")
        tag("p", words)


def _of_all_brands(title: str) -> None:
    with tag("div", classes="empty"):
        tag("h1", f"{title} are of all brands")
        tag("p", "Who is bound to some brands cannot see or change them.")


def _database_away() -> None:
    words = "Nothing is lost: messages wait in Kafka meanwhile. This page tries again by itself."
    ui.add_head_html('<meta http-equiv="refresh" content="5">')
    with tag("div", classes="empty", role="alert"):
        tag("h1", "The database cannot be reached just now")
        tag("p", words)


def tag(kind: str, text: str | None = None, *, classes: str = "", **attributes: Any) -> ui.element:
    """An HTML element; its text is never markup. `aria_label` stands for `aria-label`."""
    element = ui.element(kind) if text is None else TextElement(tag=kind, text=text)
    if classes:
        element.classes(classes)
    for name, value in attributes.items():
        if value is not None and value is not False:
            element.props[name.rstrip("_").replace("_", "-")] = "" if value is True else str(value)
    return element


def icon(name: str) -> ui.element:
    """A Material icon as an ornament: screen readers read the words beside it."""
    return tag("span", name, classes="sym", aria_hidden="true")


def say(words: str, *, bad: bool = False) -> None:
    """A line that passes by at the page's foot; screen readers read it out."""
    ui.notify(
        words,
        position="bottom",
        classes="said-bad" if bad else "said-good",
        timeout=8000 if bad else 3000,
    )


def head() -> str:
    """Head of every page: the colours before anything is painted, and the style."""
    script = "\n".join(
        (ASSETS / name).read_text(encoding="utf-8") for name in ("theme.js", "keys.js")
    )
    style = "\n".join(path.read_text(encoding="utf-8") for path in sorted(ASSETS.glob("*.css")))
    return f"<script>{script}</script>\n<style>{style}</style>"


def _header(services: DeskServices, caller: Caller, path: str, client: Client) -> AwaySwitch | None:
    tag("a", "Skip to the content", classes="skip", href="#content")
    with tag("header", classes="top"):
        with tag("a", classes="name", href="/", aria_label="earshot, to the queue"):
            tag("span", classes="ear", aria_hidden="true")
            tag("span", "earshot")
        _navigation(caller, path)
        with tag("div", classes="self"):
            add_bell(services, caller, client)
            switch = away_switch(services, caller)
            _keys_switch()
            _theme_switch()
            _visitor(caller)
            if caller.csrf:
                _log_out_button(caller.csrf)
    return switch


def _visitor(caller: Caller) -> None:
    """Their name, which leads to their password."""
    title = f"{caller.name}, {caller.role}"
    if caller.by_session:
        link = tag("a", classes="who", href=CHANGE_PATH, title=f"{title}: change your password")
    else:
        link = tag("span", classes="who", title=title)
    with link:
        tag("b", caller.name)
        tag("small", caller.role)


def _navigation(caller: Caller, path: str) -> None:
    current = "/replies" if path == "/canned" else "/" if path.startswith("/tickets/") else path
    with tag("nav", classes="ways", aria_label="Pages"):
        for way in WAYS:
            if not caller.may(way.role):
                continue
            with tag("a", href=way.path, aria_current="page" if way.path == current else None):
                icon(way.icon)
                tag("span", way.title)


def _keys_switch() -> None:
    label = "Shortcuts of single keys"
    button = tag(
        "button",
        classes="quiet keys",
        type="button",
        aria_label=label,
        title=f"{label}, on or off",
        aria_pressed="true",
    )
    button.props["data-keys-switch"] = ""
    with button:
        icon("keyboard")


def _theme_switch() -> None:
    label = "Light or dark"
    button = tag("button", classes="quiet", type="button", aria_label=label, title=label)
    button.props["data-theme-switch"] = ""
    with button:
        icon("contrast")


def _log_out_button(csrf: str) -> None:
    with tag("form", method="post", action="/logout"):
        tag("input", type="hidden", name="csrf", value=csrf)
        with tag("button", classes="quiet", aria_label="Log out", title="Log out"):
            icon("logout")
