"""Tickets made anew from the stored events are the tickets that were there, row for row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from history import answer, deletion, tweet
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from stores import Stores

from stream.store.rebuild import CURSOR, rebuild, recount
from stream.store.store import Store
from stream.triage import fold as triage

# All that a ticket is, but for its version and the moments of writing it.
TICKETS = """
    select to_jsonb(t) - '{version,created_at,updated_at,state_changed_at}'::text[]
    from tickets t order by id
"""
COUNTS = """
    select brand, topic, minute, events, negative, complaints, dissatisfaction_sum
    from signal_counts where events > 0 order by 1, 2, 3
"""


@pytest.fixture
async def full(engine: AsyncEngine) -> Stores:
    """A store with twelve conversations: answered, edited, deleted, urgent, calm, and one that
    people worked on.
    """
    store = Stores(engine)
    for number in range(0, 120, 10):
        anger = 30.0 + number % 70
        urgent = (
            "my mother is stranded at the gate without her insulin, please help"
            if number % 30 == 0
            else "waiting"
        )
        await store.save(
            [tweet(number, anger, minute=number, text=urgent), tweet(number + 1, 60, of=number)]
        )
        if number % 20 == 0:
            await store.save([answer(number + 2, of=number, minute=number + 5)])
        if number % 40 == 0:
            await store.save(
                [tweet(number + 1, 90, of=number, revision=1, text="still nothing, unbelievable")]
            )
    await store.save([deletion(50), deletion(51, of=50)])
    await edit(
        engine, "x:30", {"state": ["new", "open"], "owner": [None, "ada"], "tags": [[], ["vip"]]}
    )
    await edit(
        engine,
        "x:30",
        {"state": ["open", "snoozed"], "snoozed_until": [None, "2031-01-01T00:00:00+00:00"]},
    )
    return store


async def edit(engine: AsyncEngine, id: str, changes: dict[str, list[Any]]) -> None:
    """What a person does at the desk: the columns, their count, and the history."""
    async with engine.begin() as connection:
        await connection.execute(
            text("""
                update tickets t set version = version + 1, edits = edits + 1,
                    state = coalesce(cast(:state as text), t.state),
                    owner = coalesce(cast(:owner as text), t.owner),
                    tags = coalesce(cast(:tags as text[]), t.tags),
                    snoozed_until =
                        coalesce(cast(cast(:until as text) as timestamptz), t.snoozed_until)
                where id = :id
            """),
            {"id": id, "until": changes.get("snoozed_until", [None, None])[1]}
            | {name: changes.get(name, [None, None])[1] for name in ("state", "owner", "tags")},
        )
        await connection.execute(
            text("""
                insert into ticket_changes (ticket_id, version, kind, who, reason, changes)
                select id, version, 'edited', 'ada', 'by hand', cast(:changes as jsonb)
                from tickets where id = :id
            """),
            {"id": id, "changes": json.dumps(changes)},
        )


async def rows(engine: AsyncEngine, query: str) -> list[Any]:
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


async def run(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(statement))


async def test_of_a_store_that_is_whole_nothing_changes(engine, full):
    before = await rows(engine, "select * from tickets order by id")

    done = await rebuild(engine, full, None, batch=3)

    assert (done.conversations, done.changed, done.cells) == (12, 0, 0)
    assert done.tickets == len(before) >= 8
    assert await rows(engine, "select * from tickets order by id") == before


async def test_lost_tickets_come_back_as_they_were_with_what_people_had_set(engine, full):
    tickets, alerts = (
        await rows(engine, TICKETS),
        await rows(engine, "select * from alerts order by id"),
    )
    await run(engine, "truncate tickets")

    done = await rebuild(engine, full, None, batch=5)

    assert await rows(engine, TICKETS) == tickets
    assert done.changed == len(tickets)
    assert await rows(engine, "select * from alerts order by id") == alerts
    assert await rows(
        engine, "select state, owner, tags, edits from tickets where id = 'x:30'"
    ) == [("snoozed", "ada", ["vip"], 2)]


async def test_a_ticket_is_what_its_events_say_also_when_somebody_wrote_into_its_row(engine, full):
    tickets = await rows(engine, TICKETS)
    await run(
        engine,
        "update tickets set priority = 1, level = 'P4', excerpt = 'nonsense' where id = 'x:30'",
    )

    done = await rebuild(engine, full, None)

    assert await rows(engine, TICKETS) == tickets
    assert done.changed == 1


async def test_a_rebuild_that_was_stopped_goes_on_where_it_stopped(engine, full):
    tickets = await rows(engine, TICKETS)
    await run(engine, "truncate tickets")
    told: list[str] = []

    async def publish(batch: Any) -> None:
        told.extend(each.id for each in batch)
        if len(told) > 4:
            raise ConnectionError("the broker is gone")

    with pytest.raises(ConnectionError):
        await rebuild(engine, full, publish, batch=3)
    stopped_after = await full.cursor(CURSOR)
    done = await rebuild(engine, full, None, batch=3)

    assert stopped_after is not None
    assert done.conversations < 12
    assert await rows(engine, TICKETS) == tickets
    assert await full.cursor(CURSOR) is None


async def test_every_ticket_is_published_as_it_is_stored_withdrawn_ones_too(engine, full):
    told: dict[str, Any] = {}

    async def publish(batch: Any) -> None:
        told.update({each.id: each for each in batch})

    await rebuild(engine, full, publish)

    stored = dict(await rows(engine, "select id, version from tickets"))
    assert {id: each.version for id, each in told.items() if not each.withdrawn} == stored
    assert told["x:50"].withdrawn


async def test_new_rules_of_triage_are_applied_to_what_is_stored(engine, full):
    stricter = Store(engine, fold=lambda history: None)

    await rebuild(engine, stricter, None)

    assert await rows(engine, "select count(*) from tickets") == [(0,)]
    await rebuild(engine, Store(engine, fold=triage.fold), None)
    assert await rows(engine, "select owner from tickets where id = 'x:30'") == [("ada",)]


async def test_counts_that_went_wrong_are_counted_anew_and_right_ones_stay(engine, full):
    counts = await rows(engine, COUNTS)
    stamps = "select brand, topic, minute, updated_at from signal_counts order by 1, 2, 3"
    right = await rows(engine, stamps)
    first = "(select min(minute) from signal_counts)"
    await run(engine, f"update signal_counts set events = events + 7 where minute = {first}")
    await run(
        engine, "insert into signal_counts values ('Nobody', '', '2020-01-01T00:00Z', 3, 0, 0, 0)"
    )

    assert await recount(engine) == 2

    assert await rows(engine, COUNTS) == counts
    assert len(set(await rows(engine, stamps)) - set(right)) == 1
    assert await recount(engine) == 0
