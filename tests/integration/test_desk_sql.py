"""The SQL page's function as a person's own login: what it may, what it must not, and that it is
noted.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from history import tweet
from people import quick_people

from stream.accounts.postgres_logins import ensure_login, login_of
from stream.desk.example_queries import QUESTIONS
from stream.desk.sql_box import SqlBox
from stream.postgres.database import dsn, reader_url
from stream.postgres.sql import SqlRefused
from stream.web.auth.callers import Caller
from stream.web.auth.keyring import KeyRing
from stream.web.desk_services import desk_services

SECRET = "four quiet otters sing"
README = Path(__file__).resolve().parents[2] / "stream/README.md"


@pytest.fixture
async def ada(engine, simple):
    """An agent of one brand, on a store with tickets of two."""
    await simple.save(
        [
            tweet(1, 90),
            tweet(2, 80, text="=1+1"),
            tweet(3, 70, brand="Other"),
            tweet(4, 90, brand=None),
        ]
    )
    return await quick_people(engine).add("ada", SECRET, "agent", ["Northwind Air"])


@pytest.fixture
async def ask(engine, ada, postgres_url):
    """The page's function as ada."""
    return await asking(engine, ada, postgres_url, seconds=60.0)


@pytest.fixture
async def ask_in_haste(engine, ada, postgres_url):
    """The same where she may wait a second."""
    return await asking(engine, ada, postgres_url, seconds=1.0)


async def asking(engine, user, postgres_url, *, seconds):
    url = await ensure_login(engine, postgres_url, user)
    box = SqlBox(engine, seconds=seconds)

    async def own() -> str:
        return url

    async def asked(statement: str, **more):
        return (await box.ask(user.name, own, statement, **more)).rows

    asked.box, asked.url = box, own
    return asked


async def noted(engine) -> list[tuple[str, str, dict]]:
    async with engine.connect() as connection:
        rows = await connection.exec_driver_sql(
            "select who, action, details from audit order by id"
        )
        return [(row.who, row.action, _read(row.details)) for row in rows]


def _read(details) -> dict:
    return json.loads(details) if isinstance(details, str) else details


async def test_the_five_questions_are_those_of_the_readme_and_each_is_answered(ask):
    told = README.read_text(encoding="utf-8")
    assert re.findall(r"```sql\n(.*?)\n```", told, flags=re.S) == [
        each.statement for each in QUESTIONS
    ]
    for question in QUESTIONS:
        assert question.words in told
        assert (await ask(question.statement)).columns


async def test_a_person_sees_their_brands_alone(ask):
    assert (await ask("select id, brand from tickets order by id")).rows == (
        ("x:1", "Northwind Air"),
        ("x:2", "Northwind Air"),
    )
    for table in (
        "events",
        "alerts",
        "signal_counts",
        "open_tickets",
        "brand_health",
        "sentiment_hourly",
    ):
        assert {brand for (brand,) in (await ask(f"select brand from {table}")).rows} == {
            "Northwind Air"
        }, table


async def test_row_level_security_cannot_be_switched_off(ask):
    told = await ask("select set_config('row_security', 'off', false), count(*) from events")
    assert (
        told.rows[0][1] == 2
    )  # it counts from the next statement on, which runs on another connection
    assert (await ask("select count(*) from events")).rows == ((2,),)


async def test_no_readable_table_tells_a_bound_login_of_another_brand(ask, engine):
    async with engine.begin() as connection:
        for statement in (
            "insert into spend (network, brand, day, what, count, micros)"
            " values ('x', 'Other', now(), 'read', 1, 1)",
            "insert into desk_clocks (brand, time_zone) values ('Other', 'UTC')",
            "insert into desk_shifts (brand, weekday, opens, closes) values ('Other', 0, 0, 60)",
            "insert into incidents (id, brand, title, severity, started_at, evidence, version)"
            " values ('i', 'Other', 'line down', 5, now(), '{}', 1)",
            "insert into incident_tickets (incident_id, ticket_id, who)"
            " values ('i', 'x:3', 'earshot')",
            "insert into alert_deliveries (sink, alert_id, kind, severity)"
            " select 'desk', id, 'raised', 5 from alerts where brand = 'Other'",
        ):
            await connection.exec_driver_sql(statement)
    for table in (
        "spend",
        "desk_clocks",
        "desk_shifts",
        "incidents",
        "incident_tickets",
        "alert_deliveries",
    ):
        assert (await ask(f"select * from {table}")).rows == (), table


READ_ONLY = "permission denied|read-only"
FORBIDDEN = {
    "set statement_timeout=0; select pg_sleep(60)": "one statement at a time",
    "update tickets set owner = 'me'": READ_ONLY,
    "with gone as (delete from tickets returning 1) select * from gone": READ_ONLY,
    "create table mine (a int)": READ_ONLY,
    "select * from users": "permission denied",
    "select * from sessions": "permission denied",
    "select * from api_keys": "permission denied",
    "select * from audit": "permission denied",
    "select * from dead_letters": "permission denied",
    "select * from presence": "permission denied",
    "select rolpassword from pg_authid": "permission denied",
    "select pg_read_file('/etc/passwd')": "permission denied",
    "select pg_read_binary_file('/etc/passwd')": "permission denied",
    "select pg_ls_dir('/')": "permission denied",
    "select lo_import('/etc/passwd')": READ_ONLY,
    "select lo_export(1, '/tmp/stolen')": READ_ONLY,
    "select dblink('dbname=postgres', 'select 1')": "does not exist",
    "create extension dblink": READ_ONLY,
    "copy tickets to program 'cat'": "permission denied",
    "set role postgres": "permission denied",
    "set role earshot_reader": "permission denied",
    "set session authorization postgres": "permission denied",
    "alter role earshot_reader superuser": READ_ONLY,
    "alter system set statement_timeout = 0": "permission denied|transaction block",
    "select pg_reload_conf()": "permission denied",
}


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_what_it_must_not_do_is_refused_in_one_line(ask, statement):
    with pytest.raises(SqlRefused, match=FORBIDDEN[statement]) as refused:
        await ask(statement)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "statement",
    [
        "select pg_sleep(60)",
        "select set_config('statement_timeout', '0', false), pg_sleep(60)",
        "select set_config('statement_timeout', '0', false), n,"
        " case when n > 1 then pg_sleep(60) end from generate_series(1, 9) n",
        "do $$ begin perform set_config('statement_timeout', '0', false);"
        " perform pg_sleep(60); end $$",
        "select count(*) from generate_series(1, 100000000) a, generate_series(1, 100) b",
    ],
)
async def test_nothing_runs_past_the_time_out_in_postgres_either(
    ask_in_haste, statement, engine, ada
):
    with pytest.raises(SqlRefused, match="longer than 1 s"):
        await ask_in_haste(statement)
    assert await gone(engine, ada)


async def test_settings_locks_and_listening_end_with_the_question(ask_in_haste, engine, ada):
    for statement in (
        "set statement_timeout = 0",
        "alter role current_user set statement_timeout = 0",
        "select pg_advisory_lock(4711)",
        "listen earshot",
    ):
        with suppress(SqlRefused):
            await ask_in_haste(statement)
    assert await gone(engine, ada)
    assert (await ask_in_haste("show statement_timeout")).rows == (("1s",),)
    async with engine.begin() as connection:
        assert (await connection.exec_driver_sql("select pg_try_advisory_xact_lock(4711)")).scalar()
    with pytest.raises(SqlRefused, match="longer than 1 s"):
        await ask_in_haste("select pg_sleep(3)")


async def gone(engine, user) -> bool:
    """Whether no session of the person's login is left in a while."""
    left = f"select count(*) from pg_stat_activity where usename = '{login_of(user)}'"
    for _ in range(300):
        async with engine.connect() as connection:
            if (await connection.exec_driver_sql(left)).scalar() == 0:
                return True
        await asyncio.sleep(0.1)
    return False


async def test_nobody_ends_or_reads_the_questions_of_others(ask, engine, postgres_url):
    bob = await quick_people(engine).add("bob", SECRET, "lead")
    other = await asyncpg.connect(dsn(await ensure_login(engine, postgres_url, bob)))
    reader = await asyncpg.connect(dsn(reader_url(postgres_url)))
    try:
        for session in (other, reader):
            pid = await session.fetchval("select pg_backend_pid()")
            for ending in ("pg_terminate_backend", "pg_cancel_backend"):
                with pytest.raises(SqlRefused, match="permission denied"):
                    await ask(f"select {ending}({pid})")
            assert (await ask(f"select query from pg_stat_activity where pid = {pid}")).rows == (
                ("<insufficient privilege>",),
            )
            assert await session.fetchval("select 1") == 1
    finally:
        await other.close()
        await reader.close()


async def test_who_asked_what_is_noted_and_what_was_refused_too(ask, engine):
    await ask("select 1 as one")
    with pytest.raises(SqlRefused):
        await ask("delete from tickets")

    first, second = await noted(engine)
    assert first[:2] == second[:2] == ("ada", "sql")
    assert (first[2]["statement"], first[2]["rows"]) == ("select 1 as one", 1)
    assert second[2]["statement"] == "delete from tickets"
    assert "read-only" in second[2]["refused"]


async def test_rows_are_limited_and_csv_runs_nothing_in_a_spreadsheet(ask):
    answer = await ask("select n from generate_series(1, 2000) n", limit=10)
    assert (len(answer.rows), answer.more) == (10, True)

    told, more = await ask.box.csv("ada", ask.url, "select id, excerpt from tickets order by id")
    assert (told, more) == (b"id,excerpt\r\nx:1,still waiting\r\nx:2,'=1+1\r\n", False)
    with pytest.raises(SqlRefused, match="20,000 characters"):
        await ask(f"select 1 -- {'x' * 20_000}")


async def test_one_question_of_a_person_at_a_time(ask):
    slow = asyncio.create_task(ask("select pg_sleep(2)"))
    await asyncio.sleep(0.1)
    with pytest.raises(SqlRefused, match="still being answered"):
        await ask("select 1")
    await slow
    assert (await ask("select 1")).rows == ((1,),)


async def test_a_person_of_some_brands_asks_as_their_own_login_and_everybody_else_as_the_reader(
    engine, ada, postgres_url
):
    lead = await quick_people(engine).add("lena", SECRET, "lead")
    ring = KeyRing(None, rate=1.0, burst=1.0)
    desk = desk_services(
        engine,
        None,
        ring,
        url=postgres_url,
        reader_url=reader_url(postgres_url),
        taxonomy=None,
        publish=None,
    )
    own = await desk.reader_url(Caller(ada.name, ada.role, ada.brands, user=ada))
    assert login_of(ada) in own
    for caller in (
        Caller(lead.name, lead.role, None, user=lead),
        Caller("key:laptop", "viewer", None),
    ):
        assert await desk.reader_url(caller) == reader_url(postgres_url)
