"""A look reads the tickets that changed; it sees what a look that reads all of them sees."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from history import deletion, tweet
from sqlalchemy import event

from stream.incidents import known_tickets
from stream.incidents.clustering import IncidentClusterer, Look
from stream.incidents.store import Incidents

BRAND = "Northwind Air"


def said(number: int, words: int = 0, **given):
    """A ticket whose text has another meaning for each `words`, and the same weight."""
    minute = given.pop("minute", number)
    scored = tweet(number, 70, minute=minute, author=f"a{number}", **given)
    assert scored.analysis is not None
    noise = np.random.default_rng(1000 * words + number).normal(0, 0.3, 384)
    vector = (scored.analysis.embedding + noise).astype(np.float16)
    return replace(scored, analysis=replace(scored.analysis, embedding=vector))


@pytest.fixture
async def listened(simple):
    """What is usual is known."""
    await simple.save([said(9000 + n, words=n, minute=-60 * (n + 1)) for n in range(47)])
    return simple


def seen(look: Look) -> tuple[object, ...]:
    tickets = [
        replace(ticket, embedding=None)
        if ticket.embedding is None
        else (replace(ticket, embedding=None), ticket.embedding.tobytes())
        for ticket in look.tickets
    ]
    past = {
        (brand, model): (of.embeddings.tobytes(), of.tickets.tolist(), of.listened.tolist())
        for brand, models in look.past.items()
        for model, of in models.items()
    }
    return tickets, [known.id for known in look.known], past


async def same(known: Incidents) -> Look:
    """The look of somebody who has looked before, which is that of somebody who has not."""
    look, fresh = await known.timed(None), await Incidents(known.engine).timed(None)
    assert seen(look) == seen(fresh)
    return look


async def test_an_edit_that_leaves_its_ticket_as_it_is_gives_it_its_new_meaning(listened):
    known = Incidents(listened._engine)
    await listened.save([said(n) for n in range(6)])
    before = await same(known)

    await listened.save([said(3, words=1, revision=1)])
    after = await same(known)

    assert seen(before) != seen(after)


@pytest.mark.parametrize("capacity", [5, 12_000])
@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_a_look_sees_what_is_stored(listened, seed, capacity, monkeypatch):
    monkeypatch.setattr(known_tickets, "CAPACITY", capacity)
    chance, known = random.Random(seed), Incidents(listened._engine)
    clusterer = IncidentClusterer(known)
    for round in range(5):
        batch = [said(chance.randrange(12), revision=round, words=round) for _ in range(4)]
        if round == 3:
            batch += [deletion(chance.randrange(12))]
        await listened.save(batch)
        await clusterer.look()
        [*listed] = await known.list_incidents()
        if listed and chance.random() < 0.7:
            members = (await known.show_incident(listed[0]["id"]))["members"]
            await known.leave(listed[0]["id"], chance.choice(members)["ticket_id"], "ada")
        await same(known)


async def test_a_further_ticket_reads_no_message_of_another(listened):
    known = Incidents(listened._engine)
    await listened.save([said(n) for n in range(20)])
    await known.timed(None)
    wanted: list[int] = []

    def count(connection, cursor, statement, parameters, *_):
        if "as wanted (id)" in statement:
            wanted.append(len(parameters[0]))

    event.listen(known.engine.sync_engine, "before_cursor_execute", count)
    await listened.save([said(20)])
    await known.timed(None)

    assert wanted == [1]
