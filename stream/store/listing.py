"""The queue as a list, of open tickets or of those out of it, read on one connection.

Its readers need no SQLAlchemy: loading it is two fifths of the start of a command.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncpg

Row = dict[str, Any]

# States of tickets that are not in the queue; a snoozed one is there once its time has come.
OUT_OF_QUEUE = ("snoozed", "resolved")

_QUEUE = """
    select * from open_tickets
    where ($1::text is null or brand = $1)
      and ($2::text is null or level = $2)
      and (not $3::boolean or unread_language is not null)
      and ($5::text is null or state = $5)
    limit $4
"""
_SETTLED = """
    select t.*, s.priority_before from settled_tickets s join tickets t using (id)
    where ($1::text is null or t.brand = $1)
      and ($2::text is null or t.level = $2)
      and (not $3::boolean or t.unread_language is not null)
    order by s.settled_at desc, id
    limit $4
"""
# Tickets that the view leaves out: the columns of the view, without what only a queue has.
_AWAY = """
    select id, brand, level, priority as queue_priority, priority, state, owner, author, topic,
        problem, sentiment, dissatisfaction, needs_look, excerpt, factors, messages,
        null::integer as waiting_minutes, sla_due_at, null::interval as sla_left,
        0 as other_contacts, tags, notes, network, first_at, last_inbound_at, answered_at,
        received_at, snoozed_until, version, edits, updated_at, unread_language
    from tickets
    where ($1::text is null or brand = $1)
      and ($2::text is null or level = $2)
      and (not $3::boolean or unread_language is not null)
      and state = $5
    order by updated_at desc, id
    limit $4
"""
_BRANDS = "select distinct brand from tickets where brand is not null order by brand"
_JSON = ("factors", "notes")


class Listing:
    """Tickets and brands, as a person lists them."""

    def __init__(self, connection: asyncpg.Connection | Any) -> None:
        self._connection = connection

    async def tickets(
        self,
        *,
        brand: str | None = None,
        level: str | None = None,
        state: str | None = None,
        unread: bool = False,
        limit: int = 50,
    ) -> list[Row]:
        """The rows of the view `open_tickets`, most urgent first. Of snoozed and resolved tickets,
        with the same columns, and of settled ones, which customers closed: the latest first.

        unread: only those in a language that no model reads.
        """
        values: tuple[Any, ...] = (brand, level, unread, limit)
        if state == "settled":
            rows = await self._connection.fetch(_SETTLED, *values)
        else:
            query = _AWAY if state in OUT_OF_QUEUE else _QUEUE
            rows = await self._connection.fetch(query, *values, state)
        return [_read(dict(row)) for row in rows]

    async def brands(self) -> list[str]:
        """The brands that have a ticket."""
        return [row["brand"] for row in await self._connection.fetch(_BRANDS)]


def _read(row: Row) -> Row:
    """With JSON read, which a connection of SQLAlchemy's reads by itself."""
    for name in _JSON:
        if isinstance(row[name], str):
            row[name] = json.loads(row[name])
    return row
