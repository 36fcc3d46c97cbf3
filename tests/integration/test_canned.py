"""Canned answers and replies that wait: who writes them, who uses them, who sees them."""

from __future__ import annotations

import pytest
from desk_client import Office
from history import tweet
from serving import web
from sqlalchemy import text

from models.replier.draft import Candidate, Draft
from stream.accounts.api_keys import ApiKeys
from stream.desk.actions import Resolve
from stream.desk.tickets import Desk
from stream.postgres.database import open_engine
from stream.replies.store import Replies

SORRY = {
    "name": "sorry",
    "text": "Sorry, {name}. Please send us a direct message so that we can look into it.",
    "state": "waiting",
    "tags": ["dm"],
}


@pytest.fixture
async def office(simple, postgres_url):
    """Tickets x:1 of Northwind Air by Ada_B and x:2 of Other, without drafts."""
    await simple.save([tweet(1, 95, author="Ada_B"), tweet(2, 70, brand="Other", author="ben")])
    engine = open_engine(postgres_url)
    async with (
        web(simple, url=postgres_url, keys=ApiKeys(engine)) as address,
        Office(address, engine) as office,
    ):
        yield office
    await engine.dispose()


async def test_a_lead_writes_what_agents_use_and_viewers_read(office):
    lead, agent = await office.person("lea", "lead"), await office.person("ada", "agent")

    made = await lead.post("/v1/canned", SORRY)
    refused = await agent.post("/v1/canned", SORRY | {"name": "other"})
    again = await lead.post("/v1/canned", SORRY)
    listed = await agent.get("/v1/canned?brand=Northwind%20Air")

    assert (made.status, made.told["name"], made.headers["ETag"]) == (201, "sorry", '"0"')
    assert (made.told["changed_by"], made.told["repeats"]) == ("lea", False)
    assert refused.status == 403
    assert (again.status, "exists for every brand already" in again.told["detail"]) == (409, True)
    assert [row["name"] for row in listed.told["canned"]] == ["sorry"]


async def test_using_one_fills_the_slots_and_acts_on_the_ticket_once_it_goes(office, engine):
    lead, agent = await office.person("lea", "lead"), await office.person("ada", "agent")
    number = (await lead.post("/v1/canned", SORRY)).told["id"]

    tried = await agent.post(f"/v1/canned/{number}/use", {"ticket": "x:1"})
    before = await Desk(engine).ticket("x:1")
    sent = await agent.post(f"/v1/canned/{number}/use", {"ticket": "x:1", "send": True})
    after = await Desk(engine).ticket("x:1")

    assert tried.told["reply"]["text"].startswith("Sorry, Ada_B. Please send us")
    assert (tried.told["reply"]["state"], tried.told["refusals"]) == ("draft", [])
    assert (before["state"], before["tags"]) == ("new", [])
    assert sent.told["reply"]["state"] == "approved"
    assert sent.told["reply"]["id"] == tried.told["reply"]["id"]
    assert (sent.told["reply"]["approved_by"], sent.told["left"]) == ("ada", None)
    assert (after["state"], after["tags"]) == ("waiting", ["dm"])


async def test_the_policy_gate_stands_before_canned_words_as_before_others(office, engine):
    lead, agent = await office.person("lea", "lead"), await office.person("ada", "agent")
    wording = SORRY | {"text": "Sorry {name}, we promise that it will be fixed by tomorrow."}
    number = (await lead.post("/v1/canned", wording)).told["id"]

    tried = await agent.post(f"/v1/canned/{number}/use", {"ticket": "x:1"})
    refused = await agent.post(f"/v1/canned/{number}/use", {"ticket": "x:1", "send": True})
    [reply] = await Replies(engine).newest(ticket="x:1")
    ticket = await Desk(engine).ticket("x:1")
    anyway = await agent.post(
        f"/v1/canned/{number}/use", {"ticket": "x:1", "send": True, "anyway": True}
    )

    assert "promise" in {each["rule"] for each in tried.told["refusals"]}
    assert (refused.status, bool(refused.told["refusals"])) == (409, True)
    assert (reply["state"], ticket["state"], ticket["tags"]) == ("draft", "new", [])
    assert anyway.told["reply"]["state"] == "approved"


async def test_a_macro_without_words_acts_at_once_and_says_what_did_not_fit(office, engine):
    lead, agent = await office.person("lea", "lead"), await office.person("ada", "agent")
    macro = {"name": "later", "state": "waiting", "tags": ["later"]}
    number = (await lead.post("/v1/canned", macro)).told["id"]

    used = await agent.post(f"/v1/canned/{number}/use", {"ticket": "x:1"})
    await Desk(engine).act("x:2", Resolve(), "ada")
    unfit = await agent.post(f"/v1/canned/{number}/use", {"ticket": "x:2"})

    assert (used.told["reply"], used.told["ticket"]["state"]) == (None, "waiting")
    assert used.told["ticket"]["tags"] == ["later"]
    assert (unfit.status, "re-open it" in unfit.told["left"]) == (200, True)
    assert (await Desk(engine).ticket("x:2"))["tags"] == []  # all of it, or nothing


async def test_a_draft_gives_way_to_a_canned_answer_and_an_approved_one_does_not(office, engine):
    lead, agent = await office.person("lea", "lead"), await office.person("ada", "agent")
    number = (await lead.post("/v1/canned", SORRY)).told["id"]
    replies = Replies(engine)
    [wanted] = await replies.to_draft(["x:1"])
    drafted = Draft((Candidate("Sorry about that, please write to us.", -1.0),), "replier-1")
    [first] = await replies.store([(wanted, drafted, None)])

    used = await agent.post(f"/v1/canned/{number}/use", {"ticket": "x:1"})
    await replies.approve(first, "ben")
    late = await agent.post(f"/v1/canned/{number}/use", {"ticket": "x:1"})

    assert (used.told["reply"]["id"], used.told["reply"]["version"]) == (first, 1)
    assert (late.status, "not sent yet" in late.told["detail"]) == (409, True)


async def test_nobodys_change_of_a_canned_answer_is_lost(office):
    lead, other = await office.person("lea", "lead"), await office.person("leo", "lead")
    number = (await lead.post("/v1/canned", SORRY)).told["id"]
    path, new = f"/v1/canned/{number}", SORRY | {"text": "Sorry {name}, please write to us."}

    blind = await other("PUT", path, new)
    changed = await other("PUT", path, new, If_Match='"0"')
    lost = await lead("PUT", path, SORRY, If_Match='"0"')
    lost_removal = await lead("DELETE", path, If_Match='"0"')
    gone = await lead("DELETE", path, If_Match=changed.headers["ETag"])

    assert (blind.status, changed.status, changed.told["changed_by"]) == (428, 200, "leo")
    assert (lost.status, "leo changed /sorry" in lost.told["detail"]) == (412, True)
    assert lost.told["canned"]["text"] == new["text"]
    assert lost_removal.status == 412
    assert (gone.status, (await lead.get(path)).status) == (204, 404)


async def test_who_is_bound_to_brands_reads_writes_and_uses_these_alone(office, engine):
    lead, sky = await office.person("lea", "lead"), await office.person("sky", "lead", "Other")
    everybodys = (await lead.post("/v1/canned", SORRY)).told["id"]
    foreign = (
        await lead.post("/v1/canned", SORRY | {"name": "air", "brand": "Northwind Air"})
    ).told["id"]

    own = await sky.post("/v1/canned", SORRY | {"brand": "Other"})
    listed = await sky.get("/v1/canned")
    fitting = await sky.get("/v1/canned?brand=Other")
    not_theirs = await sky.get("/v1/canned?brand=Northwind%20Air")

    assert own.status == 201
    assert [(row["name"], row["brand"]) for row in listed.told["canned"]] == [
        ("sorry", "Other"),
        ("sorry", None),
    ]
    assert [row["id"] for row in fitting.told["canned"]] == [own.told["id"]]
    assert not_theirs.told["canned"] == []
    assert (await sky.get(f"/v1/canned/{foreign}")).status == 404
    for wording in (SORRY | {"name": "mine"}, SORRY | {"name": "mine", "brand": "Northwind Air"}):
        refused = await sky.post("/v1/canned", wording)
        assert (refused.status, "alone" in refused.told["detail"]) == (403, True)
    path = f"/v1/canned/{everybodys}"
    assert (await sky("PUT", path, SORRY | {"brand": "Other"}, If_Match='"0"')).status == 403
    assert (await sky("DELETE", path, If_Match='"0"')).status == 403
    assert (await sky.post(f"{path}/use", {"ticket": "x:1"})).status == 404
    assert (await sky.post(f"{path}/use", {"ticket": "x:2"})).status == 200
    assert (await lead.post(f"/v1/canned/{foreign}/use", {"ticket": "x:2"})).status == 404


async def test_who_wrote_which_canned_answer_stands_in_the_audit(office, engine):
    lead = await office.person("lea", "lead")
    number = (await lead.post("/v1/canned", SORRY)).told["id"]
    await lead("DELETE", f"/v1/canned/{number}", If_Match='"0"')

    async with engine.connect() as connection:
        query = "select who, action, subject from audit where action like 'canned%' order by id"
        rows = [tuple(row) for row in await connection.execute(text(query))]

    assert rows == [
        ("lea", "canned add", f"canned:{number}"),
        ("lea", "canned remove", f"canned:{number}"),
    ]


async def test_what_is_wrong_with_a_canned_answer_is_said_where_it_is_written(office):
    lead = await office.person("lea", "lead")

    answer = await lead.post("/v1/canned", SORRY | {"text": "Dear {nmae}"})

    assert (answer.status, "{nmae} is no slot" in answer.told["detail"]) == (422, True)


async def test_replies_that_wait_come_by_the_haste_of_their_tickets(office, simple, engine):
    await simple.save([tweet(3, 80, author="cleo"), tweet(4, 60, author="dan")])
    replies = Replies(engine)
    for wanted in sorted(
        await replies.to_draft(["x:1", "x:2", "x:3", "x:4"]), key=lambda each: each.event_id
    ):
        words = Candidate(f"Sorry about {wanted.event_id}, please write to us.", -1.0)
        await replies.store([(wanted, Draft((words,), "replier-1"), None)])
    await Desk(engine).act("x:4", Resolve(), "ada")
    ada, sky = await office.person("ada", "viewer"), await office.person("sky", "agent", "Other")

    waiting = (await ada.get("/v1/replies/waiting")).told
    theirs = (await sky.get("/v1/replies/waiting")).told
    nobodys = (await sky.get("/v1/replies/waiting?brand=Northwind%20Air")).told

    assert [row["ticket_id"] for row in waiting["replies"]] == ["x:1", "x:3", "x:2"]
    assert waiting["waiting"] == {"draft": 3}
    assert (waiting["replies"][0]["author"], waiting["replies"][0]["level"]) == ("Ada_B", "P1")
    assert [row["ticket_id"] for row in theirs["replies"]] == ["x:2"]
    assert (nobodys["replies"], nobodys["waiting"]) == ([], {})
