"""Parts of a conversation: what it says to each brand that it names, and each part's ticket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from stream.postgres.tables import Row

_BETWEEN = " "  # of a conversation's id and a brand; no id of a conversation has one

AnyRow = TypeVar("AnyRow", bound=Row)


def by_ticket(history: Sequence[Row]) -> dict[str, list[Row]]:
    """The live messages of a conversation by the id of the ticket that they belong to.

    history: ordered by (occurred_at, id). The brand that is named first has the ticket with the
    conversation's own id; another one's is that id, a space and the brand.
    """
    live = [row for row in history if row["kind"] != "deleted"]
    brands = brands_of(live)
    first = next(iter(brands.values()), None)
    parts: dict[str, list[Row]] = {}
    for row in live:
        id = ticket_of(row["conversation"], brands[row["id"]], first)
        parts.setdefault(id, []).append(row)
    return parts


def ticket_of(conversation: str, brand: str | None, first: str | None) -> str:
    """The id of a brand's ticket. first: the brand of the conversation's first message."""
    return conversation if brand == first else f"{conversation}{_BETWEEN}{brand}"


def of_brand(history: Sequence[AnyRow], brand: str | None) -> list[AnyRow]:
    """A conversation without the messages that belong to another brand; with its deletions."""
    brands = brands_of([row for row in history if row["kind"] != "deleted"])
    return [row for row in history if brands.get(row["id"], row["brand"]) in (None, brand)]


def conversation_of(ticket_id: str) -> str:
    """The conversation that a ticket is about."""
    return ticket_id.partition(_BETWEEN)[0]


def brands_of(live: Sequence[Row]) -> dict[str, str | None]:
    """The brand that each message belongs to, by its id: the one that it names, otherwise the one
    of the message that it answers, otherwise the one named last before it, or first of all.

    live: in the order of (occurred_at, id).
    """
    current = next((row["brand"] for row in live if row["brand"]), None)
    brands: dict[str, str | None] = {}
    for row in live:
        current = row["brand"] or brands.get(row["in_reply_to"], current)
        brands[row["id"]] = current
    return brands
