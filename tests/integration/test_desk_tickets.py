"""People's actions on tickets in a real database: nothing is lost unseen, and the stream never
undoes them.
"""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest
from history import answer, tweet

from stream.desk.actions import Claim, Note, Resolve, Tag, Wait
from stream.desk.tickets import Desk, Lost, NoTicket, Seen
from stream.postgres.database import dsn, open_engine


@pytest.fixture
async def desk(postgres_url):
    engine = open_engine(postgres_url)
    yield Desk(engine)
    await engine.dispose()


def seen(row: dict) -> Seen:
    return Seen(row["edits"], row["version"])


async def test_an_action_is_stored_counted_and_recorded(simple, desk):
    await simple.save([tweet(1, 70)])
    before = await desk.ticket("x:1")

    after = await desk.act("x:1", Claim(), "ada", seen=seen(before))

    assert (after["owner"], after["state"], after["edits"], after["version"]) == (
        "ada",
        "open",
        1,
        2,
    )
    [_, change] = await desk.history("x:1")
    assert (change["kind"], change["who"], change["reason"]) == ("edited", "ada", "claimed")
    assert change["changes"] == {"owner": [None, "ada"], "state": ["new", "open"]}


async def test_an_edit_of_what_somebody_else_changed_meanwhile_is_refused_and_shown(simple, desk):
    await simple.save([tweet(1, 70)])
    before = await desk.ticket("x:1")
    await desk.act("x:1", Claim(), "ada", seen=seen(before))

    with pytest.raises(Lost, match=r"ada changed this ticket meanwhile \(claimed\)") as lost:
        await desk.act("x:1", Resolve(), "bob", seen=seen(before))

    assert lost.value.ticket["owner"] == "ada"
    assert (await desk.act("x:1", Note(text="I wanted it too"), "bob", seen=seen(before)))[
        "edits"
    ] == 2


async def test_of_two_who_claim_at_once_one_has_it_and_the_other_is_told(simple, desk):
    await simple.save([tweet(1, 70)])
    before = seen(await desk.ticket("x:1"))

    told = await asyncio.gather(
        *(desk.act("x:1", Claim(), who, seen=before) for who in ("ada", "bob")),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in told) == ["Lost", "dict"]


async def test_a_ticket_is_not_resolved_over_a_message_that_nobody_has_seen(simple, desk):
    await simple.save([tweet(1, 70)])
    before = await desk.act("x:1", Claim(), "ada")
    await simple.save([tweet(2, 80, of=1, minute=3)])

    with pytest.raises(Lost, match="the conversation went on"):
        await desk.act("x:1", Resolve(), "ada", seen=seen(before))

    assert (await desk.act("x:1", Tag(add=("vip",)), "ada", seen=seen(before)))["tags"] == ["vip"]


async def test_the_customer_reopens_what_a_person_resolved_and_keeps_its_owner_and_notes(
    simple, desk
):
    await simple.save([tweet(1, 70)])
    await desk.act("x:1", Note(text="called"), "ada")
    await desk.act("x:1", Resolve(), "ada")
    await simple.save([answer(2, of=1, minute=1)])
    assert (await desk.ticket("x:1"))["state"] == "resolved"

    await simple.save([tweet(3, 80, of=1, minute=2)])

    row = await desk.ticket("x:1")
    assert (row["state"], row["owner"], row["notes"][0]["text"]) == ("open", "ada", "called")
    assert [change["version"] for change in await desk.history("x:1")] == [1, 2, 3, 4, 5]


async def test_whoever_is_bound_to_other_brands_finds_no_ticket(simple, desk):
    await simple.save([tweet(1, 70)])

    with pytest.raises(NoTicket):
        await desk.act("x:1", Wait(), "ada", brands=frozenset({"Other"}))
    assert (await desk.ticket("x:1", frozenset({"Northwind Air"})))["state"] == "new"


async def test_it_shows_who_else_has_the_ticket_open(desk):
    assert await desk.enter("x:1", "ada") == []
    assert await desk.enter("x:1", "bob") == ["ada"]
    await desk.leave("x:1", "ada")
    assert await desk.enter("x:1", "bob") == []


async def test_similar_tickets_are_those_that_mean_the_same_of_the_same_brand_and_model(
    simple, desk
):
    await simple.save([tweet(1, 70), tweet(2, 60), tweet(3, 60, brand="Other")])

    assert [(row["id"], row["similarity"]) for row in await desk.similar("x:1")] == [("x:2", 1.0)]


async def test_the_conversation_holds_the_brands_own_words_too(simple, desk):
    await simple.save([tweet(1, 70), answer(2, of=1, minute=1), tweet(3, 20, of=1, minute=2)])

    told = await desk.conversation("x:1")
    assert [(row["id"], row["direction"]) for row in told] == [
        ("x:1", "inbound"),
        ("x:2", "outbound"),
        ("x:3", "inbound"),
    ]


async def test_every_change_of_a_ticket_is_told_to_whoever_listens(simple, desk, postgres_url):
    heard: asyncio.Queue[dict] = asyncio.Queue()
    listener = await asyncpg.connect(dsn(postgres_url))
    await listener.add_listener("earshot", lambda *told: heard.put_nowait(json.loads(told[3])))
    try:
        await simple.save([tweet(1, 70)])
        assert await asyncio.wait_for(heard.get(), 60) == {"table": "tickets", "ids": ["x:1"]}
        await desk.act("x:1", Claim(), "ada")
        assert await asyncio.wait_for(heard.get(), 60) == {"table": "tickets", "ids": ["x:1"]}
        await simple.save([tweet(number, 60) for number in range(100, 140)])
        assert await asyncio.wait_for(heard.get(), 60) == {"table": "tickets", "ids": []}
    finally:
        await listener.close()
