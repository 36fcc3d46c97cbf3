"""Incidents as they are stored: gathered once, a live count, people decide, priorities know nothing
of it.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from history import deletion, tweet
from rows import ask
from sqlalchemy import event, text

from models.replier.draft import Candidate, Draft
from stream.bootstrap.last_looks import cluster_last
from stream.cli.show import incident_line
from stream.desk.reply_approval import Refused, approve
from stream.errors import UserError
from stream.incidents.answers import answer
from stream.incidents.clustering import IncidentClusterer, severity
from stream.incidents.store import Incidents
from stream.replies.store import LostReply, Replies


@pytest.fixture
async def incidents(simple):
    """Of a store that has listened for two days: what is usual is known."""
    await simple.save([quiet(9000 + n, -60 * (n + 1)) for n in range(47)])
    return Incidents(simple._engine)


@pytest.fixture
def replies(simple):
    return Replies(simple._engine)


async def crowd(store, numbers, **given):
    """Tickets with one problem, much alike and none the same."""
    await store.save([alike(n, **given) for n in numbers])


def quiet(number, minute, brand="Northwind Air"):
    """A ticket about anything."""
    scored = tweet(number, 60, minute=minute, author=f"b{number}", brand=brand)
    noise = np.random.default_rng(number).normal(size=384).astype(np.float16)
    return replace(scored, analysis=replace(scored.analysis, embedding=noise))


def alike(number, **given):
    scored = tweet(
        number, 70, minute=number, author=f"a{number}", text=f"stuck at gate {number}", **given
    )
    noise = np.random.default_rng(number).normal(0, 0.3, 384)
    said = (scored.analysis.embedding + noise).astype(np.float16)
    return replace(scored, analysis=replace(scored.analysis, embedding=said))


async def members(incidents, id, state="joined"):
    found = (await incidents.show_incident(id))["members"]
    return {row["ticket_id"] for row in found if row["state"] == state}


async def test_the_last_look_of_a_replay_finds_what_no_worker_has_looked_at(simple, incidents):
    await crowd(simple, range(6))
    began = datetime.now(UTC)

    async with incidents.sole("incidents"):
        waiting = asyncio.create_task(cluster_last(incidents, began))
        done, _ = await asyncio.wait({waiting}, timeout=0.2)
        assert not done, "a worker's own look is waited for"
    await waiting

    [shown] = await incidents.list_incidents()
    assert shown["tickets"] == 6
    line = " ".join(incident_line(shown).plain.split())
    assert "6 tickets, 6 open" in line
    assert "over since" in line, "its last ticket is of months ago"
    fresh = shown | {"last_at": datetime.now(UTC)}
    assert "goes on" in incident_line(fresh).plain


async def test_tickets_are_gathered_once_and_the_count_lives(simple, incidents):
    await crowd(simple, range(6))
    gatherer = IncidentClusterer(incidents)
    [id] = await gatherer.look()
    before = [
        (row["id"], row["version"], row["priority"]) for row in await simple.list_tickets(limit=99)
    ]
    assert await gatherer.look() == []
    assert await IncidentClusterer(incidents).look() == [], "another one finds nothing new"

    await crowd(simple, range(7))
    assert await gatherer.look() == [id]
    [shown] = await incidents.list_incidents()
    assert (shown["tickets"], shown["brand"], shown["problem"]) == (7, "Northwind Air", "long wait")
    assert {row[:3] for row in before} <= {
        (r["id"], r["version"], r["priority"]) for r in await simple.list_tickets(limit=99)
    }

    await simple.save([deletion(1)])
    [shown] = await incidents.list_incidents()
    assert shown["tickets"] == 6


class Reads:
    """Counts how often the tickets of an incident are read to be described, and how many."""

    def __init__(self, incidents):
        self.times = 0
        event.listen(incidents.engine.sync_engine, "before_cursor_execute", self._count)

    def _count(self, connection, cursor, statement, *_):
        self.times += "t.excerpt as text" in statement and "i.state = 'joined'" in statement


async def shown(incidents):
    [row] = await incidents.list_incidents()
    async with incidents.engine.connect() as connection:
        found = await connection.execute(text("select evidence, severity from incidents"))
        evidence, stored = found.one()
    return row, evidence, stored


async def test_a_ticket_that_joins_a_large_incident_does_not_read_all_others_again(
    simple, incidents
):
    """Described anew at each half of growth: 6, 9, 14, 21, 32, 48 tickets."""
    reads, clusterer = Reads(incidents), IncidentClusterer(incidents)
    await crowd(simple, range(6))
    await clusterer.look()
    for number in range(6, 50):
        await crowd(simple, [number])
        await clusterer.look()
        row, evidence, stored = await shown(incidents)
        assert row["tickets"] == evidence["tickets"] == number + 1
        assert evidence["p1"] == row["p1"]
        assert stored == severity(number + 1, row["p1"]), "right after each ticket"

    assert reads.times <= 6


async def test_an_incident_that_is_over_is_described_by_all_of_its_tickets(simple, incidents):
    clusterer = IncidentClusterer(incidents)
    for numbers in (range(6), range(6, 9), [9]):
        await crowd(simple, numbers)
        await clusterer.look()
    _, evidence, _ = await shown(incidents)
    assert evidence["described"] < evidence["tickets"] == 10

    async with incidents.engine.begin() as connection:
        await connection.execute(text("update incidents set updated_at = now() - interval '2 min'"))
    assert await incidents.close_quiet(timedelta(hours=3)) == 1

    row, evidence, _ = await shown(incidents)
    assert evidence["described"] == evidence["tickets"] == 10
    assert row["ended_at"] is not None


async def test_an_incident_of_an_earlier_version_is_described_at_its_next_ticket(simple, incidents):
    clusterer = IncidentClusterer(incidents)
    await crowd(simple, range(6))
    await clusterer.look()
    async with incidents.engine.begin() as connection:
        await connection.execute(
            text("update incidents set evidence = evidence - 'p1' - 'described'")
        )

    await crowd(simple, [6])
    await clusterer.look()

    _, evidence, _ = await shown(incidents)
    assert (evidence["tickets"], evidence["described"]) == (7, 7)


async def test_other_brands_and_other_days_are_other_incidents(simple, incidents):
    await simple.save([quiet(9100 + n, -60 * (n + 1), "Other") for n in range(47)])
    await crowd(simple, range(6))
    await crowd(simple, range(10, 16), brand="Other")
    await crowd(simple, range(6000, 6006))

    assert len(await IncidentClusterer(incidents).look()) == 3


async def test_what_a_person_decided_stays_and_can_be_taken_back(simple, incidents):
    await crowd(simple, range(6))
    gatherer = IncidentClusterer(incidents)
    [id] = await gatherer.look()

    await incidents.leave(id, "x:1", "ada")
    await crowd(simple, range(6))
    await gatherer.look()
    await IncidentClusterer(incidents).look()
    assert await members(incidents, id) == {"x:0", "x:2", "x:3", "x:4", "x:5"}
    assert await members(incidents, id, "left") == {"x:1"}

    await incidents.join(id, "x:1", "ada")
    assert "x:1" in await members(incidents, id)


async def test_a_ticket_is_in_one_incident_at_most(simple, incidents):
    await crowd(simple, range(6))
    await crowd(simple, range(6000, 6006))
    first, second = sorted(await IncidentClusterer(incidents).look())

    await incidents.join(second, "x:0", "ada")

    assert "x:0" in await members(incidents, second)
    assert "x:0" in await members(incidents, first, "left")
    assert [
        row["tickets"]
        for row in sorted(await incidents.list_incidents(), key=lambda row: row["id"])
    ] == [5, 7]


async def test_what_cannot_be_is_one_clear_line(simple, incidents):
    await crowd(simple, range(6))
    await crowd(simple, [50], brand="Other")
    [id] = await IncidentClusterer(incidents).look()

    for wrong, told in (
        (incidents.show_incident("incident:none"), "no incident"),
        (incidents.join("incident:none", "x:0", "ada"), "no incident"),
        (incidents.join(id, "x:404", "ada"), "no ticket x:404"),
        (incidents.join(id, "x:50", "ada"), "is a ticket of Other"),
        (incidents.leave(id, "x:50", "ada"), "is not in"),
    ):
        with pytest.raises(UserError, match=told):
            await wrong


async def test_an_incident_is_over_when_nobody_joins_any_more(simple, incidents):
    await crowd(simple, range(6))
    gatherer = IncidentClusterer(incidents)
    await gatherer.look()
    async with simple._engine.begin() as connection:
        await connection.execute(
            text("update incidents set updated_at = now() - interval '5 minutes'")
        )
    await gatherer.look()

    [shown] = await incidents.list_incidents()
    assert shown["ended_at"] is not None
    assert shown["ended_at"] < datetime.now(UTC)


async def test_answering_an_incident_drafts_for_each_ticket_in_words_of_its_own(
    simple, incidents, replies
):
    await crowd(simple, range(6))
    [id] = await IncidentClusterer(incidents).look()
    texts = [
        f"We have {word} your message and are working on it."
        for word in ("read", "seen", "got", "heard")
    ]
    texts = [
        f"{text} {extra}"
        for text, extra in zip(texts, ("Sorry", "A moment please", "Hold on", "Soon"), strict=True)
    ]

    def write(asked, lately):
        return [Draft(tuple(Candidate(text, -1.0) for text in texts), "stub 1") for _ in asked]

    told = await answer(sorted(await members(incidents, id)), replies, write, "ann")
    drafts = await replies.newest()

    assert len(told.drafted) == 6
    assert len({row["text"] for row in drafts}) == len(drafts) == len(told.drafted)
    assert {row["state"] for row in drafts} == {"draft"}, "each is approved by itself"
    assert {row["id"]: row["ticket_id"] for row in drafts} == {
        number: ticket for ticket, number in told.drafted.items()
    }
    assert told.summary() == "6 drafts written"


async def test_everybody_of_an_incident_is_told_the_same_in_other_words(simple, incidents, replies):
    await crowd(simple, range(12))
    [id] = await IncidentClusterer(incidents).look()

    def beside_the_matter(asked, lately):
        return [
            Draft((Candidate("So happy to hear that they took good care of you!", -1.0),), "stub 1")
            for _ in asked
        ]

    said = "A cable is cut; your line is back by 6 pm."
    told = await answer(
        sorted(await members(incidents, id)), replies, beside_the_matter, "ann", say=said
    )
    texts = [row["text"] for row in await replies.newest()]

    assert len(told.drafted) == len(set(texts)) == 12
    assert all(said in text and "happy" not in text for text in texts)
    with pytest.raises(UserError, match="too long"):
        await answer(
            ["x:404", *(await _unanswered(simple))],
            replies,
            beside_the_matter,
            "ann",
            say="word " * 100,
        )


async def test_a_long_sentence_reaches_all_of_a_large_incident_and_goes_by_one_press(
    simple, replies, postgres_url
):
    """The longer it is, the more alike are the answers around it; and no customer's message says
    what a person knows of the event.
    """
    await crowd(simple, range(100))
    tickets = [f"x:{number}" for number in range(100)]
    said = (
        "A digger cut a cable near Kirkmoor; our engineers are there with a new one, "
        "and your line is back by 6 pm."
    )
    told = await answer(tickets, replies, a_machine, "ann", say=said)
    rows = await replies.newest(["draft"], limit=200)

    assert (len(told.drafted), told.alike) == (100, [])
    assert len({row["text"] for row in rows}) == 100
    assert all(said in row["text"] for row in rows)
    assert "refuse a draft of such words (invented name, invented number" in told.summary()

    gone = await approve(replies, rows[0]["id"], "ben", seen=rows[0]["version"])
    assert (gone["state"], gone["text"]) == ("approved", rows[0]["text"])
    [note] = await ask(postgres_url, "select details from audit where action = 'approve'")
    despite = {"invented name", "invented number"}
    assert despite <= set(json.loads(note["details"])["despite"]), "the policy was against it"
    with pytest.raises(Refused, match="invented name"):  # once they are changed, as any others
        await approve(replies, rows[1]["id"], "ben", text=f"{rows[1]['text']} Thanks!")
    with pytest.raises(Refused, match="repeat"):
        await approve(replies, rows[2]["id"], "ben", text=rows[0]["text"])


async def _unanswered(simple):
    await crowd(simple, [90], brand="Other")
    return ["x:90"]


CABLE = "A cable is cut; your line is back by 6 pm."


def a_machine(asked, lately):
    return [
        Draft((Candidate(f"Sorry about {request.text}.", -1.0),), "stub 1") for request in asked
    ]


async def drafted_by_machine(replies, tickets):
    """What the drafter beside the stream does for each of them."""
    waiting = await replies.to_draft(tickets)
    drafts = a_machine([message.request for message in waiting], set())
    await replies.store(
        [(message, draft, None) for message, draft in zip(waiting, drafts, strict=True)]
    )
    return {row["ticket_id"]: row for row in await replies.newest()}


async def test_an_incidents_answer_takes_the_place_of_drafts_that_nobody_took_up(simple, replies):
    await crowd(simple, range(10))
    tickets = [f"x:{number}" for number in range(10)]
    by_machine = await drafted_by_machine(replies, tickets[:9])
    await replies.edit(by_machine["x:0"]["id"], "bob", "Call us, please.")
    await replies.approve(by_machine["x:1"]["id"], "bob")
    await replies.discard(by_machine["x:2"]["id"], "bob")

    told = await answer(tickets, replies, a_machine, "ann", say=CABLE)
    now = {row["ticket_id"]: row for row in await replies.newest()}

    assert sorted(told.drafted) == tickets[3:]
    assert (sorted(told.replaced), told.by_person) == (tickets[3:9], ["x:0", "x:1"])
    assert told.settled == ["x:2"], "a person wants no such answer there"
    assert told.summary() == (
        "7 drafts written, 6 of them in place of earlier drafts;"
        " 2 tickets have an answer by a person, left alone;"
        " 1 ticket waits for no draft (answered, decided, closed or not readable);"
        " the policy would refuse a draft of such words (invented number, claim), yours stand"
    )
    assert all(CABLE in now[ticket]["text"] for ticket in tickets[3:])
    assert now["x:0"]["text"] == "Call us, please."
    assert (now["x:1"]["state"], now["x:2"]["state"]) == ("approved", "discarded")
    for ticket in tickets[3:9]:
        candidates = [candidate["text"] for candidate in now[ticket]["candidates"]]
        assert by_machine[ticket]["text"] in candidates, "nothing is lost"
        assert (now[ticket]["state"], now[ticket]["changed_by"]) == ("draft", "ann")
    with pytest.raises(LostReply, match="ann changed this reply"):
        await replies.approve(by_machine["x:3"]["id"], "bob", seen=by_machine["x:3"]["version"])


async def test_a_second_answer_of_the_incident_corrects_the_first(simple, replies):
    await crowd(simple, range(5))
    tickets = [f"x:{number}" for number in range(5)]
    await answer(tickets, replies, a_machine, "ann", say="Back by 5 pm.")

    told = await answer(tickets, replies, a_machine, "ann", say=CABLE)

    assert sorted(told.replaced) == sorted(told.drafted) == tickets
    assert all(CABLE in row["text"] for row in await replies.newest())


async def test_the_drafter_does_not_draft_over_an_incidents_answer(simple, replies):
    await crowd(simple, range(1))
    [late] = await replies.to_draft(["x:0"])  # the drafter has begun when the answer comes

    await answer(["x:0"], replies, a_machine, "ann", say=CABLE)
    [written] = a_machine([late.request], set())
    assert await replies.store([(late, written, None)]) == []

    [row] = await replies.newest()
    assert row["state"] == "draft"
    assert CABLE in row["text"]
    async with replies.claim(10) as waiting:
        assert waiting == {}


async def test_a_reply_that_a_person_takes_up_meanwhile_is_left_alone(simple, replies):
    await crowd(simple, range(1))
    await drafted_by_machine(replies, ["x:0"])
    [seen] = await replies.to_draft(["x:0"], replacing=True)
    [row] = await replies.newest()
    await replies.edit(row["id"], "bob", "Call us, please.")

    assert await replies.store_in_place([(seen, a_machine([seen.request], set())[0])], "ann") == []

    [row] = await replies.newest()
    assert (row["state"], row["text"]) == ("draft", "Call us, please.")


async def test_a_persons_words_stay_where_the_customer_wrote_again(simple, replies):
    await simple.save([tweet(1, 70, text="stuck at the gate")])
    by_machine = await drafted_by_machine(replies, ["x:1"])
    await replies.edit(by_machine["x:1"]["id"], "bob", "Call us, please.")
    await simple.save([tweet(2, 70, text="still stuck", of=1, minute=5)])

    told = await answer(["x:1"], replies, a_machine, "ann", say=CABLE)

    assert (told.drafted, told.by_person) == ({}, ["x:1"])
    [row] = await replies.newest()
    assert (row["state"], row["text"]) == ("draft", "Call us, please.")
