"""Saved queries: questions in SQL with a name and a chart, shared by everybody who may ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.desk.sql_box import LONGEST
from stream.errors import UserError
from stream.postgres.database import reachable, storable
from stream.postgres.desk_tables import saved_queries

Chart = Literal["table", "bars", "line", "records"]
CHARTS: tuple[Chart, ...] = get_args(Chart)
LONGEST_NAME = 80
LIMIT = 500
MOST_OF_ONE = 50  # of one person: nobody takes all places

_PUT = text("""
    insert into saved_queries (name, statement, chart, created_by)
    values (:name, :statement, :chart, :who)
    on conflict (name) do update
    set statement = excluded.statement, chart = excluded.chart, updated_at = now()
    where saved_queries.created_by = excluded.created_by or cast(:leads as boolean)
    returning id
""")


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """Whoever runs it does so with their own rights: it shows each their own brands."""

    name: str
    statement: str
    chart: Chart
    created_by: str
    updated_at: datetime


class SavedQueries:
    """The table `saved_queries`. leads: whether the person may change what others saved.

    A statement may name any brand, so who is bound to some sees and leads their own alone.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list(self, *, only_of: str | None = None) -> list[SavedQuery]:
        """By name. only_of: those that this person saved; None: all."""
        names = SavedQuery.__slots__
        query = select(*(saved_queries.c[name] for name in names)).order_by(
            func.lower(saved_queries.c.name)
        )
        if only_of is not None:
            query = query.where(saved_queries.c.created_by == only_of)
        async with reachable(), self._engine.connect() as connection:
            return [SavedQuery(**row) for row in (await connection.execute(query)).mappings()]

    async def put(
        self, name: str, statement: str, chart: Chart, actor: str, *, leads: bool
    ) -> None:
        """Save it, or change what has this name. Raises UserError."""
        name = storable(name.strip())
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise UserError(f"a saved query has a name of 1 to {LONGEST_NAME} printable characters")
        if not statement.strip() or len(statement) > LONGEST:
            raise UserError(f"a statement has 1 to {LONGEST:,} characters")
        await self._refuse_too_many(name, actor)
        values = {"name": name, "statement": storable(statement), "chart": chart, "who": actor}
        async with reachable(), self._engine.begin() as connection:
            saved = (await connection.execute(_PUT, values | {"leads": leads})).first()
        if saved is None:
            raise UserError(f"{name} is saved by somebody else; choose another name, or ask a lead")

    async def _refuse_too_many(self, name: str, actor: str) -> None:
        """Raises UserError where there is no place for one of this name."""
        saved = {query.name: query.created_by for query in await self.list()}
        if name in saved:
            return
        if len(saved) >= LIMIT:
            raise UserError(f"{LIMIT} queries are saved already; remove some first")
        if list(saved.values()).count(actor) >= MOST_OF_ONE:
            raise UserError(f"you saved {MOST_OF_ONE} queries already; remove some first")

    async def remove(self, name: str, actor: str, *, leads: bool) -> None:
        """Raises UserError where there is none, or it is somebody else's."""
        query = delete(saved_queries).where(saved_queries.c.name == storable(name))
        if not leads:
            query = query.where(saved_queries.c.created_by == actor)
        async with reachable(), self._engine.begin() as connection:
            removed = (await connection.execute(query)).rowcount
        if not removed:
            raise UserError(f"you saved no query {name!r}")
