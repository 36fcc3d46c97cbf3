"""The runbook's backup and restore, as it types them: what comes back is what was there, row for
row.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
from history import answer, deletion, tweet

from stream.postgres.database import dsn, open_engine
from stream.postgres.schema import migrate
from stream.store.store import Store

RUNBOOK = (Path(__file__).resolve().parents[2] / "deploy/RUNBOOK.md").read_text()
BATCH = [
    tweet(1, 95),
    tweet(2, 60, of=1),
    answer(3, of=1, minute=5),
    tweet(4, 30),
    tweet(5, 80),
    deletion(5),
]


def typed(heading: str, program: str) -> str:
    """The line of the runbook's chapter that runs this program."""
    chapter = RUNBOOK.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    (line,) = re.findall(rf"^\$ ({program} .*)$", chapter, re.MULTILINE)
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


async def test_what_was_backed_up_is_restored_and_goes_on(
    postgres, postgres_url, empty_url, tmp_path
):
    engine, other = open_engine(postgres_url), open_engine(empty_url)
    await Store(engine).save(BATCH)
    path = f"{postgres._server.bin_path}:{os.environ['PATH']}"

    for url, line in (
        (postgres_url, typed("Backup", "pg_dump")),
        (empty_url, typed("Restore", "pg_restore")),
    ):
        environment = os.environ | {"PATH": path, "EARSHOT_DATABASE_URL": dsn(url)}
        done = await asyncio.to_thread(
            subprocess.run,
            line,
            shell=True,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    assert await everything(empty_url) == await everything(postgres_url)
    before = await everything(empty_url)
    await migrate(empty_url)
    saved = await Store(other).save(BATCH)  # what Kafka delivers again after the restore
    assert "x:1" in {ticket.id for ticket in saved.tickets}
    assert await everything(empty_url) == before
    await engine.dispose()
    await other.dispose()
