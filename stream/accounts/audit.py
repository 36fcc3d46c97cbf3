"""Audit of acts of people that leave no other trace."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable
from stream.postgres.tables import audit


async def note(
    engine: AsyncEngine, actor: str, action: str, subject: str | None = None, **details: Any
) -> None:
    """Write it down. Never the words of a customer, never a secret."""
    async with reachable(), engine.begin() as connection:
        await connection.execute(
            insert(audit).values(who=actor, action=action, subject=subject, details=details)
        )
