"""Long conversations that a process keeps: the same rows as without, whoever else writes there."""

from __future__ import annotations

import asyncio
import random

import asyncpg
import pytest
from history import ANY_AGE, answer, deletion, tweet, worst
from rows import ask, do
from stores import Stores

from stream.postgres import retention
from stream.postgres.database import dsn, open_engine
from stream.postgres.schema import migrate
from stream.postgres.tables import ARRIVAL
from stream.store import histories, memory
from stream.store.rebuild import rebuild
from stream.triage.fold import fold

STAMPED = """
    select n_tup_upd from pg_stat_xact_user_tables where relname = 'conversation_stamps'
"""
TICKETS = f"""
    select to_jsonb(t) - '{{{",".join(ARRIVAL)}}}'::text[] as row from tickets t order by id
"""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three messages are a long conversation here; of more than eight some are weighed."""
    monkeypatch.setattr(memory, "LONG", 3)
    for name, value in {"WEIGHED": 8, "FIRST": 2, "LAST": 3}.items():
        monkeypatch.setattr(histories, name, value)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The conversations that were read as a whole."""
    ids: list[str] = []
    whole = histories.histories

    async def counted(connection, conversations, batch=()):
        ids.extend(conversations)
        return await whole(connection, conversations, batch)

    monkeypatch.setattr(histories, "histories", counted)
    return ids


def thread(length: int, **more):
    return [
        tweet(number, 51 + number * 7 % 40, of=1, minute=number, text=f"message {number}", **more)
        for number in range(1, length + 1)
    ]


def quarrel(seed: int):
    """Revisions of messages about two brands, deletions, answers and moves among them."""
    chance = random.Random(seed)
    said = []
    for revision in range(4):
        for number in chance.sample(range(1, 15), 7):
            minute, of = chance.randint(0, 9), chance.choice([1, 1, 1, 1, 2])
            if revision == 3 and chance.random() < 0.4:
                said.append(deletion(number, of=of, minute=minute))
            elif chance.random() < 0.2:
                said.append(answer(number, of=of, minute=minute, revision=revision))
            else:
                said.append(
                    tweet(
                        number,
                        chance.choice([None, 5.0, 55.5, 80.0, 99.1]),
                        of=of,
                        minute=minute,
                        revision=revision,
                        brand=chance.choice(["A", "B", None]),
                        text=chance.choice(["still waiting", "smoke in the cabin", "thanks"]),
                    )
                )
    return said


async def untouched(url, store) -> None:
    """The tickets are what folding everything anew makes of them."""
    engine = open_engine(url)
    try:
        assert (await rebuild(engine, store, None)).changed == 0
    finally:
        await engine.dispose()


@pytest.mark.parametrize("length", [4, 20])
async def test_a_further_message_of_a_long_conversation_reads_no_other(simple, read, length):
    await simple.save(thread(length))
    read.clear()

    for number in range(length + 1, length + 4):
        saved = await simple.save([tweet(number, 60, of=1, minute=number)])
        assert saved.tickets[0].messages == number

    assert read == []


async def test_other_conversations_are_read_as_they_were(simple, read):
    await simple.save(thread(4))
    read.clear()

    await simple.save([tweet(90, 60, of=2, minute=1), tweet(91, 60, of=1, minute=30)])

    assert read == ["x:2"]


@pytest.mark.parametrize("weigh", [worst, fold])
@pytest.mark.parametrize("seed", range(6))
async def test_any_order_and_any_repeat_by_two_processes_gives_the_same_tickets(
    postgres_url, empty_url, seed, weigh
):
    await migrate(empty_url)
    chance, said = random.Random(seed), quarrel(seed)
    engines = [open_engine(url) for url in (empty_url, postgres_url, postgres_url)]
    at_once, *stores = [Stores(engine, fold=weigh, history_after=ANY_AGE) for engine in engines]
    await at_once.save(said)
    repeated = [*said, *chance.sample(said, len(said) // 2)]
    chance.shuffle(repeated)
    try:
        while repeated:
            size = chance.randint(1, 4)
            await chance.choice(stores).save(repeated[:size])
            repeated = repeated[size:]
        await untouched(postgres_url, stores[0])
    finally:
        for engine in engines:
            await engine.dispose()

    assert await ask(postgres_url, TICKETS) == await ask(empty_url, TICKETS)


@pytest.mark.parametrize(
    "change",
    [
        "delete from events where id = 'x:3'",
        "update events set text = 'smoke in the cabin', dissatisfaction = 99 where id = 'x:3'",
        "update events set conversation = 'x:9' where id = 'x:3'",
        "update events set occurred_at = now() where id = 'x:3'",  # into another partition
        "delete from events_default where id = 'x:3'",
        "update events_default set dissatisfaction = 99 where id = 'x:3'",
        "insert into events (id, revision, kind, network, conversation, direction, author, text,"
        " occurred_at, received_at, dissatisfaction) select 'x:77', 0, kind, network,"
        " conversation, direction, author, 'one more', occurred_at, received_at, 99"
        " from events where id = 'x:3'",
    ],
)
@pytest.mark.parametrize("length", [6, 20])
async def test_what_somebody_changes_by_sql_counts_at_the_next_message(
    simple, postgres_url, change, length
):
    await simple.save(thread(length))
    await do(postgres_url, change)

    await simple.save([tweet(90, 60, of=1, minute=90), tweet(91, 60, of=9, minute=90)])

    await untouched(postgres_url, simple)


@pytest.mark.parametrize("table", ["events", "events_default"])
async def test_a_change_of_many_messages_stamps_their_conversation_once(
    simple, postgres_url, table
):
    """Once a message, a change of 20,000 of them wrote the stamp 20,000 times, for seconds."""
    await simple.save(thread(20))
    connection = await asyncpg.connect(dsn(postgres_url))
    try:
        async with connection.transaction():
            for change in (f"update {table} set followers = 1", f"delete from {table}"):
                before = await connection.fetchval(STAMPED)
                await connection.execute(change)
                assert await connection.fetchval(STAMPED) == before + 1
    finally:
        await connection.close()


async def test_a_month_that_is_made_later_stamps_what_is_changed_in_it(simple, postgres_url):
    await do(postgres_url, "select ensure_partitions(5)")
    [row] = await ask(
        postgres_url,
        "select inhrelid::regclass::text as name from pg_inherits"
        " where inhparent = 'events'::regclass"
        ' order by inhrelid::regclass::text collate "C" desc offset 1 limit 1',
    )
    await simple.save(thread(6))
    await do(
        postgres_url,
        "update events set occurred_at = now() + interval '5 months' where id = 'x:3'",
    )
    await simple.save([tweet(90, 60, of=1, minute=90)])

    await do(postgres_url, f"delete from {row['name']} where id = 'x:3'")

    assert (await ask(postgres_url, "select 1 from events where id = 'x:3'")) == []
    await simple.save([tweet(91, 60, of=1, minute=91)])
    await untouched(postgres_url, simple)


async def test_months_that_are_dropped_are_gone_from_what_is_kept(simple, postgres_url, engine):
    await do(
        postgres_url,
        """
        create table events_2026_03 partition of events
            for values from ('2026-03-01 00:00Z') to ('2026-04-01 00:00Z')
        """,
    )
    await simple.save(thread(6))  # in March
    stray = tweet(50, 60, of=1, minute=-60 * 24 * 60)
    await simple.save([stray])  # in January
    assert (await retention.drop_old(engine, 1)).partitions == ["events_2026_03"]

    saved = await simple.save([tweet(90, 60, of=1, minute=90)])

    assert saved.tickets[0].messages == 1


async def test_a_save_that_fails_keeps_nothing(simple, postgres_url, monkeypatch):
    await simple.save(thread(6))

    async def fails(*_):
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr("stream.store.tickets.write", fails)
        with pytest.raises(RuntimeError):
            await simple.save([tweet(90, 99, of=1, minute=90)])
    saved = await simple.save([tweet(91, 60, of=1, minute=91)])

    assert saved.tickets[0].messages == 7
    await untouched(postgres_url, simple)


async def test_two_at_once_on_one_conversation_lose_nothing(simple, postgres_url):
    await simple.save(thread(4))

    await asyncio.gather(
        *(simple.save([tweet(number, 60, of=1, minute=number)]) for number in range(10, 20))
    )

    [row] = await ask(postgres_url, "select messages from tickets")
    assert row["messages"] == 14
    await untouched(postgres_url, simple)


async def test_as_many_are_kept_as_memory_is_spent_on(simple, read, monkeypatch):
    monkeypatch.setattr(memory, "ROWS", 8)
    await simple.save(thread(5))
    await simple.save([tweet(20 + number, 60, of=2, minute=number) for number in range(5)])
    read.clear()

    await simple.save([tweet(90, 60, of=2, minute=90)])
    await simple.save([tweet(91, 60, of=1, minute=90)])

    assert read == ["x:1"]
