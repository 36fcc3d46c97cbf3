"""Whatever the order, the batches, the repeats and the company: the same events, tickets and
counts.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from history import answer, deletion, tweet, worst
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from stream.postgres.database import open_engine
from stream.postgres.tables import ARRIVAL
from stream.store.store import Store
from stream.triage import fold as triage
from stream.triage.judgement import Judgement

EVENTS = (
    "select to_jsonb(e) - 'received_at' - 'embedding' as row, embedding::text"
    " from events e order by id"
)
IDS = "select id, revision, occurred_at, conversation from event_ids order by id"
TICKETS = (
    f"select to_jsonb(t) - '{{{','.join(ARRIVAL)}}}'::text[] as row from tickets t order by id"
)
COUNTS = """
    select brand, topic, minute, events, negative, complaints, dissatisfaction_sum
    from signal_counts where events > 0 order by 1, 2, 3
"""
EMPTY_CELLS = """
    select * from signal_counts
    where events = 0 and (negative, complaints, dissatisfaction_sum) <> (0, 0, 0)
"""
COUNTED = """
    select coalesce(brand, '') as brand, coalesce(topic, '') as topic,
           date_trunc('minute', occurred_at) as minute,
           count(*) as events, count(*) filter (where sentiment = 'negative') as negative,
           count(*) filter (where (scores ->> 'complaint')::float >= 0.5) as complaints,
           coalesce(sum(dissatisfaction), 0) as dissatisfaction_sum
    from events where direction = 'inbound' and kind <> 'deleted' group by 1, 2, 3 order by 1, 2, 3
"""
VERSIONS = """
    select t.id, t.version, c.latest, c.changes from tickets t
    join (
        select ticket_id as of, max(version) as latest, count(*) as changes
        from ticket_changes group by 1
    ) c on c.of = t.id
    where t.version <> c.latest or c.latest <> c.changes
"""


@st.composite
def histories(draw: st.DrawFn) -> list[Judgement]:
    """Up to twelve revisions of up to six events in three conversations; an event may move, vanish
    and change sides.
    """
    said: dict[tuple[int, int], Judgement] = {}
    for _ in range(draw(st.integers(1, 12))):
        number, revision = draw(st.integers(1, 6)), draw(st.integers(0, 2))
        of, minute = draw(st.integers(1, 3)), draw(st.integers(0, 3))
        kind = draw(st.sampled_from(["tweet", "tweet", "tweet", "answer", "deletion"]))
        if kind == "deletion":
            said.setdefault((number, 99), deletion(number, of=of, minute=minute))
        elif kind == "answer":
            said.setdefault(
                (number, revision), answer(number, of=of, minute=minute, revision=revision)
            )
        else:
            anger = draw(st.sampled_from([None, 5.0, 33.3, 55.5, 79.9, 80.0, 99.1]))
            brand, topic = (
                draw(st.sampled_from(["A", "B", None])),
                draw(st.sampled_from(["delay", None])),
            )
            words = draw(
                st.sampled_from(
                    ["still waiting", "I will switch to another airline", "thanks, lovely crew"]
                )
            )
            one = tweet(
                number,
                anger,
                of=of,
                minute=minute,
                revision=revision,
                brand=brand,
                topic=topic,
                text=words,
            )
            said.setdefault((number, revision), one)
    return list(said.values())


async def emptied(store: Store) -> None:
    async with store._engine.begin() as connection:
        await connection.execute(
            text("truncate events, event_ids, tickets, ticket_changes, alerts, signal_counts")
        )


async def snapshot(store: Store) -> dict[str, Any]:
    async with store._engine.connect() as connection:
        read = {}
        for name, query in {
            "ids": IDS,
            "events": EVENTS,
            "tickets": TICKETS,
            "counts": COUNTS,
        }.items():
            read[name] = [tuple(row) for row in await connection.execute(text(query))]
        assert read["counts"] == [tuple(row) for row in await connection.execute(text(COUNTED))]
        assert (await connection.execute(text(EMPTY_CELLS))).all() == []
        assert (await connection.execute(text(VERSIONS))).all() == []
        return read


async def save_all(store: Store, deliveries: list[Judgement], chance: random.Random) -> None:
    while deliveries:
        size = chance.randint(1, 5)
        await store.save(deliveries[:size])
        deliveries = deliveries[size:]


HISTORIES = given(
    said=histories(), seed=st.integers(0, 2**32), fold=st.sampled_from([worst, triage.fold])
)
FEW, MANY = (
    settings(max_examples=most, deadline=None, suppress_health_check=list(HealthCheck))
    for most in (25, 250)
)


@FEW
@HISTORIES
async def test_any_delivery_of_a_history_ends_in_the_same_rows(postgres_url, said, seed, fold):
    await deliver(postgres_url, said, seed, fold)


@pytest.mark.long
@MANY
@HISTORIES
async def test_any_delivery_of_hundreds_of_histories_ends_in_the_same_rows(
    postgres_url, said, seed, fold
):
    await deliver(postgres_url, said, seed, fold)


async def deliver(postgres_url, said, seed, fold) -> None:
    """The history once, then with repeats in another order by two at once: the same rows."""
    chance = random.Random(seed)
    engines = [open_engine(postgres_url, pool_size=1) for _ in range(2)]
    one, other = (Store(engine, fold=fold) for engine in engines)
    try:
        await emptied(one)
        await one.save(said)
        undisturbed = await snapshot(one)

        await emptied(one)
        repeated = [*said, *(chance.choice(said) for _ in range(len(said) // 2))]
        chance.shuffle(repeated)
        middle = chance.randint(0, len(repeated))
        await asyncio.gather(
            save_all(one, repeated[:middle], chance), save_all(other, repeated[middle:], chance)
        )

        assert await snapshot(one) == undisturbed
    finally:
        for engine in engines:
            await engine.dispose()
