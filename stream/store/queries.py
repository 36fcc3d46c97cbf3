"""Queries of the command line and the web: totals, the queue, figures, partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Integer, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable
from stream.postgres.gauges import Figures, read_figures
from stream.store.listing import Listing, Row
from stream.store.older_judgements import Older, OlderJudgements

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
_OF = "split_part(id, ' ', 1) = any(cast(:conversations as text[]))"  # see brand_parts
_TOP_OF = text(f"select * from open_tickets where {_OF} limit :limit")  # noqa: S608  our own words
_LEVELS_OF = text(f"""
    select level, brand, count(*) from tickets where {_OF} group by level, brand
""")  # noqa: S608  our own words


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
        """The queue, most urgent first, or what is out of it: see `Listing.tickets`."""
        async with self._listing() as listing:
            return await listing.tickets(
                brand=brand, level=level, state=state, unread=unread, limit=limit
            )

    @asynccontextmanager
    async def _listing(self) -> AsyncIterator[Listing]:
        async with reachable(), self._engine.connect() as connection:
            raw = await connection.get_raw_connection()
            yield Listing(raw.driver_connection)

    async def judged_by_others(self, version: str) -> Older:
        """The messages of open tickets that another model judged than this version of one."""
        async with reachable(), self._engine.connect() as connection:
            raw = await connection.get_raw_connection()
            return await OlderJudgements(raw.driver_connection).judged_by_others(version)

    async def brands(self) -> list[str]:
        """The brands that have a ticket."""
        async with self._listing() as listing:
            return await listing.brands()

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
