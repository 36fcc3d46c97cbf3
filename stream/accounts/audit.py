"""Audit of acts of people that leave no other trace."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.postgres.database import reachable
from stream.postgres.tables import audit


async def note(
    engine: AsyncEngine, actor: str, action: str, subject: str | None = None, **details: Any
) -> None:
    """Write it down. Never the words of a customer, never a secret."""
    async with reachable(), engine.begin() as connection:
        await note_within(connection, actor, action, subject, details)


async def note_within(
    connection: AsyncConnection,
    actor: str,
    action: str,
    subject: str | None,
    details: dict[str, Any],
) -> None:
    """As `note`, in the transaction of what is done."""
    # inline: who is bound to brands may write here and not read, so nothing may be returned.
    row = insert(audit).inline().values(who=actor, action=action, subject=subject, details=details)
    await connection.execute(row)
