"""Acts on a whole conversation in the console: merge, split, link, and words from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stream.desk.actions import NotAllowed
from stream.desk.tickets import Row, Seen
from stream.web.auth.callers import Caller
from stream.web.desk_services import DeskServices
from stream.web.joined_acts import CHANNELS, LONGEST_WORDS, Channel, add_words, published

MOST_INCIDENTS = 8  # incidents to choose from


@dataclass(frozen=True, slots=True)
class Done:
    """ticket: as the act left it. go: the ticket to show then, where it is another one."""

    words: str
    ticket: Row
    go: str | None = None


async def join(
    services: DeskServices, caller: Caller, ticket_id: str, payload: Mapping[str, Any]
) -> Done:
    """Do what the payload's `how` says. Raises as the acts of `stream.desk.joining` do."""
    how, brands = payload.get("how"), caller.brands
    if how == "hear":
        return await _hear(services, caller, ticket_id, payload)
    seen = _seen(payload)
    if how == "merge":
        into = str(payload.get("into") or "").strip()
        joined = await services.joining.merge(ticket_id, into, caller.name, brands=brands)
        words, go = f"Merged into {into}.", into
    elif how == "split":
        ids = payload.get("messages")
        messages = [str(id) for id in ids] if isinstance(ids, list) else []
        joined = await services.joining.split(
            ticket_id, messages, caller.name, seen=seen, brands=brands
        )
        words, go = f"Split off: {joined.other}.", None
    elif how == "link":
        incident = str(payload["incident"]) if payload.get("incident") else None
        joined = await services.joining.link(
            ticket_id, incident, caller.name, seen=seen, brands=brands
        )
        words, go = ("Linked." if incident else "In no incident."), None
    else:
        raise NotAllowed("this page is older than earshot: load it again")
    return Done(words, await published(services, joined), go)


async def _hear(
    services: DeskServices, caller: Caller, ticket_id: str, payload: Mapping[str, Any]
) -> Done:
    text = str(payload.get("text") or "").strip()
    if not 0 < len(text) <= LONGEST_WORDS:
        raise NotAllowed(f"1 to {LONGEST_WORDS:,} characters of what they said")
    channel: Channel = "other"
    for name in CHANNELS:
        if name == payload.get("channel"):
            channel = name
    row, _ = await add_words(services, ticket_id, text, channel, caller.name, brands=caller.brands)
    return Done("Added to the conversation.", row)


async def incidents_of(services: DeskServices, brand: str | None) -> list[dict[str, Any]]:
    """The latest of the brand, to choose from."""
    if brand is None:
        return []
    rows = await services.incidents.list_incidents(brand=brand, limit=MOST_INCIDENTS)
    return [
        {
            "id": row["id"],
            "title": row["title"],
            "tickets": row["tickets"],
            "over": row["ended_at"] is not None,
        }
        for row in rows
    ]


def _seen(payload: Mapping[str, Any]) -> Seen:
    seen = payload.get("seen") or {}
    return Seen(int(seen.get("edits", -1)), int(seen.get("version", -1)))
