"""Acts of people on a page: for who still has the role, and a refusal is one line on the page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui.events import GenericEventArguments

from stream.accounts.users import Role
from stream.errors import DatabaseAway, UserError
from stream.web.auth.callers import Caller
from stream.web.console.shell import Visit
from stream.web.console.updates import View

Act = Callable[[Caller, Any], Awaitable[None]]
Handler = Callable[[GenericEventArguments], Awaitable[None]]


def guarded(
    visit: Visit,
    view: View,
    again: asyncio.Event,
    act: Act,
    role: Role,
    *,
    of_all_brands: bool = False,
) -> Handler:
    """The act as a handler of the view's events. Its refusal is the view's prop `refused`; `again`
    is set when it is done. of_all_brands: it is for nobody who is bound to some.
    """

    async def do(event: GenericEventArguments) -> None:
        caller = await visit.still(role)
        if caller is None:
            return
        view.tell(refused="")
        try:
            if of_all_brands and caller.brands is not None:
                raise UserError("this is of all brands; who is bound to some cannot do it")
            await act(caller, event.args)
        except UserError as refused:
            view.tell(refused=str(refused))
        except DatabaseAway:
            view.tell(refused="The database cannot be reached just now; try again.")
        again.set()

    return do


def fields(payload: Any) -> dict[str, Any]:
    """What a browser sent, as a table."""
    return payload if isinstance(payload, dict) else {}


def text_of(payload: Any, name: str) -> str:
    text = fields(payload).get(name)
    return text if isinstance(text, str) else ""
