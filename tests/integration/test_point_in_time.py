"""The runbook's way back to a moment, as it types it: archived WAL, a base backup, recovery."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from history import answer, deletion, tweet
from restored import everything, lines_of
from rows import ask
from scratch import scratch_folder

from stream.postgres.database import dsn, open_engine
from stream.postgres.schema import migrate
from stream.postgres.tables import ARRIVAL
from stream.store.store import Store

BEFORE = [tweet(1, 95), tweet(2, 60, of=1), answer(3, of=1, minute=5), tweet(4, 30)]
MEANWHILE = [tweet(5, 80), deletion(4), tweet(6, 85, of=2, minute=9), tweet(7, 20, brand=None)]
AFTER = [tweet(8, 99), deletion(1), tweet(5, 10, revision=2)]

OF_THE_RUN = ",".join(ARRIVAL)
TICKETS = f"select to_jsonb(t) - '{{{OF_THE_RUN}}}'::text[] as row from tickets t order by id"


class Server:
    """A PostgreSQL whose operator types lines of the runbook, as the user that it belongs to."""

    def __init__(self, postgres, folder: Path) -> None:
        self._server = postgres._server
        self._user = self._server.system_user
        data = Path(self._server.pgdata)
        self.places = {
            "PGDATA": str(data),
            "ARCHIVE": str(folder / "archive"),
            "BASE": str(folder / "base"),
        }
        (folder / "archive").mkdir()
        if self._user is not None:
            shutil.chown(folder, self._user)
            shutil.chown(folder / "archive", self._user)
            shutil.chown(data.parent, self._user)

    async def type(self, line: str, url: str, **more: str) -> None:
        bins = (str(self._server.bin_path), str(Path(sys.executable).parent), os.environ["PATH"])
        named = {"EARSHOT_DATABASE_URL": dsn(url), "PATH": ":".join(bins)}
        own = line.startswith("earshot")  # runs where the operator is, not on the server
        with (Path(self.places["ARCHIVE"]).parent / "said").open("w+") as output:
            done = await asyncio.to_thread(
                subprocess.run,
                line,
                shell=True,
                cwd=Path(self.places["ARCHIVE"]).parent,
                env=os.environ | self.places | named | more,
                stdin=subprocess.DEVNULL,
                stdout=output,  # a pipe would be held open by the server that it starts
                stderr=output,
                user=None if own else self._user,
            )
            output.seek(0)
            assert done.returncode == 0, f"{line}\n{output.read()}\n{self._recovery()}"

    def _recovery(self) -> str:
        log = Path(self.places["PGDATA"]) / "recovery.log"
        return log.read_text()[-2000:] if log.exists() else ""


@pytest.fixture
def folder() -> Iterator[Path]:
    made = scratch_folder("earshot-wal-")
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


async def test_the_database_comes_back_as_it_was_at_a_moment_and_goes_on(own_postgres, folder):
    server = Server(own_postgres, folder)
    # A server of one's own has its socket in its configuration, and not among its data.
    await ask(own_postgres.url, f"alter system set unix_socket_directories = '{folder}'")
    await ask(own_postgres.url, "alter system set listen_addresses = ''")
    for line in ('pg_ctl -D "$PGDATA" -m fast -w stop', 'pg_ctl -D "$PGDATA" -w -l log start'):
        await server.type(line, own_postgres.url)
    url = f"postgresql://postgres:@/postgres?host={folder}"
    lines = lines_of("Point in time")
    ahead, back = lines[:3], lines[3:]
    await migrate(url)
    await _save(url, BEFORE)
    for line in ahead:
        await server.type(line, url)
    await _save(url, MEANWHILE)
    then = await everything(url)
    [(moment,)] = await ask(url, "select clock_timestamp()::text")
    await _save(url, AFTER)
    late = await ask(url, TICKETS)
    assert _kept(await everything(url)) != _kept(then), "there is something to go back over"
    await _archived(url)

    for line in back:
        await server.type(line, url, MOMENT=moment)

    assert _kept(await everything(url)) == _kept(then)
    assert {row[0] for row in await ask(url, "select id from events")} >= {"x:5", "x:6", "x:7"}
    assert not await ask(url, "select 1 from events where id = 'x:8'")
    await _save(url, AFTER)  # what Kafka delivers again
    assert await ask(url, TICKETS) == late


def _kept(tables: dict[str, list]) -> dict[str, list]:
    """What customers and people left; numbers jump over some when a server recovers, and a rebuild
    notes where it is.
    """
    return {name: rows for name, rows in tables.items() if name not in ("", "cursors")}


async def _save(url: str, batch) -> None:
    engine = open_engine(url)
    await Store(engine).save(batch)
    await engine.dispose()


async def _archived(url: str) -> None:
    """Until the archive holds the WAL of now."""
    [(name,)] = await ask(url, "select pg_walfile_name(pg_current_wal_lsn())")
    await ask(url, "select pg_switch_wal()")
    async with asyncio.timeout(120):
        query = "select coalesce(last_archived_wal, '') >= $1 from pg_stat_archiver"
        while not (await ask(url, query, name))[0][0]:
            await asyncio.sleep(0.2)
