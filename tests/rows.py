"""What a query of a test finds in the database, or changes in it."""

from __future__ import annotations

import asyncpg

from stream.postgres.database import dsn


async def ask(url: str, query: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn(url))
    try:
        return list(await connection.fetch(query, *arguments))
    finally:
        await connection.close()


async def do(url: str, script: str) -> None:
    connection = await asyncpg.connect(dsn(url))
    try:
        await connection.execute(script)
    finally:
        await connection.close()
