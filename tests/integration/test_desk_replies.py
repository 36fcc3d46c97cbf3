"""Replies and alerts over the desk's interface."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from desk_client import Office
from history import tweet
from serving import web

from models.replier.draft import Candidate, Draft, Refusal
from stream.accounts.api_keys import ApiKeys
from stream.desk.reply_approval import approve
from stream.postgres.database import open_engine
from stream.replies.store import LostReply, Replies

GOOD = "Sorry about the wait, we are looking into it. Please send us a direct message."
BAD = "We will refund you $500 today, call 555-0199."


@pytest.fixture
async def office(simple, postgres_url):
    """A draft for x:1 of Northwind Air (number 1) and one for x:2 of Other (number 2); x:1 is a P1
    alert.
    """
    await simple.save([tweet(1, 95), tweet(2, 70, brand="Other")])
    engine = open_engine(postgres_url)
    replies = Replies(engine)
    for wanted in sorted(await replies.to_draft(["x:1", "x:2"]), key=lambda one: one.ticket_id):
        refused = Candidate(BAD, -2.0, "model", (Refusal("promise", "promises something"),))
        await replies.store([(wanted, Draft((Candidate(GOOD, -1.5), refused), "replier-1"), None)])
    async with (
        web(simple, url=postgres_url, keys=ApiKeys(engine)) as address,
        Office(address, engine) as office,
    ):
        yield office
    await engine.dispose()


async def test_drafts_are_listed_with_candidates_scores_and_refusals(office):
    ada = await office.person("ada", "viewer")

    listed = await ada.get("/v1/replies?state=draft&limit=1")
    older = await ada.get(f"/v1/replies?before={listed.told['next']}")
    of_ticket = await ada.get("/v1/replies?ticket=x%3A1")

    assert [each["ticket_id"] for each in listed.told["replies"] + older.told["replies"]] == [
        "x:2",
        "x:1",
    ]
    [reply] = of_ticket.told["replies"]
    assert reply["candidates"][1]["refusals"] == [{"rule": "promise", "why": "promises something"}]
    assert reply["candidates"][0]["score"] == -1.5
    assert (await ada.post(f"/v1/replies/{reply['id']}/approve", If_Match="*")).status == 403


async def test_words_are_checked_edited_and_approved_and_what_the_policy_refuses_needs_a_word_more(
    office,
):
    ada = await office.person("ada", "agent")

    checked = await ada.post("/v1/replies/1/check", {"text": BAD})
    seen = (await ada.get("/v1/replies/1")).headers["ETag"]
    edited = await ada.patch("/v1/replies/1", {"text": BAD}, If_Match=seen)
    refused = await ada.post("/v1/replies/1/approve", If_Match=edited.headers["ETag"])
    approved = await ada.post(
        "/v1/replies/1/approve", {"text": GOOD}, If_Match=edited.headers["ETag"]
    )
    again = await ada.post("/v1/replies/1/approve", If_Match="*")

    assert (checked.told["passes"], checked.told["limit"]) == (False, 280)
    assert {"rule", "why"} == set(checked.told["refusals"][0])
    assert (edited.told["text"], edited.told["state"]) == (BAD, "draft")
    assert (refused.status, bool(refused.told["refusals"])) == (409, True)
    assert (approved.told["state"], approved.told["approved_by"], approved.told["text"]) == (
        "approved",
        "ada",
        GOOD,
    )
    assert again.status == 409
    assert (await ada.patch("/v1/replies/1", {"text": GOOD}, If_Match="*")).status == 409
    assert (
        await ada.post("/v1/replies/2/approve", {"text": BAD, "anyway": True}, If_Match="*")
    ).told["text"] == BAD


async def test_of_two_who_reword_or_approve_at_once_the_second_is_told_and_changes_nothing(office):
    ada, ben = await office.person("ada", "agent"), await office.person("ben", "agent")
    seen = (await ada.get("/v1/replies/1")).headers["ETag"]

    answers = await asyncio.gather(
        *(
            who.patch("/v1/replies/1", {"text": f"{GOOD} {name}"}, If_Match=seen)
            for name, who in (("ada", ada), ("ben", ben))
        )
    )
    first, second = sorted(answers, key=lambda one: one.status)
    assert (first.status, second.status) == (200, 412)
    assert second.told["reply"] == first.told
    assert (second.told["changed_by"], second.told["change"]) == (
        first.told["changed_by"],
        "other words",
    )
    assert first.told["text"].endswith(first.told["changed_by"])

    seen = first.headers["ETag"]
    answers = await asyncio.gather(
        *(who.post("/v1/replies/1/approve", If_Match=seen) for who in (ada, ben))
    )
    first, second = sorted(answers, key=lambda one: one.status)
    assert (first.status, second.status) == (200, 412)
    assert (second.told["reply"]["state"], second.told["change"]) == ("approved", "approved")
    assert (
        second.told["reply"]["approved_by"]
        == second.told["changed_by"]
        == first.told["approved_by"]
    )


async def test_nobody_approves_or_discards_words_that_somebody_changed_meanwhile(office):
    ada, ben = await office.person("ada", "agent"), await office.person("ben", "agent")
    seen = (await ben.get("/v1/replies/1")).headers["ETag"]
    other = (await ada.patch("/v1/replies/1", {"text": f"{GOOD} Thank you."}, If_Match=seen)).told

    for path, body in (
        ("approve", None),
        ("approve", {"text": GOOD}),
        ("discard", None),
        ("settle", {"sent": True}),
    ):
        lost = await ben.post(f"/v1/replies/1/{path}", body, If_Match=seen)
        assert (lost.status, lost.told["changed_by"], lost.told["reply"]) == (412, "ada", other), (
            path
        )
    assert (await ben.get("/v1/replies/1")).told == other
    approved = await ben.post("/v1/replies/1/approve", If_Match=f'"{other["version"]}"')
    assert (approved.status, approved.told["text"]) == (200, f"{GOOD} Thank you.")


async def test_whoever_changes_a_reply_says_which_one_they_saw(office):
    ada = await office.person("ada", "agent")

    assert (await ada.patch("/v1/replies/1", {"text": GOOD})).status == 428
    assert (await ada.post("/v1/replies/1/approve")).status == 428
    for wrong in ("1", '"x"', 'W/"0"', '"0.1"', ""):
        assert (await ada.post("/v1/replies/1/approve", If_Match=wrong)).status == 422, wrong
    assert (await ada.get("/v1/replies/1")).told["state"] == "draft"


async def test_what_the_policy_looked_at_is_what_goes(simple, engine):
    """Somebody rewords the draft after the policy read it and before it is approved."""
    await simple.save([tweet(1, 95)])

    class Reworded(Replies):
        async def lately(self, brand, exclude=0):
            await super().edit(exclude, "ada", BAD)
            return await super().lately(brand, exclude)

    replies = Reworded(engine)
    [wanted] = await replies.to_draft(["x:1"])
    [number] = await replies.store([(wanted, Draft((Candidate(GOOD, -1.5),), "replier-1"), None)])

    with pytest.raises(LostReply, match="ada changed this reply meanwhile"):
        await approve(replies, number, "ben")
    assert (await replies.find(number))["state"] == "draft"


async def test_a_reply_is_discarded_and_what_is_not_uncertain_cannot_be_settled(office):
    ada = await office.person("ada", "agent")

    assert (await ada.post("/v1/replies/1/settle", {"sent": True})).status == 409
    gone = await ada.post("/v1/replies/1/discard", {"why": "they called"})
    assert (gone.told["state"], gone.told["reason"]) == ("discarded", "they called")
    for wrong in ({"text": ""}, {"text": "   "}, {}, {"words": "x"}):
        assert (await ada.post("/v1/replies/1/check", wrong)).status == 422, wrong


async def test_replies_of_other_brands_are_not_there(office):
    bob = await office.person("bob", "lead", "Other")

    assert [each["id"] for each in (await bob.get("/v1/replies")).told["replies"]] == [2]
    assert (await bob.get("/v1/replies?ticket=x%3A1")).told["replies"] == []
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"text": "x"}),
        ("POST", "/check", {"text": "x"}),
        ("POST", "/approve", None),
        ("POST", "/discard", None),
        ("POST", "/settle", {"sent": True}),
    ):
        assert (await bob(method, f"/v1/replies/1{path}", body, If_Match="*")).status == 404, path


async def test_an_alert_is_acknowledged_once_snoozed_and_hidden_from_other_brands(office):
    ada, lea = await office.person("ada", "agent"), await office.person("lea", "lead")
    bob = await office.person("bob", "agent", "Other")
    [alert] = (await ada.get("/v1/alerts?open=true")).told["alerts"]
    path = "/v1/alerts/" + alert["id"].replace(":", "%3A")
    later = (datetime.now(UTC) + timedelta(hours=4)).isoformat()

    assert (await ada.post(f"{path}/acknowledge")).told["acknowledged_by"] == "ada"
    assert (await lea.post(f"{path}/acknowledge")).told["acknowledged_by"] == "ada"
    assert (await ada.post(f"{path}/snooze", {"until": later})).told["snoozed_until"] is not None
    assert (await ada.post(f"{path}/snooze", {"until": None})).told["snoozed_until"] is None
    assert (await ada.post(f"{path}/snooze", {"until": "2001-01-01T00:00:00Z"})).status == 422
    assert (await ada.get("/v1/alerts?open=true")).told["alerts"] == []
    assert (await bob.get("/v1/alerts")).told["alerts"] == []
    assert (await bob.get(path)).status == (await bob.post(f"{path}/acknowledge")).status == 404
    assert (await ada.get("/v1/alerts/p1%3Anothing")).status == 404


async def test_an_approved_reply_is_taken_back_by_who_may_approve_it(office):
    ben, sky = await office.person("ben", "agent"), await office.person("sky", "agent", "Other")
    vic = await office.person("vic", "viewer")
    path = "/v1/replies/1/take-back"
    assert (await ben.post(path)).status == 409, "it is a draft"
    await ben.post("/v1/replies/1/approve", {"text": f"{GOOD} Thank you."}, If_Match="*")

    assert (await vic.post(path)).status == 403
    assert (await sky.post(path)).status == 404
    assert (await ben.post(path, If_Match='"0"')).status == 412
    back = await ben.post(path)
    assert (back.status, back.told["state"], back.told["text"]) == (
        *(200, "draft"),
        f"{GOOD} Thank you.",
    )
    assert (back.told["approved_by"], back.told["due_at"]) == (None, None)
