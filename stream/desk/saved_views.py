"""Saved views: searches of the queue that a person keeps, or that a lead shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ARRAY, Text, cast, delete, or_, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.desk.search import parse
from stream.errors import UserError
from stream.postgres.database import reachable, storable
from stream.postgres.tables import saved_views

Row = dict[str, Any]
LONGEST_NAME = 60  # characters
MOST_VIEWS = 50  # of one person
# What a search may say without a word of who wrote, to which brand, or of what.
_OF_NOBODY = frozenset({"is", "level", "network", "topic", "since", "until", "before"})
_UNBOUND = [""]  # the brand that nobody is bound to


class NoView(UserError):
    """Nobody keeps a view of this name, or somebody else does."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who keeps views, and which they may see. brands: None: all."""

    name: str
    brands: frozenset[str] | None = None


class SavedViews:
    """The table `saved_views`, a row a name and its owner."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list(self, keeper: Keeper) -> list[Row]:
        """Their own, and the shared ones of brands that they see: name, owner, query, shared."""
        columns = (saved_views.c[name] for name in ("name", "owner", "query", "shared"))
        visible: Any = true()
        if keeper.brands is not None:
            visible = or_(
                saved_views.c.brands.is_(None),
                saved_views.c.brands.op("&&")(cast(sorted(keeper.brands), ARRAY(Text))),
            )
        is_theirs = saved_views.c.owner == keeper.name
        query = (
            select(*columns)
            .where(or_(is_theirs, saved_views.c.shared), visible)
            .order_by(saved_views.c.name, saved_views.c.owner)
        )
        async with reachable(), self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def save(self, keeper: Keeper, name: str, query: Mapping[str, str], shared: bool) -> None:
        """Keep the view in place of their own of the same name. Raises UserError."""
        brand = query.get("brand")
        if brand is not None and keeper.brands is not None and brand not in keeper.brands:
            raise UserError(f"brand {brand}: you are not bound to it")
        brands = sorted(keeper.brands) if keeper.brands is not None else _brands_of(query)
        values = {
            "owner": keeper.name,
            "name": storable(name),
            "query": {key: storable(value) for key, value in query.items()},
            "shared": shared,
            "brands": [storable(brand)] if brand is not None else brands,
        }
        put = insert(saved_views).values(values)
        put = put.on_conflict_do_update(
            index_elements=["owner", "name"],
            set_={column: put.excluded[column] for column in ("query", "shared", "brands")},
        )
        own = await self.list(keeper)
        names = {row["name"] for row in own if row["owner"] == keeper.name}
        if len(names | {name}) > MOST_VIEWS:
            raise UserError(f"you keep {MOST_VIEWS} views already: delete one first")
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(put)

    async def drop(self, keeper: Keeper, name: str) -> None:
        """Raises NoView: only who keeps a view may delete it."""
        query = delete(saved_views).where(
            saved_views.c.owner == keeper.name, saved_views.c.name == storable(name)
        )
        async with reachable(), self._engine.begin() as connection:
            if not (await connection.execute(query)).rowcount:
                raise NoView(f"you keep no view {name}")


def _brands_of(query: Mapping[str, str]) -> list[str] | None:
    """Whom a view without a brand may be shared with: a search may name any brand and anybody, so
    that it stays among who sees all brands. None: with everybody.
    """
    search = parse(query.get("text", ""), datetime.now(UTC))
    names_nobody = not search.words and {term.operator for term in search.terms} <= _OF_NOBODY
    return None if names_nobody and not query.get("tag") else _UNBOUND
