"""Migrations: from nothing, twice, together, by owners with few rights; and the login that they
make.
"""

from __future__ import annotations

import asyncio
import logging

import asyncpg
import pgvector.sqlalchemy  # noqa: F401  teaches SQLAlchemy the name of the type
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from history import tweet, worst
from rows import do

import stream.postgres.desk_tables  # noqa: F401  makes its tables known
from stream.postgres import schema
from stream.postgres.database import dsn, open_engine, reader_url
from stream.postgres.roles import OUT_OF_REACH, READABLE
from stream.postgres.schema import HEAD, MIGRATIONS, NewerSchema, migrate
from stream.postgres.sql import SqlRefused, run_sql
from stream.postgres.tables import metadata
from stream.store.store import Store

CONTRACT = [
    "events",
    "tickets",
    "ticket_changes",
    "replies",
    "alerts",
    "incidents",
    "signal_counts",
    "dead_letters",
    "cursors",
    "corrections",
    "users",
    "api_keys",
    "audit",
    "open_tickets",
    "ticket_history",
    "sentiment_hourly",
    "brand_health",
]


async def one(url: str, query: str) -> object:
    connection = await asyncpg.connect(dsn(url))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_every_name_of_the_contract_exists_and_is_readable_or_out_of_reach(postgres_url):
    for name in CONTRACT:
        assert await one(postgres_url, f"select to_regclass('{name}')") is not None, name
        readable = await one(
            postgres_url, f"select has_table_privilege('earshot_reader', '{name}', 'select')"
        )
        assert readable == (name in READABLE), name
        assert readable != (name in OUT_OF_REACH), name
        writable = (
            f"select has_table_privilege('earshot_reader', '{name}',"
            " 'insert, update, delete, truncate')"
        )
        assert await one(postgres_url, writable) is False, name


async def test_the_migrations_make_the_tables_that_the_code_knows(postgres_url):
    def differences(connection):
        options = {"compare_type": True, "include_name": known, "include_object": comparable}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    def known(name, kind, parents):
        return (
            name in metadata.tables
            if kind == "table"
            else kind not in ("index", "unique_constraint")
        )

    def comparable(it, name, kind, reflected, other):
        return name != "embedding"  # a type that SQLAlchemy cannot read back

    engine = open_engine(postgres_url)
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert found == []


def test_the_newest_migration_is_the_one_that_a_start_looks_for():
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


async def test_it_can_be_run_again_and_by_several_commands_at_once(empty_url):
    assert await asyncio.gather(*(migrate(empty_url) for _ in range(4))) == [HEAD] * 4
    assert await migrate(empty_url) == HEAD
    assert await one(empty_url, "select count(*) from alembic_version") == 1


async def test_a_newer_database_is_left_alone(empty_url):
    await migrate(empty_url)
    await do(empty_url, "update alembic_version set version_num = '9999'")

    with pytest.raises(NewerSchema, match="update earshot"):
        await migrate(empty_url)


async def test_views_are_made_anew_when_their_file_changes(empty_url, tmp_path, monkeypatch):
    await migrate(empty_url)
    changed = tmp_path / "views.sql"
    changed.write_text(
        schema.VIEWS.read_text().replace("    needs_look,\n", "    needs_look as look,\n")
    )
    monkeypatch.setattr(schema, "VIEWS", changed)

    await migrate(empty_url)

    assert (await run_sql(reader_url(empty_url), "select look from open_tickets")).rows == ()


async def test_months_ahead_have_their_partitions_and_replayed_ones_stay_where_they_are(
    simple, postgres_url
):
    ahead = (
        "select to_char("
        "date_trunc('month', now() at time zone 'UTC') + interval '{} months', '_YYYY_MM')"
    )
    for months in range(3):
        name = await one(postgres_url, ahead.format(months))
        assert await one(postgres_url, f"select to_regclass('events{name}')") is not None
    taken = await one(
        postgres_url, "select extract(epoch from now() + interval '125 days')::float8"
    )
    one_ahead = tweet(1, 70, minute=0)
    minute = (taken - one_ahead.event.occurred_at.timestamp()) / 60
    await simple.save([tweet(1, 70, minute=minute)])

    made = await asyncio.gather(*(simple.ensure_partitions(6) for _ in range(3)))

    assert sorted(made) == [0, 0, 4 * 3 - 2], "one month of events and of counts is taken"
    assert await simple.ensure_partitions(6) == 0
    await simple.save([tweet(1, 70, minute=minute, revision=1)])
    assert (await simple.totals()).events == 1


@pytest.fixture
def owned(own_postgres):
    """A database of a login of the given rights, on a server that asks for passwords."""

    async def made(rights: str) -> str:
        await do(own_postgres.url, f"create role earl login password 'pässword/1' {rights}")
        url = await own_postgres.create("theirs")
        await do(url, "create extension vector; alter database theirs owner to earl")
        await do(url, "alter schema public owner to earl")
        folder = own_postgres._server.pgdata
        (folder / "pg_hba.conf").write_text(
            "local all postgres trust\nlocal all all scram-sha-256\n"
        )
        await do(url, "select pg_reload_conf()")
        await asyncio.sleep(0)
        return url.replace("postgres:@", "earl:p%C3%A4ssword%2F1@")

    return made


async def test_an_owner_who_may_make_roles_needs_no_superuser_and_no_second_secret(
    owned, own_postgres, caplog
):
    url = await owned("createrole")

    await migrate(url)

    assert "earshot_reader" not in caplog.text
    assert (await run_sql(reader_url(url), "select count(*) from open_tickets")).rows == ((0,),)
    with pytest.raises(SqlRefused, match="permission denied"):
        await run_sql(reader_url(url), "select * from dead_letters")
    with pytest.raises(SqlRefused, match="login was refused"):
        await run_sql(reader_url(url.replace("ssword%2F1", "ssword%2F2")), "select 1")
    engine = open_engine(url)
    await Store(engine, fold=worst).save([tweet(1, 70)])
    await engine.dispose()

    await do(own_postgres.url, "alter role earl password 'another'")
    changed = url.replace("p%C3%A4ssword%2F1", "another")
    await migrate(changed)
    assert (await run_sql(reader_url(changed), "select count(*) from tickets")).rows == ((1,),)


async def test_an_owner_who_may_make_no_roles_is_told_and_the_rest_goes_on(
    owned, own_postgres, caplog
):
    url = await owned("")

    with caplog.at_level(logging.WARNING):
        assert await migrate(url) == HEAD

    assert "create role earshot_reader" in caplog.text
    engine = open_engine(url)
    assert len((await Store(engine, fold=worst).save([tweet(1, 70)])).tickets) == 1
    await engine.dispose()

    await do(own_postgres.url, "create role earshot_reader login password 'given'")
    await migrate(url)
    given = url.replace("earl:p%C3%A4ssword%2F1", "earshot_reader:given")
    assert (await run_sql(given, "select count(*) from tickets")).rows == ((1,),)
    with pytest.raises(SqlRefused):
        await run_sql(given, "select * from users")
