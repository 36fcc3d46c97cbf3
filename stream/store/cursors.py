"""Cursors: how far each source was read and confirmed by the broker."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable
from stream.postgres.tables import cursors, event_ids

_CONVERSATIONS = select(event_ids.c.id, event_ids.c.conversation).where(
    event_ids.c.id == func.any(bindparam("ids", type_=ARRAY(Text)))
)


class Cursors:
    """The table `cursors`: one row a source."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def cursor(self, source: str) -> Any:
        """Where the source was left; None when it was never read."""
        query = select(cursors.c.cursor).where(cursors.c.source == source)
        async with reachable(), self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def set_cursor(self, source: str, cursor: Any) -> None:
        """Remember the cursor of the last event that the broker has."""
        put = upsert(cursors).values(source=source, cursor=cursor, updated_at=func.now())
        put = put.on_conflict_do_update(
            index_elements=["source"],
            set_={"cursor": put.excluded.cursor, "updated_at": func.now()},
        )
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(put)

    async def forget_cursor(self, source: str) -> None:
        """The source starts from its beginning the next time."""
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(delete(cursors).where(cursors.c.source == source))

    async def conversations(self, ids: Collection[str]) -> dict[str, str]:
        """The conversations of those of these events that are stored."""
        async with reachable(), self._engine.connect() as connection:
            rows = await connection.execute(_CONVERSATIONS, {"ids": list(ids)})
            return {row.id: row.conversation for row in rows}
