"""The runbook's lines as an operator types them, and every row that a database has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import asyncpg

from stream.postgres.database import dsn

RUNBOOK = (Path(__file__).resolve().parents[1] / "deploy/RUNBOOK.md").read_text()


def lines_of(heading: str) -> list[str]:
    """The lines of the runbook's chapter, in their order; a line that ends in a backslash goes
    on. Those of the chapters within it are theirs.
    """
    chapter = re.split(rf"^#+ {re.escape(heading)}$", RUNBOOK, flags=re.MULTILINE)[1]
    chapter = re.split(r"^#+ ", chapter, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^\$ ((?:.*\\\n)*.*)$", chapter, re.MULTILINE)


def typed(heading: str, program: str) -> str:
    """The line of the runbook's chapter that runs this program."""
    (line,) = (line for line in lines_of(heading) if line.startswith(f"{program} "))
    return line


async def everything(url: str) -> dict[str, list[Any]]:
    """Every row of every table, and where the numbers go on."""
    connection = await asyncpg.connect(dsn(url))
    try:
        tables = await connection.fetch("""
            select relname from pg_class
            where relnamespace = 'public'::regnamespace and relkind = 'r'
            order by relname
        """)
        assert len(tables) > 10
        numbers = await connection.fetch(
            "select sequencename, last_value from pg_sequences order by 1"
        )
        return {"": numbers} | {
            name: await connection.fetch(f'select to_jsonb(t)::text from "{name}" t order by 1')
            for (name,) in tables
        }
    finally:
        await connection.close()
