"""Queries of the command line and the web: totals, the queue, figures, partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable
from stream.postgres.gauges import Figures, read_figures

Row = dict[str, Any]

_THEIRS = "(cast(:brands as text[]) is null or brand = any(cast(:brands as text[])))"
_TOTALS = text(f"""
    select
        (select count(*) from events where kind <> 'deleted' and {_THEIRS}) as events,
        (select count(*) from events where kind = 'deleted' and {_THEIRS}) as deleted,
        (select count(*) from events where model_version is not null and {_THEIRS}) as scored,
        (select count(*) from events where abstained and {_THEIRS}) as abstained,
        (select coalesce(jsonb_object_agg(level, n), '{{}}')
            from (select level, count(*) n from tickets where {_THEIRS} group by 1) t) as tickets,
        (select coalesce(jsonb_object_agg(kind, n), '{{}}')
            from (select kind, count(*) n from alerts where {_THEIRS} group by 1) a) as alerts,
        (select count(*) from dead_letters
            where state <> 'resolved' and cast(:brands as text[]) is null) as dead_letters
""").columns(  # noqa: S608  our own words
    events=Integer,
    deleted=Integer,
    scored=Integer,
    abstained=Integer,
    tickets=JSONB,
    alerts=JSONB,
    dead_letters=Integer,
)
_QUEUE = text("""
    select * from open_tickets
    where (cast(:brand as text) is null or brand = :brand)
      and (cast(:level as text) is null or level = :level)
      and (cast(:state as text) is null or state = :state)
      and (not cast(:unread as boolean) or unread_language is not null)
    limit :limit
""")
_SETTLED = text("""
    select t.*, s.priority_before from settled_tickets s join tickets t using (id)
    where (cast(:brand as text) is null or t.brand = :brand)
      and (cast(:level as text) is null or t.level = :level)
      and (not cast(:unread as boolean) or t.unread_language is not null)
    order by s.settled_at desc, id
    limit :limit
""").columns(factors=JSONB, notes=JSONB)
# Tickets that the view leaves out: the columns of the view, without what only a queue has.
_AWAY = text("""
    select id, brand, level, priority as queue_priority, priority, state, owner, author, topic,
        problem, sentiment, dissatisfaction, needs_look, excerpt, factors, messages,
        null::integer as waiting_minutes, sla_due_at, null::interval as sla_left,
        0 as other_contacts, tags, notes, network, first_at, last_inbound_at, answered_at,
        received_at, snoozed_until, version, edits, updated_at, unread_language
    from tickets
    where (cast(:brand as text) is null or brand = :brand)
      and (cast(:level as text) is null or level = :level)
      and state = :state
      and (not cast(:unread as boolean) or unread_language is not null)
    order by updated_at desc, id
    limit :limit
""")
_OF = "split_part(id, ' ', 1) = any(cast(:conversations as text[]))"  # see brand_parts
_TOP_OF = text(f"select * from open_tickets where {_OF} limit :limit")  # noqa: S608  our own words
_LEVELS_OF = text(f"""
    select level, brand, count(*) from tickets where {_OF} group by level, brand
""")  # noqa: S608  our own words
_BRANDS = text("select distinct brand from tickets where brand is not null order by brand")
# States of tickets that are not in the queue; a snoozed one is there once its time has come.
OUT_OF_QUEUE = ("snoozed", "resolved")


@dataclass(frozen=True, slots=True)
class Totals:
    """What the database holds. tickets: by level; alerts: by kind."""

    events: int
    deleted: int
    scored: int
    abstained: int
    dead_letters: int
    tickets: dict[str, int] = field(default_factory=dict)
    alerts: dict[str, int] = field(default_factory=dict)


_WITHOUT_LEVELS = text("""
    select count(*) from tickets t
    where t.state not in ('resolved', 'settled') and exists (
        select from events e
        where e.conversation = t.id and e.direction = 'inbound' and e.kind <> 'transcript'
          and e.model_version is not null and not e.abstained
          and not coalesce(jsonb_exists(e.scores, 'levels'), false)
    )
""")
_OPEN_POSTS = text("""
    select events.id, events.conversation, events.occurred_at
    from events
    where events.network = :network and events.kind = 'tweet' and events.direction = 'inbound'
      and exists (
        select from tickets
        where tickets.id in (events.conversation, events.conversation || ' ' || events.brand)
          and tickets.state not in ('resolved', 'settled')
      )
    order by events.occurred_at desc
    limit :limit
""")


class Queries:
    """Totals, the queue and figures; and the partitions of coming months."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ping(self) -> None:
        """Raises DatabaseAway when the database does not answer."""
        async with reachable(), self._engine.connect() as connection:
            await connection.execute(text("select 1"))

    async def totals(self, brands: frozenset[str] | None = None) -> Totals:
        """brands: only of these; dead letters are of none. None: all."""
        values = {"brands": None if brands is None else sorted(brands)}
        async with reachable(), self._engine.connect() as connection:
            row = (await connection.execute(_TOTALS, values)).mappings().one()
        return Totals(**row)

    async def figures(self) -> Figures:
        """What Prometheus is told of the database."""
        return await read_figures(self._engine)

    async def list_tickets(
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
        values = {"brand": brand, "level": level, "unread": unread, "limit": limit}
        values |= {} if state == "settled" else {"state": state}
        query = _SETTLED if state == "settled" else _AWAY if state in OUT_OF_QUEUE else _QUEUE
        async with reachable(), self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query, values)).mappings()]

    async def tickets_without_levels(self) -> int:
        """The open tickets with a message that a model without heads of triage judged."""
        async with reachable(), self._engine.connect() as connection:
            return int((await connection.execute(_WITHOUT_LEVELS)).scalar_one())

    async def brands(self) -> list[str]:
        """The brands that have a ticket."""
        async with reachable(), self._engine.connect() as connection:
            return list((await connection.execute(_BRANDS)).scalars())

    async def open_posts(
        self, network: str, limit: int = 10_000
    ) -> list[tuple[str, str, datetime]]:
        """The posts of open tickets on a network, the latest first: id, conversation, when it was
        said.
        """
        async with reachable(), self._engine.connect() as connection:
            rows = await connection.execute(_OPEN_POSTS, {"network": network, "limit": limit})
            return [(row.id, row.conversation, row.occurred_at) for row in rows]

    async def top_tickets(
        self, limit: int, conversations: Sequence[str] | None = None
    ) -> list[Row]:
        """The most urgent tickets of the queue; where they are named, of these conversations."""
        if conversations is None:
            return await self.list_tickets(limit=limit)
        values = {"conversations": list(conversations), "limit": limit}
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(_TOP_OF, values)).mappings().all()
        return [dict(row) for row in rows]

    async def levels_of(
        self, conversations: Sequence[str]
    ) -> tuple[dict[str, int], set[str | None]]:
        """The tickets of these conversations by level, and the brands that have them."""
        async with reachable(), self._engine.connect() as connection:
            rows = await connection.execute(_LEVELS_OF, {"conversations": list(conversations)})
        levels: Counter[str] = Counter()
        brands: set[str | None] = set()
        for level, brand, count in rows:
            levels[level] += count
            brands.add(brand)
        return dict(levels), brands

    async def ensure_partitions(self, months_ahead: int = 2) -> int:
        """Make the partitions of this month and the coming ones; returns how many were made."""
        async with reachable(), self._engine.begin() as connection:
            created = await connection.execute(
                text("select ensure_partitions(:months)"), {"months": months_ahead}
            )
            return int(created.scalar_one())
