"""Replies that wait for a person, the most urgent ticket's first."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable, storable

Row = dict[str, Any]

FOR_A_PERSON = ("draft", "failed", "uncertain")  # states in which nothing happens by itself
MAX_ROWS = 200  # replies at once

# A draft of a ticket that was answered or closed meanwhile waits for nobody.
_WAITING = """
    r.state = any(:states)
    and (r.state <> 'draft'
         or t.answered_at is null and t.state not in ('resolved', 'settled')
            and not (t.state = 'snoozed' and t.snoozed_until > now()))
    and (cast(:brands as text[]) is null or t.brand = any(:brands))
    and (cast(:brand as text) is null or t.brand = :brand)
    and (cast(:owner as text) is null or t.owner = :owner)
"""
_ROWS = text(f"""
    select r.*, t.level, t.priority, t.state as ticket_state, t.owner, t.author, t.topic, t.problem,
           t.sla_due_at, t.answered_at, t.received_at, e.text as message
    from replies r join tickets t on t.id = r.ticket_id
    left join events e on e.id = r.event_id
    where {_WAITING}
    order by t.priority desc, t.sla_due_at, r.id
    limit :limit
""")  # noqa: S608  our own words
_COUNTS = text(f"""
    select r.state, count(*)::int as n from replies r join tickets t on t.id = r.ticket_id
    where {_WAITING} group by r.state
""")  # noqa: S608  our own words
_ARRAYS = (bindparam("states", type_=ARRAY(Text)), bindparam("brands", type_=ARRAY(Text)))


class WaitingReplies:
    """Reads replies with their tickets. brands: those that the person is bound to; None: all."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def rows(
        self,
        states: Collection[str] = FOR_A_PERSON,
        *,
        brand: str | None = None,
        owner: str | None = None,
        brands: frozenset[str] | None = None,
        limit: int = 50,
    ) -> list[Row]:
        """Replies in these states with level, clock and message of their tickets."""
        values = _values(states, brand, owner, brands) | {"limit": min(limit, MAX_ROWS)}
        async with reachable(), self._engine.connect() as connection:
            rows = await connection.execute(_ROWS.bindparams(*_ARRAYS), values)
            return [dict(row) for row in rows.mappings()]

    async def counts(
        self,
        states: Collection[str] = FOR_A_PERSON,
        *,
        brand: str | None = None,
        owner: str | None = None,
        brands: frozenset[str] | None = None,
    ) -> dict[str, int]:
        """How many there are, by state."""
        values = _values(states, brand, owner, brands)
        async with reachable(), self._engine.connect() as connection:
            rows = await connection.execute(_COUNTS.bindparams(*_ARRAYS), values)
            return {row.state: row.n for row in rows}


def _values(
    states: Collection[str],
    brand: str | None,
    owner: str | None,
    brands: frozenset[str] | None,
) -> Row:
    return {
        "states": list(states),
        "brand": None if brand is None else storable(brand),
        "owner": None if owner is None else storable(owner),
        "brands": None if brands is None else sorted(brands),
    }
