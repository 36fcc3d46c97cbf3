"""Notices: whom a note names, whom a ticket was given, whose promise is about to break."""

from __future__ import annotations

import pytest
from desk_client import PASSWORD, Office
from history import tweet
from people import quick_people
from rows import do
from serving import web

from stream.accounts.api_keys import ApiKeys
from stream.accounts.row_security import BoundEngine
from stream.desk.actions import Assign, Claim, Note
from stream.desk.notices import Notices
from stream.desk.tickets import Desk
from stream.postgres.database import open_engine


@pytest.fixture
async def desk(simple, engine):
    """ada, Ben Ali, ada-lee, o.neil; sky of Other; gone, disabled. Tickets x:1; x:2 of Other."""
    people = quick_people(engine)
    for name in ("ada", "Ben Ali", "ada-lee", "o.neil", "gone"):
        await people.add(name, PASSWORD, "agent")
    await people.add("sky", PASSWORD, "agent", ["Other"])
    await people.disable("gone")
    await simple.save([tweet(1, 95), tweet(2, 95, brand="Other")])
    return Desk(engine)


async def named(engine, *people) -> set[str]:
    notices = Notices(engine)
    return {person for person in people if await notices.of(person)}


EVERYBODY = ("ada", "Ben Ali", "ada-lee", "o.neil", "sky", "gone")


@pytest.mark.parametrize(
    ("words", "people"),
    [
        ("@ada look", {"ada"}),
        ("look, @Ada.", {"ada"}),
        ("(@ada)", {"ada"}),
        ("@ada,@o.neil: and you?", {"ada", "o.neil"}),
        ("@ben ali please", {"Ben Ali"}),
        ("@ada-lee", {"ada-lee"}),
        ("@O.NEIL?", {"o.neil"}),
        ("@oxneil", set()),
        ("mail ada@ada.example", set()),
        ("@ada.example", set()),
        ("@@ada", set()),
        ("@adam @ad", set()),
        ("ada, ben", set()),
        ("@gone @sky", set()),
        ("@bob", set()),
    ],
)
async def test_a_note_names_colleagues_as_people_write_them(desk, engine, words, people):
    await desk.act("x:1", Note(text=words), "bob")

    assert await named(engine, *EVERYBODY) == people


async def test_a_note_is_told_once_with_its_words_and_not_to_its_writer(desk, engine):
    await desk.act("x:1", Note(text="first, @ada"), "ada-lee")
    await desk.act("x:1", Note(text="@ada-lee by myself"), "ada-lee")
    await desk.act("x:1", Note(text="again, @ada"), "ada-lee")
    await desk.act("x:1", Claim(), "ada")

    rows = await Notices(engine).of("ada")
    assert [(row["kind"], row["actor"], row["words"]) for row in rows] == [
        ("mention", "ada-lee", "again, @ada"),
        ("mention", "ada-lee", "first, @ada"),
    ]
    assert await Notices(engine).of("ada-lee") == []


async def test_who_is_given_a_ticket_hears_of_it_and_who_takes_one_does_not(desk, engine):
    await desk.act("x:1", Claim(), "ada")
    await desk.act("x:1", Assign(owner="o.neil"), "ada")
    await desk.act("x:1", Assign(owner=None), "ada")

    notices = Notices(engine)
    assert [(row["kind"], row["actor"]) for row in await notices.of("o.neil")] == [
        ("assigned", "ada")
    ]
    assert await notices.of("ada") == []


async def test_read_marks_are_ones_own(desk, engine):
    await desk.act("x:1", Note(text="@ada and @o.neil"), "bob")
    await desk.act("x:2", Note(text="@ada"), "bob")
    notices = Notices(engine)
    [theirs] = await notices.of("o.neil")

    assert await notices.mark_read("ada", ids=[theirs["id"]]) == 0
    assert await notices.mark_read("ada", ticket="x:2") == 1
    assert [row["ticket_id"] for row in await notices.of("ada", unread=True)] == ["x:1"]
    assert (await notices.counts("o.neil")).unread == 1
    assert await notices.mark_read("ada") == 1
    assert (await notices.counts("ada")).unread == 0


async def test_who_is_bound_hears_of_their_own_brands_alone_also_when_they_lost_one(desk, engine):
    await desk.act("x:2", Note(text="@sky look"), "bob")
    [row] = await Notices(engine).of("sky", frozenset({"Other"}))

    assert row["words"] == "@sky look"
    for reader, brands in ((engine, frozenset({"Air"})), (BoundEngine(engine, ["Air"]), None)):
        notices = Notices(reader)
        assert await notices.of("sky", brands) == []
        assert (await notices.counts("sky", brands)).unread == 0
        assert await notices.late_soon("sky", brands) == []
    assert await Notices(BoundEngine(engine, ["Air"])).mark_read("sky") == 0
    assert await Notices(BoundEngine(engine, ["Other"])).mark_read("sky") == 1


async def test_who_is_bound_names_colleagues_whom_they_cannot_list(desk, engine):
    await Desk(BoundEngine(engine, ["Other"])).act("x:2", Note(text="@ada please"), "sky")

    assert [row["actor"] for row in await Notices(engine).of("ada")] == ["sky"]


async def due(url: str, ticket: str, received: str, ends: str) -> None:
    """The ticket's clock, as it was received so long ago and has so long to go."""
    await do(
        url,
        f"update tickets set received_at = now() - interval '{received}' where id = '{ticket}'",
    )
    await do(
        url,
        f"update tickets set sla_due_at = now() + interval '{ends}' where id = '{ticket}'",
    )


@pytest.mark.parametrize(
    ("received", "ends", "tells"),
    [
        ("12 minutes", "3 minutes", True),
        ("8 minutes", "7 minutes", False),
        ("20 hours", "29 minutes", True),
        ("20 hours", "31 minutes", False),
        ("20 hours", "-1 minutes", False),
    ],
)
async def test_a_promise_that_is_about_to_break_is_told_before_it_does(
    desk, engine, postgres_url, received, ends, tells
):
    await due(postgres_url, "x:1", received, ends)
    nobodys = await Notices(engine).late_soon("ada")
    await desk.act("x:1", Claim(), "o.neil")
    notices = Notices(engine)

    assert [row["id"] for row in nobodys] == (["x:1"] if tells else [])
    assert [row["id"] for row in await notices.late_soon("o.neil")] == (["x:1"] if tells else [])
    assert await notices.late_soon("ada") == []


async def test_notices_are_read_over_rest(desk, simple, engine, postgres_url):
    await desk.act("x:1", Note(text="@vic look"), "bob")
    reading = open_engine(postgres_url)
    async with (
        web(simple, url=postgres_url, keys=ApiKeys(reading)) as address,
        Office(address, reading) as office,
    ):
        vic = await office.person("vic", "viewer")
        await desk.act("x:1", Note(text="@vic again"), "bob")
        first = (await vic.get("/v1/notices")).told
        read = (await vic.post("/v1/notices/read", {"ids": [first["notices"][0]["id"]]})).told
        after = (await vic.get("/v1/notices?unread=true")).told
    await reading.dispose()

    assert [row["words"] for row in first["notices"]] == ["@vic again"]  # nobody before they were
    assert (first["unread"], read["read"], after["notices"]) == (1, 1, [])
