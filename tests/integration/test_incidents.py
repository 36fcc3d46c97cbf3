"""Incidents as they are stored: gathered once, a live count, people decide, priorities know nothing
of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from history import deletion, tweet
from sqlalchemy import text

from models.replier.draft import Candidate, Draft
from stream.errors import UserError
from stream.incidents.answers import answer
from stream.incidents.clustering import IncidentClusterer
from stream.incidents.store import Incidents
from stream.replies.store import Replies


@pytest.fixture
async def incidents(simple):
    return Incidents(simple._engine)


async def crowd(store, numbers, **given):
    """Tickets with one problem, much alike and none the same."""
    await store.save([alike(n, **given) for n in numbers])


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


async def test_tickets_are_gathered_once_and_the_count_lives(simple, incidents):
    await crowd(simple, range(5))
    gatherer = IncidentClusterer(incidents)
    [id] = await gatherer.look()
    before = [(row["id"], row["version"], row["priority"]) for row in await simple.list_tickets()]
    assert await gatherer.look() == []
    assert await IncidentClusterer(incidents).look() == [], "another one finds nothing new"

    await crowd(simple, range(7))
    assert await gatherer.look() == [id]
    [shown] = await incidents.list_incidents()
    assert (shown["tickets"], shown["brand"], shown["problem"]) == (7, "Northwind Air", "long wait")
    assert {row[:3] for row in before} <= {
        (r["id"], r["version"], r["priority"]) for r in await simple.list_tickets()
    }

    await simple.save([deletion(1)])
    [shown] = await incidents.list_incidents()
    assert shown["tickets"] == 6


async def test_other_brands_and_other_days_are_other_incidents(simple, incidents):
    await crowd(simple, range(4))
    await crowd(simple, range(10, 14), brand="Other")
    await crowd(simple, range(6000, 6004))

    assert len(await IncidentClusterer(incidents).look()) == 3


async def test_what_a_person_decided_stays_and_can_be_taken_back(simple, incidents):
    await crowd(simple, range(5))
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
    await crowd(simple, range(4))
    await crowd(simple, range(6000, 6004))
    first, second = sorted(await IncidentClusterer(incidents).look())

    await incidents.join(second, "x:0", "ada")

    assert "x:0" in await members(incidents, second)
    assert "x:0" in await members(incidents, first, "left")
    assert [
        row["tickets"]
        for row in sorted(await incidents.list_incidents(), key=lambda row: row["id"])
    ] == [3, 5]


async def test_what_cannot_be_is_one_clear_line(simple, incidents):
    await crowd(simple, range(4))
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
    await crowd(simple, range(4))
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


async def test_answering_an_incident_drafts_for_each_ticket_in_words_of_its_own(simple, incidents):
    await crowd(simple, range(5))
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

    replies = Replies(simple._engine)
    told = await answer(sorted(await members(incidents, id)), replies, write)
    drafts = await replies.newest()

    assert len(told.drafted) == 5
    assert len({row["text"] for row in drafts}) == len(drafts) == len(told.drafted)
    assert {row["state"] for row in drafts} == {"draft"}, "each is approved by itself"
    assert {row["id"]: row["ticket_id"] for row in drafts} == {
        number: ticket for ticket, number in told.drafted.items()
    }
    again = await answer(sorted(told.drafted), replies, write)
    assert (again.drafted, sorted(again.waiting)) == ({}, sorted(told.drafted))


async def test_everybody_of_an_incident_is_told_the_same_in_other_words(simple, incidents):
    await crowd(simple, range(12))
    [id] = await IncidentClusterer(incidents).look()
    replies = Replies(simple._engine)

    def beside_the_matter(asked, lately):
        return [
            Draft((Candidate("So happy to hear that they took good care of you!", -1.0),), "stub 1")
            for _ in asked
        ]

    said = "A cable is cut; your line is back by 6 pm."
    told = await answer(sorted(await members(incidents, id)), replies, beside_the_matter, say=said)
    texts = [row["text"] for row in await replies.newest()]

    assert len(told.drafted) == len(set(texts)) == 12
    assert all(said in text and "happy" not in text for text in texts)
    with pytest.raises(UserError, match="too long"):
        await answer(
            ["x:404", *(await _unanswered(simple))], replies, beside_the_matter, say="word " * 100
        )


async def _unanswered(simple):
    await crowd(simple, [90], brand="Other")
    return ["x:90"]
