"""Tickets over the desk's interface: listed, changed without a lost update, and hidden from who may
not see them.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from desk_client import Office
from history import tweet
from rows import do
from serving import web

from stream.accounts.api_keys import ApiKeys
from stream.postgres.database import open_engine


@pytest.fixture
async def office(simple, postgres_url):
    """Three tickets: two of Northwind Air (x:1, x:2), one of Other (x:3)."""
    await simple.save([tweet(1, 95), tweet(2, 70), tweet(3, 80, brand="Other")])
    engine = open_engine(postgres_url)
    ring = ApiKeys(engine)
    async with (
        web(simple, url=postgres_url, keys=ring) as address,
        Office(address, engine) as office,
    ):
        yield office
    await engine.dispose()


async def test_who_is_unknown_reads_and_writes_nothing(office):
    nobody = await office.nobody()
    for method, path in (
        ("GET", "/v1/tickets"),
        ("GET", "/v1/tickets/x%3A1"),
        ("POST", "/v1/tickets/x%3A1/claim"),
        ("GET", "/v1/replies"),
        ("GET", "/v1/alerts"),
        ("GET", "/v1/stream"),
        ("GET", "/v1/export?of=tickets"),
        ("POST", "/v1/forget"),
    ):
        assert (await nobody(method, path)).status == 401, path


async def test_tickets_come_page_by_page_filtered_and_sorted(office):
    ada = await office.person("ada", "viewer")

    first = await ada.get("/v1/tickets?limit=2")
    second = await ada.get(f"/v1/tickets?limit=2&cursor={first.told['next']}")

    assert [each["id"] for each in first.told["tickets"]] == ["x:1", "x:3"]
    assert [each["id"] for each in second.told["tickets"]] == ["x:2"]
    assert second.told["next"] is None
    for asked, expected in (
        ("brand=Other", ["x:3"]),
        ("network=x&state=new&owner=", ["x:1", "x:3", "x:2"]),
        ("q=no+such+words", []),
        ("state=resolved", []),
        ("state=NEW&level=p1&network=x", ["x:1", "x:3"]),
        ("sort=updated&limit=1&brand=Other", ["x:3"]),
    ):
        found = await ada.get(f"/v1/tickets?{asked}")
        assert [each["id"] for each in found.told["tickets"]] == expected, asked
    for wrong in (
        "cursor=nonsense",
        "limit=0",
        "sort=beauty",
        f"cursor={first.told['next']}&sort=updated",
    ):
        assert (await ada.get(f"/v1/tickets?{wrong}")).status == 422, wrong
    refused = await ada.get("/v1/tickets?state=closed")
    assert "'new', 'open', 'waiting', 'snoozed', 'resolved' or 'settled'" in str(refused.told)


async def test_a_ticket_is_told_with_its_reasons_conversation_history_and_replies(office):
    ada = await office.person("ada", "viewer")

    answer = await ada.get("/v1/tickets/x%3A1")

    assert answer.headers["ETag"] == '"0.1"'
    assert answer.told["factors"][0].keys() == {"name", "points", "words"}
    assert [each["id"] for each in answer.told["conversation"]] == ["x:1"]
    assert [each["who"] for each in answer.told["history"]] == ["earshot"]
    assert (answer.told["similar"], answer.told["replies"]) != (None, None)
    assert (await ada.get("/v1/tickets/x%3A99")).status == 404


async def test_an_agent_works_on_a_ticket_from_claim_to_resolved(office):
    ada = await office.person("ada", "agent")
    later = (datetime.now(UTC) + timedelta(hours=2)).isoformat()

    claimed = await ada.post("/v1/tickets/x%3A1/claim")
    noted = await ada.post("/v1/tickets/x%3A1/notes", {"text": "called back"})
    tagged = await ada.post("/v1/tickets/x%3A1/tags", {"add": ["VIP"]})
    snoozed = await ada.post("/v1/tickets/x%3A1/snooze", {"until": later})
    reopened = await ada.post("/v1/tickets/x%3A1/reopen")
    waiting = await ada.post("/v1/tickets/x%3A1/wait")
    resolved = await ada.post("/v1/tickets/x%3A1/resolve")

    assert (claimed.told["owner"], claimed.told["state"]) == ("ada", "open")
    assert (noted.status, noted.told["notes"][0]["text"], tagged.told["tags"]) == (
        201,
        "called back",
        ["vip"],
    )
    told = [each.told["state"] for each in (snoozed, reopened, waiting, resolved)]
    assert told == ["snoozed", "open", "waiting", "resolved"]
    assert (await ada.post("/v1/tickets/x%3A1/wait")).status == 409
    history = (await ada.get("/v1/tickets/x%3A1")).told["history"]
    assert [each["reason"] for each in history if each["who"] == "ada"][-1] == "resolved"


async def test_a_lost_update_is_refused_with_the_ticket_as_it_is_and_who_changed_it(office):
    ada, bob = await office.person("ada", "agent"), await office.person("bob", "agent")
    seen = (await ada.get("/v1/tickets/x%3A1")).headers["ETag"]

    first = await bob.patch(
        "/v1/tickets/x%3A1", {"owner": "bob", "tags": ["refund"]}, If_Match=seen
    )
    lost = await ada.patch("/v1/tickets/x%3A1", {"state": "resolved"}, If_Match=seen)
    again = await ada.post("/v1/tickets/x%3A1/resolve", If_Match=seen)

    assert (first.status, first.told["owner"], first.told["tags"]) == (200, "bob", ["refund"])
    assert (lost.status, again.status) == (412, 412)
    assert (lost.told["changed_by"], lost.told["ticket"]["owner"]) == ("bob", "bob")
    assert lost.headers["Content-Type"] == "application/problem+json"
    fresh = first.headers["ETag"]
    assert (
        await bob.patch("/v1/tickets/x%3A1", {"state": "waiting"}, If_Match=fresh)
    ).status == 200


async def test_a_change_says_which_state_it_saw(office):
    ada = await office.person("ada", "agent")

    assert (await ada.patch("/v1/tickets/x%3A1", {"owner": "ada"})).status == 428
    assert (await ada.patch("/v1/tickets/x%3A1", {"owner": "ada"}, If_Match="W/what")).status == 422
    assert (await ada.patch("/v1/tickets/x%3A1", {"owner": "ada"}, If_Match="*")).status == 200
    for body in (
        {},
        {"state": "new"},
        {"state": "snoozed"},
        {"owner": "nobody known"},
        {"priority": 5},
    ):
        assert (await ada.patch("/v1/tickets/x%3A1", body, If_Match="*")).status == 422, body


async def test_of_two_who_claim_at_once_one_has_it(office):
    ada, bob = await office.person("ada", "agent"), await office.person("bob", "agent")

    answers = await asyncio.gather(*(each.post("/v1/tickets/x%3A1/claim") for each in (ada, bob)))

    assert sorted(each.status for each in answers) == [200, 409]


async def test_roles_and_what_they_may(office):
    vic, ada, lea = [
        await office.person(name, role)
        for name, role in (("vic", "viewer"), ("ada", "agent"), ("lea", "lead"))
    ]

    assert (await vic.get("/v1/tickets")).status == 200
    assert (await vic.post("/v1/tickets/x%3A1/claim")).status == 403
    await lea.post("/v1/tickets/x%3A1/claim")
    assert (await ada.post("/v1/tickets/x%3A1/claim", {"force": True})).status == 403
    assert (await ada.patch("/v1/tickets/x%3A1", {"owner": "ada"}, If_Match="*")).status == 403
    assert (await ada.post("/v1/forget", {"author": "somebody"})).status == 403
    await ada.post("/v1/tickets/x%3A2/claim")
    taken = await lea.post("/v1/tickets/x%3A2/claim", {"force": True})
    assert (taken.status, taken.told["owner"]) == (200, "lea")


async def test_who_is_bound_to_a_brand_finds_nothing_of_another_anywhere(office):
    bob = await office.person("bob", "lead", "Other")
    robot = await office.key("robot", "desk", of="bob")

    for who in (bob, robot):
        listed = await who.get("/v1/tickets")
        assert [each["id"] for each in listed.told["tickets"]] == ["x:3"]
        assert (await who.get("/v1/tickets?brand=Northwind%20Air")).told["tickets"] == []
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"owner": None}),
            ("POST", "/claim", None),
            ("POST", "/resolve", None),
            ("POST", "/wait", None),
            ("POST", "/reopen", None),
            ("POST", "/notes", {"text": "x"}),
            ("POST", "/tags", {"add": ["x"]}),
            ("POST", "/snooze", {"until": "2099-01-01T00:00:00Z"}),
            ("GET", "/corrections", None),
            (
                "POST",
                "/corrections",
                {"event_id": "x:1", "field": "sentiment", "should_be": "positive"},
            ),
        ):
            answer = await who(method, f"/v1/tickets/x%3A1{path}", body, If_Match="*")
            assert answer.status == 404, (method, path)
        assert (await who.post("/v1/forget", {"author": "ada"})).status == 403
    stolen = {"event_id": "x:1", "field": "sentiment", "should_be": "positive"}
    assert (await bob.post("/v1/tickets/x%3A3/corrections", stolen)).status == 422
    totals = (await bob.get("/v1/stats?span=24h")).told
    assert (totals["events"], totals["tickets"], list(totals["monitor"]["traffic"]["brands"])) == (
        1,
        {"P1": 1},
        ["Other"],
    )
    assert "x:1" not in (await bob.get("/v1/export?of=events")).told
    assert "x:3" in (await bob.get("/v1/export?of=events")).told


async def test_a_key_acts_in_its_users_name_and_one_of_nobodys_in_its_own(office):
    await office.person("ada", "agent")
    of_ada, alone = await office.key("laptop", "desk", of="ada"), await office.key("robot", "desk")
    reader, other = await office.key("screen", "read"), await office.key("feed", "events")

    assert (await of_ada.post("/v1/tickets/x%3A1/claim")).told["owner"] == "ada"
    assert (await alone.post("/v1/tickets/x%3A2/claim")).told["owner"] == "key:robot"
    assert (await reader.get("/v1/tickets")).status == 200
    assert (await reader.post("/v1/tickets/x%3A3/claim")).status == 403
    assert (await other.get("/v1/tickets")).status == 403


async def test_another_page_cannot_write_with_the_cookie_of_who_is_logged_in(office):
    ada = await office.person("ada", "agent")
    cookie = {"Cookie": ada.headers["Cookie"]}
    for headers, expected in (
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
        ({"X-CSRF-Token": "guessed"}, 403),
        ({"Origin": office.address}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ):
        ada.headers = cookie | headers
        assert (await ada.post("/v1/tickets/x%3A1/claim")).status == expected, headers


async def test_a_correction_is_kept_with_who_said_it(office):
    ada = await office.person("ada", "agent")
    given = {"event_id": "x:1", "field": "sentiment", "should_be": "positive"}

    made = await ada.post("/v1/tickets/x%3A1/corrections", given)
    wrong = await ada.post("/v1/tickets/x%3A1/corrections", given | {"should_be": "sunny"})

    assert (made.status, made.told["who"], made.told["said"]) == (201, "ada", "negative")
    assert wrong.status == 422
    assert [
        each["should_be"]
        for each in (await ada.get("/v1/tickets/x%3A1/corrections")).told["corrections"]
    ] == ["positive"]


async def test_the_interface_lists_settled_tickets_and_undoes_one(office, postgres_url):
    await do(
        postgres_url,
        """
        update tickets set state = 'settled', settled_at = now(), priority = 3, level = 'P4',
            factors = factors || '[{"name": "sorted", "points": -92, "words": "it is settled"}]'
        where id = 'x:1'
        """,
    )
    ada = await office.person("ada", "agent")

    listed = await ada.get("/v1/tickets?state=settled")
    undone = await ada.patch("/v1/tickets/x%3A1", {"state": "open"}, If_Match="*")

    assert [row["id"] for row in listed.told["tickets"]] == ["x:1"]
    assert listed.told["tickets"][0]["settled_at"] is not None
    assert (undone.status, undone.told["state"], undone.told["level"]) == (200, "open", "P1")
    assert undone.told["settled_at"] is None
    assert (await ada.get("/v1/tickets?state=settled")).told["tickets"] == []
