"""An older release's database with data in it is upgraded, restored and refused without a loss."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from history import ANY_AGE, answer, deletion, tweet, worst
from rows import ask, do
from stores import Stores
from toy_model import toy_model
from typer.testing import CliRunner

from stream.cli.main import app
from stream.controls.store import ControlStore
from stream.desk.actions import Claim, Note, Snooze
from stream.desk.corrections import Corrections
from stream.desk.saved_queries import SavedQueries
from stream.desk.tickets import Desk
from stream.postgres.database import dsn, open_engine
from stream.postgres.schema import HEAD, MIGRATIONS, migrate
from stream.postgres.tables import ARRIVAL
from stream.store.dead_letters import DeadLetter
from stream.store.rebuild import rebuild
from stream.store.store import Store

LANDED = "0011", "0022"  # of the releases that were landed
OLDER = [f"{number:04}" for number in range(1, int(HEAD))]
EVENTS = 10_000, 100_000
COLUMNS = """
    select c.relname as table,
        array_agg(quote_ident(a.attname) order by a.attnum)::text[] as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
        and not a.attisdropped and a.attgenerated = ''
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
        and not c.relispartition and c.relname <> 'alembic_version'
    group by c.relname order by c.relname
"""
OF_PEOPLE = "select id, state, owner, tags, notes, snoozed_until from tickets order by id"


def said(count: int = 12):
    """A batch of every kind, with a P1; each author writes to one brand, about one thing."""
    batch = [
        tweet(
            n,
            95 if n == 7 else 51.0 + n % 28,
            author=f"a{n}",
            brand="Other" if n % 3 else "Northwind Air",
        )
        for n in range(1, count)
    ]
    more = [answer(count + 1, of=3, minute=2), tweet(count + 2, 60, of=3, author="a3", minute=5)]
    return [*batch, *more, tweet(count + 3, 20, brand=None), deletion(count + 4), deletion(5)]


async def lived(url: str, count: int = 12) -> None:
    engine = open_engine(url)
    store, desk = Stores(engine, fold=worst, history_after=ANY_AGE), Desk(engine)
    batch = said(count)
    for at in range(0, len(batch), 500):
        await store.save(batch[at : at + 500])
    await desk.act("x:1", Claim(), "ada")
    await desk.act("x:1", Note(text="she called"), "ada")
    await desk.act("x:2", Snooze(until=datetime.now(UTC) + timedelta(hours=4)), "ada")
    await Corrections(engine).correct("x:1", "sentiment", "neutral", "ada")
    await store.bury([DeadLetter("c", "tweets", 0, 1, b"k", b"no", "not an event")])
    await engine.dispose()


async def older(url: str, revision: str) -> None:
    """The tables as they were at that revision, without any view: those are made anew."""
    await _at(url, revision, command.upgrade)
    await do(url, "select ensure_partitions(2)")


async def _at(url: str, revision: str, go: Callable[[Config, str], None]) -> None:
    engine = open_engine(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    def run(connection) -> None:
        config.attributes["connection"] = connection
        go(config, revision)

    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


async def common_columns(*urls: str) -> dict[str, list[str]]:
    known = [{row["table"]: row["columns"] for row in await ask(url, COLUMNS)} for url in urls]
    return {
        table: [name for name in names if all(name in each[table] for each in known)]
        for table, names in known[0].items()
        if all(table in each for each in known)
    }


async def copied(source: str, target: str) -> None:
    """All rows, as far as the target has tables and columns for them."""
    columns = await common_columns(source, target)
    reader, writer = await asyncpg.connect(dsn(source)), await asyncpg.connect(dsn(target))
    try:
        # In one transaction with no trigger and no check of references: in any order.
        await writer.execute("set session_replication_role = replica")
        for table, names in columns.items():
            rows = io.BytesIO()
            query = f"select {', '.join(names)} from {table}"
            await reader.copy_from_query(query, output=rows)
            rows.seek(0)
            await writer.execute(f"delete from {table}")  # what a migration put there
            await writer.copy_to_table(table, source=rows, columns=[n.strip('"') for n in names])
    finally:
        await reader.close()
        await writer.close()


async def rows_of(url: str, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    return {
        table: [
            row["row"]
            for row in await ask(
                url,
                f"select (select to_jsonb(o) from (select {', '.join(names)}) o)::text as row"
                f" from {table} order by 1",
            )
        ]
        for table, names in columns.items()
    }


@pytest.fixture
async def third_url(postgres):
    yield await postgres.create("third")
    await postgres.drop("third")


async def upgraded(source: str, target: str, revision: str) -> None:
    await older(target, revision)
    await copied(source, target)
    columns = await common_columns(source, target)
    before = await rows_of(target, columns)
    assert before["events"], "there is something to lose"

    assert await migrate(target) == HEAD

    assert await rows_of(target, columns) == before
    assert [row[0] for row in await ask(target, "select version_num from alembic_version")] == [
        HEAD
    ]


@pytest.mark.parametrize("revision", OLDER)
async def test_every_older_database_is_upgraded_with_every_row(postgres_url, empty_url, revision):
    await lived(postgres_url)

    await upgraded(postgres_url, empty_url, revision)

    engine = open_engine(empty_url)
    stores = Stores(engine, fold=worst)
    people = await ask(empty_url, OF_PEOPLE)
    assert (await rebuild(engine, stores, None)).changed == 0, "tickets are what their events say"
    await stores.save(said())  # what Kafka delivers again counts once
    await stores.save([tweet(90, 80, of=3, minute=9, author="a3")])
    await engine.dispose()
    assert [row for row in await ask(empty_url, OF_PEOPLE) if row["id"] != "x:3"] == [
        row for row in people if row["id"] != "x:3"
    ]
    [row] = await ask(empty_url, "select messages, priority from tickets where id = 'x:3'")
    assert tuple(row) == (4, 80)


async def test_the_settings_of_the_console_go_and_come_again_without_a_loss_of_tickets(
    postgres_url,
):
    await lived(postgres_url)
    engine = open_engine(postgres_url)
    await ControlStore(engine).put("promises", "Northwind Air", {"P1": 5}, "ada")
    await SavedQueries(engine).put("all", "select 1", "table", "ada", leads=True)
    await engine.dispose()

    await _at(postgres_url, _before("0020"), command.downgrade)

    columns = await common_columns(postgres_url)
    before = await rows_of(postgres_url, columns)
    assert before["events"], "there is something to lose"
    assert "desk_controls" not in before
    await do(postgres_url, "update tickets set level = level")  # by the promises of that release
    assert await migrate(postgres_url) == HEAD

    after = await rows_of(postgres_url, columns)
    assert {name for name in before if after[name] != before[name]} <= {"tickets"}
    assert len(after["tickets"]) == len(before["tickets"])
    assert await ask(postgres_url, "select from desk_controls") == []
    assert len(await ask(postgres_url, "select from open_tickets")) > 0


def _before(revision: str) -> str:
    found = ScriptDirectory(str(MIGRATIONS)).get_revision(revision)
    assert found is not None
    return str(found.down_revision)


@pytest.mark.long
@pytest.mark.parametrize("landed", LANDED)
@pytest.mark.parametrize("count", [EVENTS[0], pytest.param(EVENTS[1], marks=pytest.mark.by_hand)])
async def test_thousands_of_events_of_a_landed_release_go_over_and_back(
    postgres, postgres_url, empty_url, third_url, tmp_path, count, landed
):
    """Over by the migrations, back by the dump that was taken before them."""
    await lived(postgres_url, count)
    await older(empty_url, landed)
    await copied(postgres_url, empty_url)
    columns = await common_columns(empty_url)
    before = await rows_of(empty_url, columns)
    assert len(before["events"]) > count
    _program(postgres, "pg_dump", "--format=custom", f"--file={tmp_path}/old.dump", dsn(empty_url))

    await migrate(empty_url)

    assert await rows_of(empty_url, columns) == before
    engine = open_engine(empty_url)
    assert (await rebuild(engine, Stores(engine, fold=worst), None)).changed == 0
    await engine.dispose()
    _program(
        postgres,
        *("pg_restore", "--no-owner", "--exit-on-error"),
        *("--dbname", dsn(third_url), f"{tmp_path}/old.dump"),
    )
    assert await rows_of(third_url, columns) == before
    [row] = await ask(third_url, "select version_num from alembic_version")
    assert row[0] == landed


def _program(postgres, name: str, *arguments: str) -> None:
    line = [f"{postgres._server.bin_path}/{name}", *arguments]
    done = subprocess.run(line, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


async def test_what_is_lost_of_tickets_is_folded_again_as_it_was(postgres_url):
    await lived(postgres_url)
    moving = {*ARRIVAL, "notes", "edits"} - {"received_at", "waiting_since"}  # of this run alone
    own = ",".join(sorted(moving))
    query = f"select to_jsonb(t) - '{{{own}}}'::text[] as row from tickets t order by id"
    before, counts = await ask(postgres_url, query), await ask(postgres_url, "table signal_counts")

    await do(postgres_url, "delete from tickets; delete from signal_counts")
    engine = open_engine(postgres_url)
    await rebuild(engine, Store(engine, fold=worst), None)
    await engine.dispose()

    assert await ask(postgres_url, query) == before
    cell = ("brand", "topic", "minute", "events", "negative", "complaints", "dissatisfaction_sum")
    assert _cells(await ask(postgres_url, "table signal_counts"), cell) == _cells(counts, cell)


def _cells(rows, names):
    return sorted(tuple(row[name] for name in names) for row in rows if row["events"])


@pytest.mark.parametrize(
    "line",
    [
        "migrate",
        "tickets",
        "rebuild --no-publish",
        "dead list",
        "forget --author a",
        "worker",
        "web --port 0",
        "ingest demo",
        "replay demo",
        "ticket show x:1",
        "alert list",
        "incident list",
        "outbox list",
        "user list",
        "key list",
        "export corrections --field sentiment",
    ],
)
def test_an_older_earshot_refuses_a_newer_database_in_one_line(newer, line, tmp_path):
    settings = {
        "EARSHOT_DATABASE_URL": newer,
        "EARSHOT_BROKER": "127.0.0.1:1",  # nobody gets as far as to ask it
        "EARSHOT_HOME": str(tmp_path),
        "EARSHOT_MODEL": str(toy_model()),
        "EARSHOT_LOG_LEVEL": "WARNING",
    }
    done = CliRunner().invoke(app, line.split(), env=settings)

    said = (done.stderr + str(done.exception or "")).strip()
    assert done.exit_code != 0
    assert "revision 9999" in said
    assert "update earshot" in said
    assert "Traceback" not in said
    assert len(said.splitlines()) == 1


@pytest.fixture
async def newer(postgres_url):
    await lived(postgres_url)
    columns = await common_columns(postgres_url)
    before = await rows_of(postgres_url, columns)
    await do(postgres_url, "update alembic_version set version_num = '9999'")
    yield postgres_url
    assert await rows_of(postgres_url, columns) == before
