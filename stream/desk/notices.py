"""Notices of a person: notes that name them, tickets given to them, promises about to break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable, storable

Row = dict[str, Any]

MAX_ROWS = 100  # notices at once
MAX_LATE = 20
SOON = "30 minutes"  # before a promise breaks, and no earlier than in its last quarter

_VISIBLE = "(cast(:brands as text[]) is null or t.brand = any(cast(:brands as text[])))"
_NOTICES = text(f"""
    select n.id, n.kind, n.ticket_id, n.actor, n.at, n.read_at,
           t.notes -> n.place ->> 'text' as words,
           t.brand, t.level, t.state, t.owner, t.excerpt
    from notices n join tickets t on t.id = n.ticket_id
    where n.person = :person and {_VISIBLE}
      and (not cast(:unread as boolean) or n.read_at is null)
      and (cast(:before as bigint) is null or n.id < :before)
    order by n.id desc limit :limit
""")  # noqa: S608  our own words
# Of nobody's tickets everybody hears, of a colleague's that colleague.
_LATE_SOON = f"""
    t.answered_at is null and t.state not in ('resolved', 'settled')
    and not (t.state = 'snoozed' and t.snoozed_until > now())
    and t.sla_due_at > now() and t.sla_due_at < now() + interval '{SOON}'
    and t.sla_due_at - now() < (t.sla_due_at - t.received_at) / 4
    and (t.owner is null or t.owner = :person) and {_VISIBLE}
"""
_LATE = text(f"""
    select t.id, t.brand, t.level, t.state, t.owner, t.excerpt, t.sla_due_at from tickets t
    where {_LATE_SOON} order by t.sla_due_at, t.id limit :limit
""")  # noqa: S608  our own words
_COUNTS = text(f"""
    select
        (select count(*)::int from notices n join tickets t on t.id = n.ticket_id
         where n.person = :person and n.read_at is null and {_VISIBLE}) as unread,
        (select count(*)::int from tickets t
         where t.owner = :person and t.state not in ('resolved', 'settled')
           and {_VISIBLE}) as assigned
""")  # noqa: S608  our own words
_READ = text("""
    update notices set read_at = now()
    where person = :person and read_at is null
      and (cast(:ids as bigint[]) is null or id = any(cast(:ids as bigint[])))
      and (cast(:ticket as text) is null or ticket_id = :ticket)
""").bindparams(bindparam("ids", type_=ARRAY(BigInteger)))


@dataclass(frozen=True, slots=True)
class NoticeCounts:
    """unread: notices; assigned: open tickets of the person."""

    unread: int
    assigned: int


class Notices:
    """The table `notices`, which Postgres itself fills with each edit; and clocks that run out.

    brands: those that the person is bound to by now; None: all.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of(
        self,
        person: str,
        brands: frozenset[str] | None = None,
        *,
        unread: bool = False,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Row]:
        """The newest first, with the note's words and the ticket. before: a notice's number."""
        values = _of(person, brands) | {"unread": unread, "before": before}
        return await self._rows(_NOTICES, values | {"limit": min(limit, MAX_ROWS)})

    async def late_soon(self, person: str, brands: frozenset[str] | None = None) -> list[Row]:
        """Tickets of the person, or of nobody, whose promise is about to break; the next first."""
        return await self._rows(_LATE, _of(person, brands) | {"limit": MAX_LATE})

    async def counts(self, person: str, brands: frozenset[str] | None = None) -> NoticeCounts:
        [row] = await self._rows(_COUNTS, _of(person, brands))
        return NoticeCounts(row["unread"], row["assigned"])

    async def mark_read(
        self, person: str, *, ids: Sequence[int] | None = None, ticket: str | None = None
    ) -> int:
        """Those of the person alone; of these numbers, or of one ticket, where they are named.
        Returns how many were unread.
        """
        values = {
            "person": person,
            "ids": None if ids is None else list(ids),
            "ticket": None if ticket is None else storable(ticket),
        }
        async with reachable(), self._engine.begin() as connection:
            return (await connection.execute(_READ, values)).rowcount

    async def _rows(self, query: Any, values: Row) -> list[Row]:
        async with reachable(), self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query, values)).mappings()]


def _of(person: str, brands: frozenset[str] | None) -> Row:
    return {"person": person, "brands": None if brands is None else sorted(brands)}
