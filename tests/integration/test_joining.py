"""Conversations that people merge and split, and tickets that they link to an incident."""

from __future__ import annotations

import json

import pytest
from drafted import GOOD, drafted
from history import ANY_AGE, answer, deletion, tweet, worst
from rows import ask

from stream.desk.actions import NotAllowed, Note, Prioritise, Tag
from stream.desk.erasure import forget
from stream.desk.joining import Joining
from stream.desk.tickets import Desk, Lost, NoTicket, Seen
from stream.errors import UserError
from stream.store.rebuild import rebuild
from stream.store.store import Store


@pytest.fixture
def store(engine):
    return Store(engine, fold=worst, history_after=ANY_AGE)


@pytest.fixture
def joining(engine, store):
    return Joining(engine, store)


@pytest.fixture
def desk(engine):
    return Desk(engine)


def seen(ticket):
    return Seen(ticket["edits"], ticket["version"])


async def tickets(url):
    rows = await ask(
        url,
        "select id, messages, priority, owner, tags, notes, state, excerpt, brand from tickets"
        " order by id",
    )
    return {row["id"]: dict(row) | {"notes": json.loads(row["notes"])} for row in rows}


async def conversations(url):
    rows = await ask(url, "select id, conversation from events order by id")
    return {row["id"]: row["conversation"] for row in rows}


async def test_a_merge_makes_one_ticket_of_two_and_later_messages_go_there(
    store, joining, desk, postgres_url
):
    await store.save([tweet(1, 60), tweet(2, 70, minute=1), tweet(3, 55, minute=9)])
    await desk.act("x:2", Note(text="rang them"), "bob")
    await desk.act("x:2", Tag(add=("refund",)), "bob")

    joined = await joining.merge("x:2", "x:1", "ada")
    await store.save([tweet(4, 90, of=2, minute=3, text="still nothing")])

    now = await tickets(postgres_url)
    assert set(now) == {"x:1", "x:3"}
    assert (now["x:1"]["messages"], now["x:1"]["priority"]) == (3, 90)
    assert (now["x:1"]["tags"], now["x:1"]["notes"][0]["text"]) == (["refund"], "rang them")
    assert {record.id for record in joined.records} == {"x:1", "x:2"}, "both are to be published"
    assert [(row["who"], row["reason"]) for row in await desk.history("x:2")][-1] == (
        "ada",
        "merged into x:1",
    )
    assert ("ada", "merged with x:2") in {
        (row["who"], row["reason"]) for row in await desk.history("x:1")
    }


async def test_a_rebuild_gives_the_same_tickets_and_so_does_every_message_sent_again(
    engine, store, joining, postgres_url
):
    everything = [
        tweet(1, 60),
        tweet(2, 70, minute=1),
        tweet(5, 55, of=1, minute=4, text="other matter", brand=None),
        answer(6, of=1, minute=5),
    ]
    await store.save(everything)
    await joining.split("x:1", ["x:5"], "ada")
    await joining.merge("x:2", "x:1", "ada")
    before = await tickets(postgres_url)

    done = await rebuild(engine, store, None)
    for event in everything:
        await store.save([event])

    assert (done.changed, done.cells) == (0, 0)
    assert await tickets(postgres_url) == before
    assert set(before) == {"x:1", "x:5"}
    assert before["x:5"]["brand"] == "Northwind Air", "its people may still see it"


async def test_an_edit_and_a_deletion_find_a_message_where_people_put_it(
    store, joining, postgres_url
):
    await store.save([tweet(1, 60), tweet(2, 70, minute=1), tweet(3, 50, of=2, minute=2)])
    await joining.merge("x:2", "x:1", "ada")

    await store.save([tweet(2, 90, revision=1, minute=1), deletion(3, of=2, minute=2)])

    now = await tickets(postgres_url)
    assert {id: (row["messages"], row["priority"]) for id, row in now.items()} == {"x:1": (2, 90)}


async def test_a_merge_is_undone_with_all_that_was_noted(store, joining, desk, postgres_url):
    await store.save([tweet(1, 60), tweet(2, 70, minute=1)])
    await desk.act("x:1", Note(text="first"), "bob")
    await desk.act("x:2", Note(text="rang them"), "bob")
    await desk.act("x:2", Tag(add=("refund",)), "bob")
    before = await tickets(postgres_url)
    joined = await joining.merge("x:2", "x:1", "ada")

    with pytest.raises(NotAllowed, match="only they can undo"):
        await joining.undo("x:1", "bob", seen=seen(joined.ticket))
    await joining.undo("x:1", "ada", seen=seen(joined.ticket))

    assert await tickets(postgres_url) == before
    await store.save([tweet(3, 75, of=2, minute=6)])
    assert (await tickets(postgres_url))["x:2"]["messages"] == 2


async def test_the_incident_of_a_merged_ticket_goes_along_and_comes_back(
    store, joining, postgres_url
):
    await store.save([tweet(n, 60, minute=n) for n in (1, 2, 3)])
    await ask(
        postgres_url,
        "insert into incidents (id, brand, title, severity, started_at, evidence, version) values"
        " ('a', 'Northwind Air', 'bags', 7, now(), '{}', 1),"
        " ('b', 'Northwind Air', 'gates', 7, now(), '{}', 1)",
    )

    async def of(ticket):
        rows = await ask(
            postgres_url,
            f"select incident_id i from incident_tickets where ticket_id = '{ticket}'"
            " and state = 'joined'",
        )
        return [row["i"] for row in rows]

    await joining.link("x:2", "a", "ada")
    await joining.link("x:3", "b", "ada")

    joined = await joining.merge("x:2", "x:1", "ada")
    assert await of("x:1") == ["a"]
    second = await joining.merge("x:3", "x:1", "ada", seen=seen(joined.ticket))
    assert await of("x:1") == ["a"], "it keeps the one that it is in"

    first = await joining.undo("x:1", "ada", seen=seen(second.ticket))
    assert (await of("x:1"), await of("x:3")) == (["a"], ["b"])
    assert first.ticket["id"] == "x:1"


async def test_a_merge_that_is_undone_leaves_the_incident(store, joining, postgres_url):
    await store.save([tweet(n, 60, minute=n) for n in (1, 2)])
    await ask(
        postgres_url,
        "insert into incidents (id, brand, title, severity, started_at, evidence, version) values"
        " ('a', 'Northwind Air', 'bags', 7, now(), '{}', 1)",
    )
    await joining.link("x:2", "a", "ada")
    joined = await joining.merge("x:2", "x:1", "ada")

    await joining.undo("x:1", "ada", seen=seen(joined.ticket))

    rows = await ask(
        postgres_url, "select ticket_id t from incident_tickets where state = 'joined'"
    )
    assert [row["t"] for row in rows] == ["x:2"]


async def test_a_chain_of_merges_is_taken_back_link_by_link(store, joining, postgres_url):
    await store.save([tweet(n, 60, minute=n) for n in (1, 2, 3)])
    await joining.merge("x:3", "x:2", "ada")
    joined = await joining.merge("x:2", "x:1", "ada")
    await store.save([tweet(4, 60, of=3, minute=5)])
    assert set((await conversations(postgres_url)).values()) == {"x:1"}

    await joining.undo("x:1", "ada", seen=seen(joined.ticket))

    assert await conversations(postgres_url) == {
        "x:1": "x:1",
        "x:2": "x:2",
        "x:3": "x:2",
        "x:4": "x:2",
    }


async def test_a_split_takes_the_answers_along_and_what_answers_them_later_follows(
    store, joining, desk, postgres_url
):
    await store.save(
        [
            tweet(1, 60),
            tweet(2, 70, of=1, minute=1, text="and my bag is gone"),
            tweet(3, 50, of=1, minute=2, in_reply_to="x:2"),
            tweet(4, 50, of=1, minute=3, in_reply_to="x:1"),
        ]
    )

    joined = await joining.split("x:1", ["x:2"], "ada")
    await store.save([tweet(5, 90, of=1, minute=9, in_reply_to="x:3")])
    await store.save([tweet(6, 20, of=1, minute=9, in_reply_to="x:4")])

    assert joined.other == "x:2"
    assert await conversations(postgres_url) == {
        "x:1": "x:1",
        "x:2": "x:2",
        "x:3": "x:2",
        "x:4": "x:1",
        "x:5": "x:2",
        "x:6": "x:1",
    }
    [created] = [row for row in await desk.history("x:2") if row["kind"] == "created"]
    assert (created["who"], created["reason"]) == ("ada", "split off x:1")
    back = await joining.undo("x:1", "ada", seen=seen(await desk.ticket("x:1")))
    assert set((await conversations(postgres_url)).values()) == {"x:1"}
    assert back.ticket["messages"] == 6


async def test_replies_come_back_to_the_ticket_of_their_brand(engine, store, joining, postgres_url):
    second = tweet(2, 70, of=1, minute=1, brand="Other")
    await store.save([tweet(1, 60), second, tweet(3, 80, of=1, minute=2, brand="Other")])
    await drafted(engine, GOOD, ticket="x:1 Other")

    async def drafts():
        rows = await ask(postgres_url, "select ticket_id, event_id from replies")
        return [tuple(row) for row in rows]

    joined = await joining.split("x:1 Other", ["x:3"], "ada")
    assert await drafts() == [("x:3", "x:3")]
    await joining.undo("x:1 Other", "ada", seen=seen(joined.ticket))

    assert await drafts() == [("x:1 Other", "x:3")]


async def test_a_ticket_that_was_merged_says_where_it_is_to_those_who_may_see_it(
    store, joining, desk
):
    await store.save([tweet(1, 60), tweet(2, 70, minute=1), tweet(3, 55, minute=9)])
    await joining.merge("x:2", "x:1", "ada")
    await joining.merge("x:1", "x:3", "ada")

    for ticket in ("x:1", "x:2"):
        with pytest.raises(NoTicket, match=f"{ticket} was merged into x:3") as missing:
            await desk.ticket(ticket)
        assert missing.value.into == "x:3"
    for ticket, brands in (("x:2", frozenset({"Other"})), ("x:9", None), ("x:\0", None)):
        with pytest.raises(NoTicket, match="there is no ticket") as missing:
            await desk.ticket(ticket, brands)
        assert missing.value.into is None


async def test_what_cannot_be_merged_or_split_is_one_clear_line(store, joining, desk):
    await store.save([tweet(1, 60), tweet(2, 70, brand="Other"), answer(3, of=1, minute=2)])
    bound = frozenset({"Northwind Air"})

    for wrong, words in (
        (joining.merge("x:1", "x:1", "ada"), "with itself"),
        (joining.merge("x:2", "x:1", "ada"), "only tickets of one brand"),
        (joining.split("x:1", ["x:1"], "ada"), "nothing of the customer would be left"),
        (joining.split("x:1", ["x:3"], "ada"), "needs a message of the customer"),
        (joining.split("x:1", ["x:2"], "ada"), "no message of this ticket"),
        (joining.split("x:1", [], "ada"), "say which"),
        (joining.link("x:1", None, "ada"), "in no incident"),
    ):
        with pytest.raises(NotAllowed, match=words):
            await wrong
    with pytest.raises(NoTicket):
        await joining.merge("x:2", "x:1", "ada", brands=bound)
    ticket = await desk.ticket("x:1")
    await desk.act("x:1", Tag(add=("a",)), "bob")
    with pytest.raises(Lost, match="bob"):
        await joining.split("x:1", ["x:1"], "ada", seen=seen(ticket))


async def test_a_ticket_is_linked_to_an_incident_and_each_link_is_taken_back(
    store, joining, desk, postgres_url
):
    await store.save([tweet(1, 60), tweet(2, 70, minute=1, brand="Other")])
    await ask(
        postgres_url,
        "insert into incidents (id, brand, title, severity, started_at, evidence, version) values"
        " ('a', 'Northwind Air', 'bags', 7, now(), '{}', 1),"
        " ('b', 'Northwind Air', 'gates', 7, now(), '{}', 1)",
    )

    async def members():
        rows = await ask(
            postgres_url,
            "select incident_id i, ticket_id t, state from incident_tickets order by incident_id",
        )
        return [(row["i"], row["t"], row["state"]) for row in rows]

    first = await joining.link("x:1", "a", "ada")
    assert await members() == [("a", "x:1", "joined")]
    assert (await joining.link("x:1", "a", "ada")).ticket["edits"] == first.ticket["edits"]
    second = await joining.link("x:1", "b", "ada", seen=seen(first.ticket))
    assert await members() == [("a", "x:1", "left"), ("b", "x:1", "joined")]
    assert (await desk.history("x:1"))[-1]["reason"] == "linked to b"

    await joining.undo("x:1", "ada", seen=seen(second.ticket))
    assert await members() == [("a", "x:1", "joined")], "as if it had never been in the other"
    out = await joining.link("x:1", None, "ada")
    assert await members() == [("a", "x:1", "left")]
    await joining.undo("x:1", "ada", seen=seen(out.ticket))
    assert await members() == [("a", "x:1", "joined")]

    with pytest.raises(UserError, match="the incident is of Northwind Air"):
        await joining.link("x:2", "a", "ada")
    with pytest.raises(UserError, match="no incident a"):
        await joining.link("x:2", "a", "sky", brands=frozenset({"Other"}))


async def test_who_is_forgotten_is_forgotten_in_what_was_merged(
    engine, store, joining, desk, postgres_url
):
    await store.save([tweet(1, 60, author="zora_quill"), tweet(2, 70, author="zora_quill")])
    await desk.act("x:2", Note(text="zebra of 4711"), "bob")
    await joining.merge("x:2", "x:1", "ada")

    async def publish(saved):
        pass

    await forget(engine, "zora_quill", actor="root", publish=publish)

    left = str(await ask(postgres_url, "select t::text from ticket_changes t"))
    left += str(await ask(postgres_url, "select t::text from tickets t"))
    assert "zebra" not in left
    assert "zora" not in left


async def test_a_note_and_a_level_are_taken_back(engine, store, desk, postgres_url):
    await store.save([tweet(1, 60)])
    before = await tickets(postgres_url)
    noted = await desk.act("x:1", Note(text="rang them"), "ada")
    with pytest.raises(NotAllowed, match="only they"):
        await desk.undo("x:1", "bob", seen=seen(noted))
    await desk.undo("x:1", "ada", seen=seen(noted))
    assert (await tickets(postgres_url))["x:1"]["notes"] == []

    first = await desk.act("x:1", Prioritise(level="P1", reason="a pendant"), "ada")
    second = await desk.act("x:1", Prioritise(level="P4", reason="a slip"), "ada")
    back = await desk.undo("x:1", "ada", seen=seen(second))
    assert (back["level"], back["priority"], back["by_hand"]["reason"]) == (
        "P1",
        first["priority"],
        "a pendant",
    )
    labels = await ask(postgres_url, "select should_be from corrections order by id")
    assert labels[-1]["should_be"] == "P1", "the latest counts"
    assert before["x:1"]["tags"] == back["tags"]
