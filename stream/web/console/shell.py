"""What every page of the console has: who looks at it, the header with the ways between pages, and
light or dark.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request
from nicegui import Client, ui
from nicegui.elements.mixins.text_element import TextElement

from stream.accounts.users import Role
from stream.errors import DatabaseAway
from stream.web.auth.callers import Caller, caller_of
from stream.web.desk_services import DeskServices

log = logging.getLogger(__name__)

ASSETS = Path(__file__).parent / "assets"


@dataclass(frozen=True, slots=True)
class Way:
    """An entry of the navigation. icon: a name of the Material icons. role: who may go there."""

    path: str
    title: str
    icon: str
    role: Role = "viewer"


WAYS = (
    Way("/", "Queue", "inbox"),
    Way("/monitor", "Monitor", "insights"),
    Way("/alerts", "Alerts", "notifications"),
    Way("/sql", "SQL", "storage"),
    Way("/people", "People", "group", "admin"),
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One page that somebody has open. caller: as they were when it was opened; ask `still` before
    each act.
    """

    services: DeskServices
    caller: Caller
    request: Request
    client: Client

    async def still(self, role: Role = "viewer") -> Caller | None:
        """The caller as they are now; None, and they are told why, when they may not do this any
        more.
        """
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
    services: DeskServices, path: str, title: str, build: Build, role: Role = "viewer"
) -> None:
    """A page at `path`, which `build` fills below the header. Who lacks the role is told so and
    sees nothing else.
    """

    @ui.page(path, title=f"{title} · earshot", response_timeout=30)
    async def show(request: Request, client: Client) -> None:
        caller = caller_of(request)
        _header(caller, path)
        with tag("div", id="content", tabindex="-1"):  # within the page's own <main>
            if caller.may(role):
                try:
                    await build(Visit(services.of(caller), caller, request, client))
                except DatabaseAway:
                    client.status_code = 503
                    ui.add_head_html('<meta http-equiv="refresh" content="5">')
                    with tag("div", classes="empty", role="alert"):
                        tag("h1", "The database cannot be reached just now")
                        tag(
                            "p",
                            "Nothing is lost: messages wait in Kafka meanwhile. This page tries again by itself.",
                        )
            else:
                with tag("div", classes="empty"):
                    tag("h1", "Not for your role")
                    tag(
                        "p",
                        f"This page takes the role {role}; you are {caller.role}. An admin can change that.",
                    )


def tag(kind: str, text: str | None = None, *, classes: str = "", **attributes: Any) -> ui.element:
    """An HTML element; its text is text and never markup. `aria_label` stands for `aria-label`,
    `for_` for `for`.
    """
    made = ui.element(kind) if text is None else TextElement(tag=kind, text=text)
    if classes:
        made.classes(classes)
    for name, value in attributes.items():
        if value is not None and value is not False:
            made.props[name.rstrip("_").replace("_", "-")] = "" if value is True else str(value)
    return made


def icon(name: str, *, classes: str = "") -> ui.element:
    """One of the Material icons, as an ornament: whoever listens to the page hears the words beside
    it.
    """
    return tag("span", name, classes=f"sym {classes}", aria_hidden="true")


def say(words: str, *, bad: bool = False) -> None:
    """A line that passes by at the page's foot; screen readers read it out."""
    ui.notify(
        words,
        position="bottom",
        classes="said-bad" if bad else "said-good",
        timeout=8000 if bad else 3000,
    )


def head() -> str:
    """What is in the head of every page: the colours before anything is painted, and the style."""
    script = (ASSETS / "theme.js").read_text(encoding="utf-8")
    style = "\n".join(path.read_text(encoding="utf-8") for path in sorted(ASSETS.glob("*.css")))
    return f"<script>{script}</script>\n<style>{style}</style>"


def _header(caller: Caller, path: str) -> None:
    tag("a", "Skip to the content", classes="skip", href="#content")
    with tag("header", classes="top"):
        with tag("a", classes="name", href="/", aria_label="earshot, to the queue"):
            tag("span", classes="ear", aria_hidden="true")
            tag("span", "earshot")
        with tag("nav", classes="ways", aria_label="Pages"):
            for way in WAYS:
                if caller.may(way.role):
                    here = (
                        "page"
                        if way.path == path or (way.path == "/" and path.startswith("/tickets/"))
                        else None
                    )
                    with tag("a", href=way.path, aria_current=here):
                        icon(way.icon)
                        tag("span", way.title)
        with tag("div", classes="self"):
            theme = tag(
                "button",
                classes="quiet",
                type="button",
                aria_label="Light or dark",
                title="Light or dark",
            )
            theme.props["data-theme-switch"] = ""
            with theme:
                icon("contrast")
            with tag("span", classes="who", title=f"{caller.name}, {caller.role}"):
                tag("b", caller.name)
                tag("small", caller.role)
            if caller.csrf:
                with tag("form", method="post", action="/logout"):
                    tag("input", type="hidden", name="csrf", value=caller.csrf)
                    with tag("button", classes="quiet", aria_label="Log out", title="Log out"):
                        icon("logout")
