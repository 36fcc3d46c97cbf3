"""The SQL page's function as a person's own login: what it may, what it must not, and that it is
noted.
"""

from __future__ import annotations

import asyncio
import json
import re
import tracemalloc
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from history import tweet
from people import quick_people

from models.taxonomy.classifier import Taxonomy
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
        return (await box.ask(user.name, own, statement, bound=True, **more)).rows

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


COMMON = """
    select lower(excerpt), upper(brand), length(excerpt), left(excerpt, 5),
        substring(excerpt, 2, 3),
        excerpt || '!', replace(excerpt, 'a', 'b'), excerpt ilike '%bag%', excerpt ~ 'ba.',
        regexp_replace(excerpt, 'a+', ''), split_part(id, ':', 1), concat(brand, ' ', level),
        format('%s of %s', id, brand), initcap(brand), trim(excerpt), position('a' in excerpt),
        string_to_array(excerpt, ' '), array_length(tags, 1), to_char(received_at, 'HH24:MI'),
        now() - received_at, age(now(), received_at), date_trunc('hour', received_at),
        date_trunc('day', received_at, 'UTC'), extract(epoch from received_at),
        date_part('hour', received_at), received_at at time zone 'Europe/Berlin',
        received_at::date, received_at + interval '1 hour', make_interval(hours => 2),
        coalesce(owner, 'nobody'), nullif(owner, ''), greatest(priority, 3),
        round(priority / 7.0, 2),
        priority::text, abs(-1), sqrt(2), power(2, 3), ln(2), mod(7, 3), floor(1.5), random(),
        factors -> 0 ->> 'name', jsonb_array_length(factors),
        jsonb_path_query_first(factors, '$[0]'),
        to_jsonb(tags), jsonb_build_object('a', 1), row_to_json(tickets), md5(id),
        encode('a', 'hex'),
        gen_random_uuid(), sha256('a'), width_bucket(1, 0, 2, 2), current_date, current_user,
        current_setting('timezone'), version(), pg_typeof(id),
        row_number() over (order by id), lag(id) over (order by id), ntile(2) over (order by id),
        percent_rank() over (order by priority),
        to_tsvector('english', excerpt) @@ to_tsquery('bag')
    from tickets order by id
"""


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        (COMMON, 2),
        ("select brand, count(*), count(distinct author), sum(priority), avg(priority),"
         " min(received_at), max(received_at), stddev(priority), array_agg(id order by id),"
         " string_agg(id, ','), jsonb_agg(id), json_object_agg(id, priority), bool_or(needs_look),"
         " percentile_cont(0.5) within group (order by priority), mode() within group"
         " (order by topic), corr(priority, messages) from tickets group by brand", 1),
        ("select * from events", 2),  # with its vector
        ("select a.id, a.embedding <=> b.embedding from events a, events b", 4),
        ("select day::date from generate_series(now() - interval '3 days', now(), '1 day') day", 4),
        ("select * from jsonb_to_recordset('[{\"a\": 1}]') as x (a int)", 1),
        ("select unnest(array[1, 2, 3])", 3),
        ("with recursive n (i) as (select 1 union all select i + 1 from n where i < 5)"
         " select * from n", 5),
        ("select column_name from information_schema.columns where table_name = 'events'"
         " and column_name in ('id', 'text')", 2),
        ("select relname, obj_description(oid) from pg_class where relname = 'open_tickets'", 1),
        ("select * from tickets, lateral (select count(*) from events"
         " where conversation = tickets.id) as n", 2),
        ("values (1), (2)", 2),
        ("table brand_health", 1),
    ],
)  # fmt: skip
async def test_common_functions_of_every_kind_still_answer(ask, statement, rows):
    assert len((await ask(statement)).rows) == rows


LARGE = [
    "select repeat('x', 100000000) from generate_series(1, 12)",
    "select repeat('x', 60000000), repeat('y', 60000000)",
    "select repeat('x', 20000) from generate_series(1, 500)",
    "select repeat('\u00eb', 3000000)",
    "select array_agg(repeat('x', 1000)) from generate_series(1, 10000)",
    "select decode(repeat('ff', 9000000), 'hex')",
    "select jsonb_build_object('a', repeat('x', 9000000))",
    "table wide",
]


@pytest.mark.parametrize("statement", LARGE)
async def test_a_large_answer_is_refused_before_it_is_in_memory(ask, statement):
    if statement == "table wide":  # many cells, each of them small
        columns = ",".join(f"repeat('x',9)c{at}" for at in range(1_000))
        statement = f"select {columns} from generate_series(1, 500)"
    tracemalloc.start()
    try:
        with pytest.raises(SqlRefused, match="larger than 4 MB"):
            await ask(statement)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30_000_000
    assert (await ask("select 1")).rows == ((1,),)


async def test_what_spills_to_the_disk_is_limited(ask):
    with pytest.raises(SqlRefused, match="temp_file_limit"):
        await ask("select count(*) from (select repeat(md5(n::text), 20) from"
                  " generate_series(1, 2000000) n order by 1 offset 0) as sorted")  # fmt: skip


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
    # What is no write, and still disturbs others or lasts.
    **dict.fromkeys(
        (
            *(
                f"select {call}"
                for lock in ("lock", "lock_shared", "xact_lock", "xact_lock_shared")
                for call in (
                    f"pg_advisory_{lock}(hashtextextended('earshot incidents', 0)), pg_sleep(9)",
                    f"pg_advisory_{lock}(1, 2)",
                    f"pg_try_advisory_{lock}(4711)",
                )
            ),
            "select pg_advisory_unlock_all()",
            "select pg_notify('earshot', '{}')",
            "select count(pg_logical_emit_message(false, 's', repeat('x', 1000000)))"
            " from generate_series(1, 200)",
            "select pg_logical_emit_message(true, 's', 'x'::bytea)",
            "select pg_catalog.pg_logical_emit_message(true, 's', 'x')",
            "select pg_current_xact_id()",
            "select txid_current()",
            "select pg_export_snapshot()",
            "select query_to_xml('select pg_advisory_lock(1)', true, true, '')",
            "select * from ts_stat('select to_tsvector(pg_advisory_lock(1)::text)')",
            "select database_to_xml(true, true, '')",
            "select pg_create_logical_replication_slot('s', 'pgoutput')",
            "select * from pg_stat_user_tables",
            "select pg_stat_get_live_tuples('events'::regclass)",
            "select pg_total_relation_size('events')",
            "do $$ begin perform pg_advisory_lock(1); end $$",
            "do $$ begin perform set_config('statement_timeout', '0', false);"
            " perform pg_sleep(60); end $$",
            "select lo_create(0)",
        ),
        "permission denied",
    ),
    # Plans tell of rows that nobody may see.
    "explain select * from tickets where id = 'x:3'": "who is bound",
    "explain (analyze, costs off) select 1 from tickets where id = 'x:3'": "who is bound",
    "/* a word */ explain (format json) select 1 from events": "who is bound",
    "set temp_file_limit = -1": "permission denied",
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
        # Small enough for no temporary file, which would be refused before the time is over.
        "select count(*) from generate_series(1, 10000) a, generate_series(1, 10000) b,"
        " generate_series(1, 10000) c",
    ],
)
async def test_nothing_runs_past_the_time_out_in_postgres_either(
    ask_in_haste, statement, engine, ada
):
    with pytest.raises(SqlRefused, match="longer than 1 s"):
        await ask_in_haste(statement)
    assert await gone(engine, ada)


async def test_settings_locks_and_listening_end_with_the_question(ask, ask_in_haste, engine, ada):
    for statement in (
        "set statement_timeout = 0",
        "alter role current_user set statement_timeout = 0",
        "select pg_advisory_lock(4711)",
        "listen earshot",
    ):
        with suppress(SqlRefused):
            await ask(statement)
    assert await gone(engine, ada)
    assert (await ask("show statement_timeout")).rows == (("1min",),)
    async with engine.begin() as connection:
        assert (await connection.exec_driver_sql("select pg_try_advisory_xact_lock(4711)")).scalar()
    with pytest.raises(SqlRefused, match="longer than 1 s"):
        await ask_in_haste("select pg_sleep(3)")


WAITING = (
    "select exists (select 1 from pg_locks where relation = 'tickets'::regclass and not granted)"
)


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
            with pytest.raises(SqlRefused, match="permission denied"):
                await ask(f"select query from pg_stat_activity where pid = {pid}")
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


async def test_one_question_of_a_person_at_a_time(ask, engine):
    async with engine.begin() as held:
        await held.exec_driver_sql("lock table tickets in access exclusive mode")
        slow = asyncio.create_task(ask("select id from tickets"))
        while not (await held.exec_driver_sql(WAITING)).scalar():
            await asyncio.sleep(0.05)
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
        taxonomy=Taxonomy((), ()),
        publish=None,
    )
    own = await desk.reader_url(Caller(ada.name, ada.role, ada.brands, user=ada))
    assert login_of(ada) in own
    for caller in (
        Caller(lead.name, lead.role, None, user=lead),
        Caller("key:laptop", "viewer", None),
    ):
        assert await desk.reader_url(caller) == reader_url(postgres_url)
