"""The database goes away in every way that can be arranged: the save says DatabaseAway, and
succeeds later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count

import asyncpg
import pytest
from history import ANY_AGE, tweet, worst
from sqlalchemy import text
from stores import Stores

from stream.errors import DatabaseAway
from stream.postgres.database import dsn, open_engine, storable
from stream.postgres.schema import migrate
from stream.store.store import Store

TERMINATE = (
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'earshot'"
)
CANCEL = "select pg_cancel_backend(pid) from pg_stat_activity where application_name = 'earshot'"


@pytest.fixture
async def own_url(own_postgres) -> str:
    url = await own_postgres.create("own")
    await migrate(url)
    return url


@pytest.fixture
async def own(own_url) -> AsyncIterator[Stores]:
    """A store on a server that the test may stop."""
    engine = open_engine(own_url, pool_size=2)
    yield Stores(engine, fold=worst, history_after=ANY_AGE)
    await engine.dispose()


async def saved_in_the_end(store: Store) -> int:
    """How many tries a save takes; each failure must be DatabaseAway."""
    async with asyncio.timeout(60):
        for tries in count(1):
            try:
                await store.save([tweet(1, 70)])
                return tries
            except DatabaseAway:
                await asyncio.sleep(0.05)
    raise AssertionError("the database never came back")


@pytest.mark.parametrize("how", ["fast", "immediate"])
async def test_a_stopped_server_is_waited_for(own_postgres, own, how):
    await own.save([tweet(2, 70)])

    await asyncio.to_thread(own_postgres.stop, how)
    for _ in range(3):
        with pytest.raises(DatabaseAway):
            await own.save([tweet(1, 70)])
    with pytest.raises(DatabaseAway):
        await own.totals()
    with pytest.raises(DatabaseAway):
        await own.list_dead()

    await asyncio.to_thread(own_postgres.start)
    assert await saved_in_the_end(own) <= 2
    assert (await own.totals()).events == 2


async def test_a_server_that_restarts_in_the_middle_of_a_save_loses_that_save_alone(
    own_postgres, own_url, own
):
    blocker = await asyncpg.connect(dsn(own_url))
    await blocker.execute("begin; lock table signal_counts")
    saving = asyncio.create_task(own.save([tweet(1, 70)]))
    await waits_for_a_lock(blocker)

    await asyncio.to_thread(own_postgres.stop, "immediate")

    with pytest.raises(DatabaseAway):
        await saving
    await asyncio.to_thread(own_postgres.start)
    assert await saved_in_the_end(own) <= 2
    assert (await own.totals()).tickets == {"P2": 1}
    blocker.terminate()


@pytest.mark.parametrize("what", [TERMINATE, CANCEL], ids=["terminated", "cancelled"])
async def test_a_backend_that_is_terminated_or_cancelled_in_the_middle_of_a_save(
    postgres_url, simple, what
):
    blocker = await asyncpg.connect(dsn(postgres_url))
    await blocker.execute("begin; lock table signal_counts")
    saving = asyncio.create_task(simple.save([tweet(1, 70)]))
    await waits_for_a_lock(blocker)

    await blocker.execute(what)

    with pytest.raises(DatabaseAway):
        await saving
    await blocker.execute("rollback")
    assert await saved_in_the_end(simple) <= 2
    await blocker.close()


@pytest.mark.parametrize("setting", ["statement_timeout", "lock_timeout", "transaction_timeout"])
async def test_a_time_out_of_the_server_is_overload_and_no_fault_of_the_message(
    postgres_url, setting
):
    blocker = await asyncpg.connect(dsn(postgres_url))
    name = await blocker.fetchval("select current_database()")
    await blocker.execute(
        f"alter database {name} set {setting} = '1s'"
    )  # many times what a save takes
    engine = open_engine(postgres_url)
    store = Store(engine, fold=worst)
    await blocker.execute(f"set {setting} = 0")
    await blocker.execute("begin; lock table signal_counts")

    with pytest.raises(DatabaseAway):
        await store.save([tweet(1, 70)])

    await blocker.execute("rollback")
    # Later there is time: a busy machine may take a second for a save.
    await blocker.execute(f"alter database {name} reset {setting}")
    await engine.dispose()
    assert await saved_in_the_end(store) <= 2
    await blocker.close()
    await engine.dispose()


async def test_a_deadlock_with_somebody_else_is_tried_again(postgres_url, simple):
    other = await asyncpg.connect(dsn(postgres_url))
    name = await other.fetchval("select current_database()")
    # Time for the other to stand where it crosses the save, before the save looks for a deadlock.
    await other.execute(f"alter database {name} set deadlock_timeout = '3s'")
    await simple.save([tweet(1, 70)])
    # The other holds what the save wants second and wants what it holds first, and Postgres picks
    # the save.
    await other.execute("set deadlock_timeout = '60s'; begin; lock table tickets")
    saving = asyncio.create_task(simple.save([tweet(2, 70, of=1)]))
    await waits_for_a_lock(other)
    crossing = asyncio.create_task(other.execute("lock table event_ids"))

    with pytest.raises(DatabaseAway, match="deadlock"):
        await saving

    await crossing
    await other.execute("rollback")
    assert await saved_in_the_end(simple) == 1
    await other.close()


async def test_too_many_connections_is_waited_for(own_postgres, own_url, own):
    crowd = []
    with suppress(asyncpg.TooManyConnectionsError):
        while True:
            crowd.append(await asyncpg.connect(dsn(own_url)))

    with pytest.raises(DatabaseAway, match="short of connections"):
        await own.save([tweet(1, 70)])

    for connection in crowd:
        connection.terminate()
    assert await saved_in_the_end(own)


@pytest.mark.parametrize(
    "url",
    ["postgresql://nobody@127.0.0.1:1/nothing", "postgresql://nobody@/x?host=/nowhere", "postgresql://a@nowhere.invalid/x"],
)  # fmt: skip
async def test_a_server_that_is_not_there(url):
    engine = open_engine(url)
    with pytest.raises(DatabaseAway, match="cannot be reached"):
        await Store(engine, fold=worst).save([tweet(1, 70)])
    with pytest.raises(DatabaseAway):
        await migrate(url)
    await engine.dispose()


async def test_a_missing_database_or_role_or_migration_is_not_the_fault_of_the_message(
    postgres, empty_url
):
    for url in (
        postgres.url_of("missing"),
        postgres.url.replace("postgres:@", "nobody@"),
        empty_url,
    ):
        engine = open_engine(url)
        with pytest.raises(DatabaseAway):
            await Store(engine, fold=worst).save([tweet(1, 70)])
        await engine.dispose()


async def test_a_standby_after_a_failover_is_waited_for(postgres_url, simple):
    async with simple._engine.begin() as connection:
        name = (await connection.execute(text("select current_database()"))).scalar()
        await connection.execute(
            text(f"alter database {name} set default_transaction_read_only = on")
        )
    engine = open_engine(postgres_url)
    with pytest.raises(DatabaseAway, match="read-only"):
        await Store(engine, fold=worst).save([tweet(1, 70)])
    await engine.dispose()


async def test_an_error_of_the_data_is_passed_on(simple):
    async with simple._engine.begin() as connection:
        await connection.execute(text("alter table tickets add check (priority < 60)"))

    with pytest.raises(Exception, match="violates check constraint") as caught:
        await simple.save([tweet(1, 70)])

    assert not isinstance(caught.value, DatabaseAway)


async def waits_for_a_lock(connection: asyncpg.Connection) -> None:
    """Until somebody else waits for a lock."""
    waiting = "select count(*) from pg_locks where not granted"
    async with asyncio.timeout(60):
        while not await connection.fetchval(waiting):
            await asyncio.sleep(0.01)


def test_what_postgres_cannot_hold_is_shown_as_a_replacement_character():
    assert storable("plain") == "plain"
    assert storable("a\x00b") == "a\ufffdb"
    assert storable("\ud83d\ude00 \ud83d") == "😀 \ufffd"
    assert storable("émoji 😀") == "émoji 😀"
