"""Bulk acts of the desk: an answer for each ticket, rights as for a single act, and undo."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from desk_client import Office
from history import tweet
from rows import ask, do
from serving import web

from stream.desk.bulk import MAX_TICKETS
from stream.desk.tickets import Desk

BULK, UNDO = "/v1/tickets/bulk", "/v1/tickets/undo"
EAST = timezone(timedelta(hours=2))
SNOOZED = {
    "action": "snooze",
    "until": f"{datetime.now(EAST) + timedelta(days=3):%Y-%m-%d}T08:00:00+02:00",
}


def results(answer) -> dict[str, tuple[int, str]]:
    return {ticket["id"]: (ticket["status"], ticket["result"]) for ticket in answer.told["tickets"]}


def on(action: str | dict, *ids: str, **more) -> dict:
    action = {"action": action} | more if isinstance(action, str) else action
    return {"action": action, "tickets": [{"id": id} for id in ids]}


async def states(engine, *ids: str) -> list[tuple]:
    rows = [await Desk(engine).ticket(id) for id in ids]
    return [(row["state"], row["owner"], row["tags"], row["snoozed_until"]) for row in rows]


async def test_each_ticket_gets_its_answer_and_one_that_cannot_be_done_keeps_no_other_from_it(
    simple, engine, postgres_url
):
    await simple.save([tweet(1, 95), tweet(2, 70), tweet(3, 80, brand="Other"), tweet(4, 60)])
    async with web(simple, url=postgres_url) as address, Office(address, engine) as office:
        ada = await office.person("ada", "lead")
        ben = await office.person("ben", "agent")
        sky = await office.person("sky", "agent", "Other")
        vic = await office.person("vic", "viewer")
        seen = (await ben.get("/v1/tickets/x:4")).told
        await ada.post("/v1/tickets/x:4/tags", {"add": ["vip"]}, If_Match="*")
        await ada.post("/v1/tickets/x:2/claim", If_Match="*")

        claim = on("claim", "x:1", "x:2", "x:3", "x:9")
        claim["tickets"].append({"id": "x:4", "edits": seen["edits"], "version": seen["version"]})
        answer = await ben.post(BULK, claim)
        assert (answer.status, answer.told["done"]) == (207, 2)
        assert results(answer) == {
            "x:1": (200, "done"),
            "x:2": (409, "refused"),
            "x:3": (200, "done"),
            "x:9": (404, "missing"),
            "x:4": (412, "lost"),
        }
        details = {ticket["id"]: ticket["detail"] for ticket in answer.told["tickets"]}
        assert details["x:2"].startswith("ada has this ticket")
        assert "ada changed this ticket meanwhile" in details["x:4"]

        assert (await vic.post(BULK, claim)).status == 403
        assert results(await sky.post(BULK, on("resolve", "x:1", "x:3"))) == {
            "x:1": (404, "missing"),
            "x:3": (200, "done"),
        }, "x:1 is another brand's"
        assert results(await ben.post(BULK, on("assign", "x:2", owner="ben"))) == {
            "x:2": (403, "forbidden")
        }
        assert results(await ada.post(BULK, on("assign", "x:1", "x:2", owner="sky"))) == {
            "x:1": (409, "refused"),
            "x:2": (409, "refused"),
        }, "sky could not see them"
        [row] = await ask(
            postgres_url,
            "select who, kind, reason from ticket_changes where ticket_id = 'x:1' "
            "order by version desc limit 1",
        )
        assert tuple(row) == ("ben", "edited", "claimed"), "recorded as a single act is"


async def test_every_bulk_act_is_taken_back_within_its_time_and_by_its_doer_alone(
    simple, engine, postgres_url
):
    await simple.save([tweet(1, 95), tweet(2, 70)])
    async with web(simple, url=postgres_url) as address, Office(address, engine) as office:
        ada, ben = await office.person("ada", "lead"), await office.person("ben", "agent")
        before = await states(engine, "x:1", "x:2")
        acts = ("claim", "acknowledge", "resolve", "wait", SNOOZED)
        for act in (*map(on, acts), on("assign", owner="ada"), on("tag", add=["outage"])):
            answer = await ben.post(BULK, act | {"tickets": [{"id": "x:1"}, {"id": "x:2"}]})
            assert answer.told["done"] == 2, act
            assert await states(engine, "x:1", "x:2") != before
            taken_back = await ben.post(UNDO, {"tickets": answer.told["undo"]})
            assert taken_back.told["done"] == 2, act
            assert await states(engine, "x:1", "x:2") == before

        await ben.post(BULK, on(SNOOZED, "x:1"))
        asleep = await states(engine, "x:1")
        answer = await ben.post(BULK, on("claim", "x:1"))
        await ben.post(UNDO, {"tickets": answer.told["undo"]})
        assert await states(engine, "x:1") == asleep, "to the same moment"

        same = await ben.post(BULK, on("acknowledge", "x:1"))
        assert (results(same)["x:1"], same.told["undo"]) == ((200, "unchanged"), [])

        answer = await ben.post(BULK, on("resolve", "x:1", "x:2"))
        undo = {"tickets": answer.told["undo"]}
        assert results(await ada.post(UNDO, undo))["x:1"] == (409, "refused"), "it was ben's"
        await ada.post("/v1/tickets/x:2/tags", {"add": ["vip"]}, If_Match="*")
        assert results(await ben.post(UNDO, undo)) == {"x:1": (200, "done"), "x:2": (412, "lost")}
        [history] = await ask(
            postgres_url,
            "select reason from ticket_changes where ticket_id = 'x:1' "
            "order by version desc limit 1",
        )
        assert history["reason"] == "undid: resolved"


async def test_what_the_customer_changed_meanwhile_and_what_was_long_ago_is_not_undone(
    simple, engine, postgres_url
):
    await simple.save([tweet(1, 95), tweet(2, 70)])
    async with web(simple, url=postgres_url) as address, Office(address, engine) as office:
        ben = await office.person("ben", "agent")
        answer = await ben.post(BULK, on("resolve", "x:1", "x:2"))
        await simple.save([tweet(3, 96, of=1, minute=1, text="hello?")])
        await do(
            postgres_url,
            "update ticket_changes set changed_at = changed_at - interval '1 minute' "
            "where ticket_id = 'x:2'",
        )
        undone = await ben.post(UNDO, {"tickets": answer.told["undo"]})
        details = {ticket["id"]: ticket["detail"] for ticket in undone.told["tickets"]}
        assert undone.told["done"] == 0
        assert details["x:1"].startswith("the ticket went on meanwhile")
        assert details["x:2"].startswith("this was done more than 30 seconds ago")
        assert (await states(engine, "x:1"))[0][0] == "open"


async def test_a_filter_means_what_the_queue_shows_to_who_sends_it(simple, engine, postgres_url):
    await simple.save([tweet(1, 95), tweet(2, 70), tweet(3, 80, brand="Other")])
    async with web(simple, url=postgres_url) as address, Office(address, engine) as office:
        ben = await office.person("ben", "agent")
        sky = await office.person("sky", "agent", "Other")
        await ben.post(BULK, on("resolve", "x:2"))
        tag = {"action": {"action": "tag", "add": ["outage"]}}

        assert results(await sky.post(BULK, tag | {"filter": {}})) == {"x:3": (200, "done")}
        shown = await ben.post(BULK, tag | {"filter": {"state": "Resolved"}})
        assert results(shown) == {"x:2": (200, "done")}
        both = await ben.post(BULK, tag | {"filter": {}})
        assert results(both) == {"x:1": (200, "done"), "x:3": (200, "unchanged")}

        for wrong, words in (
            (tag, "send either tickets or filter"),
            (tag | {"filter": {"colour": "red"}}, "colour: there is brand"),
            (tag | {"filter": {"text": "brnd:volt"}}, "brnd: is no operator"),
            (on("resolve"), "tickets"),
            (on("note", "x:1", text="hm"), "action"),
            ({**on("resolve"), "tickets": [{"id": "x:1", "edits": 1}]}, "go together"),
            ({**on("resolve"), "tickets": [{"id": "x:1"}] * (MAX_TICKETS + 1)}, "tickets"),
        ):
            refused = await ben.post(BULK, wrong)
            assert (refused.status, words in refused.told["detail"]) == (422, True), refused.told


async def test_a_filter_that_matches_more_than_goes_at_once_changes_nothing(
    simple, engine, postgres_url
):
    await simple.save([tweet(number, 70) for number in range(MAX_TICKETS + 1)])
    async with web(simple, url=postgres_url) as address, Office(address, engine) as office:
        ben = await office.person("ben", "agent")
        refused = await ben.post(BULK, {"action": {"action": "resolve"}, "filter": {}})
        assert (refused.status, f"more than {MAX_TICKETS}" in refused.told["detail"]) == (422, True)
        [row] = await ask(postgres_url, "select count(*) as n from tickets where edits > 0")
        assert row["n"] == 0
