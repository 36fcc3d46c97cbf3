"""A conversation without end: one more message costs what it cost before, and nothing of weight is
lost.
"""

from __future__ import annotations

import random

import pytest
from history import ANY_AGE, answer, deletion, tweet, worst
from rows import ask, do
from stores import Stores

from stream.postgres.database import open_engine
from stream.postgres.schema import migrate
from stream.store.histories import WEIGHED, histories, weighed_of
from stream.store.rebuild import rebuild
from stream.triage.fold import fold

SKY, VOLT = "Northwind Air", "VoltLine"
LENGTH = WEIGHED + 500
MIDDLE = LENGTH // 2
TICKET = """
    select id, brand, level, priority, excerpt, messages, state, factors::text, first_at,
        last_inbound_at, answered_at from tickets order by id
"""


def thread(length: int = LENGTH, **more):
    """A quarrel of some messages, the brand's answers among them, with one P1 in the middle."""
    return [
        answer(number, of=1, minute=number)
        if number % 10 == 0
        else tweet(
            number,
            95 if number == MIDDLE + 1 else 51 + number % 20,
            of=1,
            minute=number,
            text=f"message {number}",
            **more,
        )
        for number in range(1, length + 1)
    ]


async def save(store: Stores, batch) -> None:
    for at in range(0, len(batch), 300):
        await store.save(batch[at : at + 300])


@pytest.fixture
async def counted(engine):
    """A store, and how many messages each fold was given."""
    given: list[int] = []

    def fold_counted(history):
        given.append(len(history))
        return worst(history)

    return Stores(engine, fold=fold_counted, history_after=ANY_AGE), given


async def test_one_more_message_of_a_long_conversation_weighs_no_more_than_a_bounded_number(
    counted, engine
):
    store, given = counted
    await save(store, thread())
    given.clear()

    await store.save([tweet(LENGTH + 1, 60, of=1, minute=LENGTH + 1)])

    assert given == [WEIGHED]
    async with engine.connect() as connection:
        read = await histories(connection, ["x:1"], [f"x:{MIDDLE}"])
    assert len(read["x:1"].rows) <= WEIGHED + 1


async def test_ten_thousand_deletions_are_no_message(counted, postgres_url):
    store, given = counted
    await save(store, thread(20))
    await save(store, [deletion(number, of=1) for number in range(30, LENGTH)])
    given.clear()

    await store.save([tweet(LENGTH + 1, 60, of=1, minute=21)])

    assert given == [21]
    [row] = await ask(postgres_url, TICKET)
    assert row["messages"] == 21


async def test_the_gravest_message_between_decides_and_all_are_counted(simple, postgres_url):
    await save(simple, thread())

    [row] = await ask(postgres_url, TICKET)
    assert (row["level"], row["priority"], row["messages"]) == ("P1", 95, LENGTH)
    assert row["excerpt"] == f"message {MIDDLE + 1}"
    [alert] = await ask(postgres_url, "select ticket_id from alerts")
    assert alert["ticket_id"] == "x:1"


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("weigh", [worst, fold])
async def test_a_long_conversation_is_the_same_in_any_order(postgres_url, empty_url, seed, weigh):
    await migrate(empty_url)
    batch = thread()
    tickets = []
    for url, order in (
        (postgres_url, batch),
        (empty_url, random.Random(seed).sample(batch, LENGTH)),
    ):
        engine = open_engine(url)
        store = Stores(engine, fold=weigh, history_after=ANY_AGE)
        await save(store, order)
        assert (await rebuild(engine, store, None)).changed == 0
        await engine.dispose()
        tickets.append([tuple(row) for row in await ask(url, TICKET)])

    assert tickets[0] == tickets[1] != []


async def test_each_brand_keeps_its_own_part_of_a_long_conversation(simple, postgres_url):
    """Named once, early: what follows without a name is that brand's, however far it is."""
    named = tweet(2_001, 60, of=1, minute=300.5, brand=VOLT, text="to the other")
    later = [
        tweet(3_000 + number, 70, of=1, minute=400 + number / 100, brand=None, text="xylophone")
        for number in range(LENGTH)
    ]
    before = [tweet(number, 55, of=1, minute=number, text="bag") for number in range(1, 300)]
    await save(simple, [*before, named, *later])

    sky, volt = await ask(postgres_url, TICKET)
    assert (sky["id"], sky["brand"], sky["messages"]) == ("x:1", SKY, 299)
    assert "xylophone" not in str(dict(sky))
    assert (volt["id"], volt["messages"]) == (f"x:1 {VOLT}", LENGTH + 1)


@pytest.mark.parametrize("at", [1, 150, 400, MIDDLE, LENGTH])
async def test_whose_ticket_it_is_stays_wherever_a_brand_is_named(engine, postgres_url, at):
    batch = [
        tweet(
            number, 60, of=1, minute=number, brand=SKY if number == at else None, text="no answer"
        )
        for number in range(1, LENGTH + 1)
    ]
    store = Stores(engine, history_after=ANY_AGE)
    await save(store, batch)
    await save(store, [tweet(LENGTH + 1, 60, of=1, minute=LENGTH + 600, brand=None)])

    [row] = await ask(postgres_url, TICKET)
    assert (row["id"], row["brand"], row["messages"]) == ("x:1", SKY, LENGTH + 1)


async def test_a_late_message_that_is_not_weighed_opens_its_ticket_again(simple, postgres_url):
    await save(simple, thread())
    await do(postgres_url, "update tickets set state = 'resolved'")

    saved = await simple.save([tweet(9_000, 51, of=1, minute=MIDDLE + 0.5, text="late")])

    assert [analysis.id for analysis in saved.analyses] == ["x:9000"]
    [row] = await ask(postgres_url, TICKET)
    assert (row["state"], row["messages"]) == ("open", LENGTH + 1)


async def test_what_comes_again_is_told_again(simple):
    batch = thread()
    await save(simple, batch)

    again = await simple.save(batch[MIDDLE : MIDDLE + 20])

    assert {analysis.id for analysis in again.analyses} == {
        judgement.event.id for judgement in batch[MIDDLE : MIDDLE + 20]
    }
    assert [(ticket.id, ticket.level) for ticket in again.tickets] == [("x:1", "P1")]


@pytest.mark.parametrize("length", [0, 1, WEIGHED - 1, WEIGHED, WEIGHED + 1, 3 * WEIGHED])
def test_what_is_weighed_is_bounded_in_order_and_ends_with_the_last_word(length):
    part = [
        {"id": at, "gravity": at * 7 % 11 / 10, "dissatisfaction": at % 3, "brand": None}
        for at in range(length)
    ]

    kept = [row["id"] for row in weighed_of(part)]

    assert len(kept) == min(length, WEIGHED)
    assert kept == sorted(kept)
    if length:
        assert (kept[0], kept[-1]) == (0, length - 1)
