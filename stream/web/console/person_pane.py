"""Pane of the person behind the open ticket: read beside it, and linked to other handles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from connectors.links import profile_url
from stream.desk.persons import Person
from stream.desk.tickets import NoTicket
from stream.web.auth.callers import Caller
from stream.web.console.cards import rounded, stamp
from stream.web.desk_services import DeskServices

Row = Mapping[str, Any]


async def read_person(
    services: DeskServices, ticket_id: str, brands: frozenset[str] | None
) -> dict[str, Any] | None:
    """The person as JSON for the browser; None where the ticket names nobody, or is gone."""
    try:
        ticket = await services.desk.ticket(ticket_id, brands)
    except NoTicket:
        return None
    person = await services.persons.of(ticket, brands)
    return None if person is None else _person(person, ticket)


async def link_person(
    services: DeskServices, ticket_id: str, caller: Caller, payload: Mapping[str, Any]
) -> str:
    """Link the ticket's author with a handle, or part them, or take that back; what was done.

    Raises UserError and NoTicket.
    """
    number = payload.get("undo")
    if isinstance(number, int):
        await services.persons.unlink(number, caller.name, brands=caller.brands)
        return "It is undone."
    ticket = await services.desk.ticket(ticket_id, caller.brands)
    alike = payload.get("alike") is not False
    row = await services.persons.link(
        ticket,
        str(payload.get("network") or ""),
        str(payload.get("author") or ""),
        caller.name,
        alike=alike,
        brands=caller.brands,
    )
    names = f"{row['handle']} and {row['other_handle']}"
    return f"{names} are one person." if alike else f"{names} are two people."


def _person(person: Person, ticket: Row) -> dict[str, Any]:
    return {
        "ticket": ticket["id"],
        "first": stamp(min((row["first_at"] for row in person.handles), default=None)),
        "handles": [_handle(row) for row in person.handles],
        "tickets": [_other(row) for row in person.tickets],
        "moods": [
            {
                "id": row["id"],
                "at": stamp(row["occurred_at"]),
                "value": rounded(row["dissatisfaction"]),
            }
            for row in person.moods
        ],
        "links": [_link(row) for row in person.links],
    }


def _handle(row: Row) -> dict[str, Any]:
    fields = ("network", "author", "linked", "messages", "calls")
    return {name: row[name] for name in fields} | {
        "last": stamp(row["last_at"]),
        "profile": profile_url(row["network"], row["author"]),
    }


def _other(row: Row) -> dict[str, Any]:
    fields = ("id", "network", "brand", "level", "state", "owner", "excerpt", "call")
    return {name: row[name] for name in fields} | {
        "at": stamp(row["received_at"]),
        "href": f"/tickets/{quote(row['id'], safe='')}",
    }


def _link(row: Row) -> dict[str, Any]:
    fields = ("id", "network", "handle", "other_network", "other_handle", "alike", "actor")
    return {name: row[name] for name in fields} | {"at": stamp(row["at"])}
