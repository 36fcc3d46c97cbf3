"""What a query of a test finds in the database."""

from __future__ import annotations

import asyncpg

from stream.database import dsn


async def ask(url: str, query: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn(url))
    try:
        return list(await connection.fetch(query, *arguments))
    finally:
        await connection.close()
