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


async def dump(url: str) -> str:
    """Every row of every table, as text."""
    tables = await ask(
        url, "select quote_ident(tablename) t from pg_tables where schemaname = 'public'"
    )
    return "".join([str(await ask(url, f"select t::text from {row['t']} as t")) for row in tables])
