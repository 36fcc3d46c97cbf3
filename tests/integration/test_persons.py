"""Persons across networks: their tickets and moods, links by hand, and what nobody may see."""

from __future__ import annotations

from dataclasses import replace

import pytest
from desk_client import Office
from history import tweet
from serving import web
from sqlalchemy import text

from stream.accounts.api_keys import ApiKeys
from stream.accounts.row_security import BoundEngine
from stream.desk.erasure import forget
from stream.desk.persons import NoPerson, Persons
from stream.desk.tickets import Desk
from stream.postgres.database import open_engine

OTHER = frozenset({"Other"})


def on(network: str, number: int, anger: int, author: str, brand: str = "Northwind Air"):
    """A message of another network than X."""
    judged = tweet(number, anger, author=author, brand=brand)
    id = f"{network}:{number}"
    return replace(judged, event=judged.event.model_copy(update={"id": id, "conversation": id}))


@pytest.fixture
async def filled(simple):
    """@Ada on X twice and on Mastodon, where she is called otherwise; ada on Bluesky; bob."""
    await simple.save(
        [
            tweet(1, 95, author="@Ada", minute=0),
            tweet(2, 60, author="ada", minute=30),
            on("mastodon", 3, 80, "lovelace@social.example"),
            on("bluesky", 4, 70, "ADA"),
            tweet(5, 75, author="bob"),
            tweet(6, 85, author="ada", brand="Other", minute=40),
        ]
    )
    return simple


async def person_of(engine, ticket: str, brands=None):
    row = await Desk(engine).ticket(ticket)
    return await Persons(engine).of(row, brands)


def ids(person) -> set[str]:
    return {row["id"] for row in person.tickets}


async def test_a_person_is_one_by_handle_in_any_case_and_with_or_without_at(filled, engine):
    ada = await person_of(engine, "x:1")

    assert ids(ada) == {"x:2", "bluesky:4", "x:6"}
    assert [(row["network"], row["linked"], row["messages"]) for row in ada.handles] == [
        ("x", True, 3),
        ("bluesky", False, 1),
    ]
    assert {mood["id"] for mood in ada.moods} == {"x:1", "x:2", "x:6", "bluesky:4"}
    assert [mood["occurred_at"] for mood in ada.moods] == sorted(
        mood["occurred_at"] for mood in ada.moods
    )


async def test_handles_are_linked_by_hand_undone_and_kept_in_the_audit(filled, engine):
    persons, row = Persons(engine), await Desk(engine).ticket("x:1")

    link = await persons.link(row, "Mastodon", "@Lovelace@social.example", "ben")
    linked = await person_of(engine, "x:1")
    from_there = await person_of(engine, "mastodon:3")
    await persons.unlink(link["id"], "lea")
    undone = await person_of(engine, "x:1")

    assert "mastodon:3" in ids(linked)
    assert {"x:1", "x:2", "bluesky:4"} <= ids(from_there)
    assert "mastodon:3" not in ids(undone)
    assert undone.links == []
    with pytest.raises(NoPerson):
        await persons.unlink(link["id"], "lea")
    async with engine.connect() as connection:
        query = "select who, action from audit where action like 'person%' order by id"
        rows = [tuple(each) for each in await connection.execute(text(query))]
    assert rows == [("ben", "person link"), ("lea", "person undo")]


async def test_a_namesake_is_parted_and_the_latest_word_counts(filled, engine):
    persons, row = Persons(engine), await Desk(engine).ticket("x:1")

    await persons.link(row, "bluesky", "ada", "ben", alike=False)
    parted = await person_of(engine, "x:1")
    from_there = await person_of(engine, "bluesky:4")
    await persons.link(row, "bluesky", "ada", "ben")
    again = await person_of(engine, "x:1")

    assert "bluesky:4" not in ids(parted)
    assert ids(from_there) == set()
    assert [link["alike"] for link in parted.links] == [False]
    assert "bluesky:4" in ids(again)
    assert [link["alike"] for link in again.links] == [True]


@pytest.mark.parametrize(
    ("network", "author"),
    [("x", "nobody"), ("nowhere", "ada"), ("x", "%"), ("x", "\x00"), ("", "")],
)
async def test_nobody_is_linked_to_a_handle_that_never_wrote(filled, engine, network, author):
    row = await Desk(engine).ticket("x:5")

    with pytest.raises(NoPerson, match="nobody called"):
        await Persons(engine).link(row, network, author, "ben")


async def test_nobody_sees_through_a_person_what_they_may_not_see(filled, engine):
    persons, row = Persons(engine), await Desk(engine).ticket("x:1")
    await persons.link(row, "mastodon", "lovelace@social.example", "ben")
    theirs = await Desk(engine).ticket("x:6")

    # By the conditions of the queries alone, and by row-level security alone.
    for reader, brands in ((engine, OTHER), (BoundEngine(engine, OTHER), None)):
        bound = Persons(reader)
        ada = await bound.of(theirs, brands)
        assert ada.tickets == []
        assert [(each["network"], each["messages"]) for each in ada.handles] == [("x", 1)]
        assert [mood["id"] for mood in ada.moods] == ["x:6"]
        assert ada.links == []
        with pytest.raises(NoPerson):
            await bound.link(theirs, "mastodon", "lovelace@social.example", "sky", brands=brands)
        with pytest.raises(NoPerson):
            await bound.unlink(1, "sky", brands=brands)
    assert len((await persons.of(row)).links) == 1


async def test_who_is_bound_links_what_both_wrote_to_their_own_brand(filled, engine):
    await filled.save([on("mastodon", 7, 70, "ada_m@social.example", "Other")])
    persons, theirs = Persons(BoundEngine(engine, OTHER)), await Desk(engine).ticket("x:6")

    link = await persons.link(theirs, "mastodon", "ada_m@social.example", "sky", brands=OTHER)
    ada = await persons.of(theirs, OTHER)
    await persons.unlink(link["id"], "sky", brands=OTHER)

    assert ids(ada) == {"mastodon:7"}
    assert (await persons.of(theirs, OTHER)).tickets == []


async def test_who_is_forgotten_is_in_no_link_and_in_no_audit_of_one(filled, engine):
    persons, row = Persons(engine), await Desk(engine).ticket("x:1")
    link = await persons.link(row, "mastodon", "lovelace@social.example", "ben")
    await persons.unlink(link["id"], "ben")
    await persons.link(row, "mastodon", "lovelace@social.example", "ben")

    async def publish(_saved):
        return None

    await forget(engine, "Lovelace@social.example", actor="lea", publish=publish)

    async with engine.connect() as connection:
        links = (await connection.execute(text("select count(*) from person_links"))).scalar_one()
        audit = str((await connection.execute(text("select * from audit"))).all())
    assert links == 0
    assert "lovelace" not in audit


async def test_the_person_is_read_and_linked_over_rest_by_role(filled, postgres_url):
    engine = open_engine(postgres_url)
    async with (
        web(filled, url=postgres_url, keys=ApiKeys(engine)) as address,
        Office(address, engine) as office,
    ):
        vic, ben = await office.person("vic", "viewer"), await office.person("ben", "agent")
        body = {"network": "mastodon", "author": "lovelace@social.example"}

        refused = await vic.post("/v1/tickets/x%3A1/person/links", body)
        linked = await ben.post("/v1/tickets/x%3A1/person/links", body)
        itself = await ben.post(
            "/v1/tickets/x%3A1/person/links", {"network": "x", "author": "@ADA"}
        )
        nobody = await ben.post(
            "/v1/tickets/x%3A1/person/links", {"network": "x", "author": "nobody"}
        )
        read = await vic.get("/v1/tickets/x%3A1/person")
        gone = await ben("DELETE", f"/v1/person-links/{linked.told['id']}")
    await engine.dispose()

    assert (refused.status, linked.status, itself.status, nobody.status) == (403, 201, 409, 404)
    assert {row["id"] for row in read.told["tickets"]} == {"x:2", "x:6", "bluesky:4", "mastodon:3"}
    assert read.told["handles"][0]["profile"] == "https://social.example/@lovelace"
    assert gone.status == 204
