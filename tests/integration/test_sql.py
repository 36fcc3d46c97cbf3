"""`earshot sql`: reads what it may, and nothing it runs leaves a trace."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from contextlib import suppress

import asyncpg
import pytest
import pytest_asyncio
from history import tweet, worst

from stream.postgres.database import dsn, open_engine, reader_url
from stream.postgres.schema import migrate
from stream.postgres.sql import Rows, SqlRefused, run_sql, write
from stream.store.store import Store
from stream.web.api.export import CsvFile


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(postgres) -> str:
    """A reader's login on a database with three tickets."""
    empty_url = await postgres.create("asked")
    await migrate(empty_url)
    engine = open_engine(empty_url)
    await Store(engine, fold=worst).save(
        [
            tweet(1, 90, text="=1+1"),
            tweet(2, 70, text='[red]bold[/red] \x1b[31m, "quoted"\nline'),
            tweet(3, 55),
        ]
    )
    await engine.dispose()
    return reader_url(empty_url)


def written(answer: Rows, form: str) -> str:
    out = io.StringIO()
    write(answer, form, out)
    return out.getvalue()


async def test_it_answers_from_the_views_and_tables(url):
    answer = await run_sql(url, "select id, level from open_tickets")

    assert answer.columns == ("id", "level")
    assert answer.rows == (("x:1", "P1"), ("x:2", "P2"), ("x:3", "P3"))


READ_ONLY = "permission denied|read-only"
REFUSED = {
    "insert into tickets (id) values ('x')": READ_ONLY,
    "update tickets set owner = 'me'": READ_ONLY,
    "delete from events": READ_ONLY,
    "truncate events": READ_ONLY,
    "create table mine (a int)": READ_ONLY,
    "create temporary table mine (a int)": READ_ONLY,
    "drop view open_tickets": "must be owner|read-only",
    "select * from dead_letters": "permission denied for table dead_letters",
    "select * from users": "permission denied for table users",
    "select * from api_keys": "permission denied for table api_keys",
    "select * from audit": "permission denied for table audit",
    "select * from events_default": "permission denied",
    "select * from alembic_version": "permission denied",
    "select rolpassword from pg_authid": "permission denied",
    "select 1; delete from tickets": "one statement at a time",
    "do $$ begin delete from tickets; end $$": READ_ONLY,
    "select set_config('transaction_read_only', 'off', false)": (
        "must be set before any query|read-write mode"
    ),
    "with gone as (delete from tickets returning 1) select * from gone": READ_ONLY,
    "copy tickets to program 'cat'": "permission denied",
    "copy tickets to '/tmp/stolen'": "permission denied",
    "copy tickets from stdin": READ_ONLY,
    "select pg_read_file('/etc/passwd')": "permission denied",
    "select pg_ls_dir('/')": "permission denied",
    "select lo_import('/etc/passwd')": READ_ONLY,
    "select lo_from_bytea(0, 'x')": READ_ONLY,
    "select dblink('dbname=postgres', 'select 1')": "does not exist",
    "select ensure_partitions(50)": READ_ONLY,
    "select nextval('dead_letters_id_seq')": READ_ONLY,
    "select pg_terminate_backend(pid) from pg_stat_activity where usename <> current_user": (
        "permission denied"
    ),
    "set role postgres": "permission denied",
    "set session authorization postgres": "permission denied",
    "alter role earshot_reader superuser": READ_ONLY,
    "alter system set fsync = off": "permission denied|transaction block",
    "lock table tickets": READ_ONLY,
    "select * from tickets for update": READ_ONLY,
    "grant select on dead_letters to earshot_reader": READ_ONLY,
    " ": "no statement",
    "selec 1": "syntax error",
    "select nothing from tickets": 'column "nothing" does not exist',
}


@pytest.mark.parametrize("statement", REFUSED)
async def test_what_it_must_not_do_is_refused_in_one_line(url, statement):
    with pytest.raises(SqlRefused, match=REFUSED[statement]) as refusal:
        await run_sql(url, statement)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "statement",
    [
        "commit",
        "rollback",
        "set transaction read write",
        "select set_config('statement_timeout', '0', false)",
        "-- nothing",
        "set default_transaction_read_only = off",
        "select pg_advisory_lock(1)",
        "listen here",
        "discard all",
        "vacuum",
        "copy (select 1) to stdout",
        "begin",
        "prepare it as delete from tickets",
    ],
)
async def test_what_it_may_do_leaves_nothing_behind(url, statement):
    with suppress(SqlRefused):
        await run_sql(url, statement)
    assert (await run_sql(url, "select count(*) from tickets")).rows == ((3,),)
    with pytest.raises(SqlRefused):
        await run_sql(url, "delete from tickets")
    assert (await run_sql(url, "show statement_timeout")).rows == (("10s",),)


@pytest.mark.parametrize(
    "statement",
    ["select pg_sleep(60)", "select set_config('statement_timeout', '0', false), pg_sleep(60)",
     "select count(*) from generate_series(1, 100000000) a, generate_series(1, 100) b"],
)  # fmt: skip
async def test_what_takes_too_long_is_ended(url, statement):
    with pytest.raises(SqlRefused, match=r"longer than 0.3 s"):
        await run_sql(url, statement, seconds=0.3)


async def test_the_role_itself_reads_only_and_briefly_whatever_the_client_asks_for(url):
    connection = await asyncpg.connect(dsn(url))
    assert await connection.fetchval("show statement_timeout") == "10s"
    assert await connection.fetchval("show default_transaction_read_only") == "on"
    await connection.execute("set default_transaction_read_only = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("delete from tickets")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("create table mine (a int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("create temporary table mine (a int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("select lo_create(0)")
    await connection.close()


async def test_csv_is_a_header_line_and_the_rows_and_runs_nothing_in_a_spreadsheet(url):
    answer = await run_sql(
        url,
        "select id, excerpt, -5 as minus, -2.50 as exact, true as yes, null as nothing,"
        " '-1 hour'::interval as left, '@ada' as author, array['=a', 'b'] as list,"
        " '\\x00ff'::bytea as bytes from tickets order by id limit 2",
    )

    text = written(answer, "csv")
    assert text.startswith("id,excerpt,minus,exact,yes,nothing,left,author,list,bytes\r\n")
    first, second = list(csv.DictReader(io.StringIO(text, newline="")))
    assert first["excerpt"] == "'=1+1"
    assert first["author"] == "'@ada"
    assert (first["minus"], first["exact"], first["left"]) == ("-5", "-2.50", "-01:00:00")
    assert (first["yes"], first["nothing"], first["bytes"]) == ("true", "", "\\x00ff")
    assert second["excerpt"] == '[red]bold[/red] \x1b[31m, "quoted"\nline'


async def test_json_is_one_array_of_objects_that_loses_nothing(url):
    answer = await run_sql(
        url,
        "select id, factors, 12345678901234567890.123456789 as long, 63.5::numeric as short,"
        " 7::bigint as whole, timestamptz '2026-03-12 12:00:00.5+01' as at,"
        " timestamptz '9999-12-31 23:59:59+00' as far, timestamptz 'infinity' as never,"
        " 'NaN'::float8 as nan, null as nothing, array[1.5, 2] as list, '😀' as smile"
        " from tickets where id = 'x:1'",
    )

    [row] = json.loads(written(answer, "json"))
    assert row["factors"][0]["name"] == "dissatisfaction"
    assert row["long"] == "12345678901234567890.123456789"
    assert (row["short"], row["whole"], row["list"]) == (63.5, 7, [1.5, 2])
    assert row["at"] == "2026-03-12T11:00:00.5+00:00"
    assert row["far"] == "9999-12-31T23:59:59+00:00"
    assert (row["never"], row["nan"], row["nothing"], row["smile"]) == (
        "infinity",
        "NaN",
        None,
        "😀",
    )


async def test_two_columns_of_one_name_are_no_json_object(url):
    answer = await run_sql(url, "select 1 as a, 2 as a")

    assert written(answer, "csv") == "a,a\r\n1,2\r\n"
    with pytest.raises(SqlRefused, match="same name"):
        written(answer, "json")


async def test_a_table_shows_texts_as_they_are_and_steers_no_terminal(url):
    shown = written(await run_sql(url, "select excerpt from tickets where id = 'x:2'"), "table")

    assert "[red]bold[/red]" in shown
    assert "\x1b" not in shown
    assert shown.rstrip().endswith("1 row")


async def test_a_limit_says_that_there_is_more(url):
    answer = await run_sql(url, "select n from generate_series(1, 5000) n", limit=1000)

    assert len(answer.rows) == 1000
    assert answer.more
    assert "the first 1,000 rows; there are more" in written(answer, "table")


async def test_an_empty_answer_is_still_valid_in_every_format(url):
    answer = await run_sql(url, "select id from tickets where false")

    assert written(answer, "csv") == "id\r\n"
    assert json.loads(written(answer, "json")) == []
    assert "0 rows" in written(answer, "table")


HOSTILE = (
    "=1+1",
    "hello;=1+1",
    "hello\t=1+1",
    "hello|=1+1",
    "hello\n=1+1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20SUM(A1)",
    "\u200b=1+1",
    "\ufeff=1+1",
    "\u00a0=1+1",
    "\u2060\u00ad =1+1",
    "  @SUM(A1)",
    "\x01=1+1",
    "\u0301=1+1",
    "\u17b4=1+1",
    "\ufff9=1+1",
    "\U0001d173=1+1",
    "\U000e0020=1+1",
    "\U000e0100=1+1",
    "\u22121",
    'say ";=1+1',
)


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_no_cell_is_a_formula_whatever_a_spreadsheet_splits_at(delimiter):
    answer = Rows(("n", "words"), ("int4", "text"), tuple(enumerate(HOSTILE)))
    exported = CsvFile(("n", "words"))
    for row in answer.rows:
        exported.add(row)

    for file in (written(answer, "csv"), exported.end().decode()):
        cells = [
            cell
            for row in csv.reader(io.StringIO(file, newline=""), delimiter=delimiter)
            for cell in row
        ]
        for cell in cells:
            marks = ("Mn", "Me")
            seen = "".join(
                letter
                for letter in unicodedata.normalize("NFKC", cell)
                if letter.isprintable() and unicodedata.category(letter) not in marks
            )
            assert not seen.strip().startswith(("=", "+", "-", "@", "\u2212")), repr(cell)
    rows = list(csv.reader(io.StringIO(written(answer, "csv"), newline="")))[1:]
    assert [row[1].replace("'", "") for row in rows] == list(HOSTILE), "nothing is lost"
