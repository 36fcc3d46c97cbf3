"""The runbook's backup and restore, as it types them: what comes back is what was there, row for
row.
"""

from __future__ import annotations

import asyncio
import os
import subprocess

from history import answer, deletion, tweet
from restored import everything, typed

from stream.postgres.database import dsn, open_engine
from stream.postgres.schema import migrate
from stream.store.store import Store

BATCH = [
    tweet(1, 95),
    tweet(2, 60, of=1),
    answer(3, of=1, minute=5),
    tweet(4, 30),
    tweet(5, 80),
    deletion(5),
]


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
