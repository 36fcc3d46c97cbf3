"""What a customer said elsewhere, as a person wrote it down: through a pipeline into the ticket."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from drafted import GOOD
from fakes import sentiment_of_length
from history import tweet
from rows import ask

from connectors.events import Tweet
from models.replier.draft import Draft
from stream.brands import Brands
from stream.desk.erasure import find_theirs, forget
from stream.desk.joining import Joining
from stream.desk.tickets import Desk, Seen
from stream.observe.health import Health
from stream.observe.metrics import Metrics
from stream.pipeline import Message, Pipeline
from stream.replies.store import Replies
from stream.triage.judgement import Judge
from stream.web.joined_acts import TakeBack, add_words

WORDS = "She rang from +44 20 7946 0958, mail zoe@quill.example: nobody came, she waits since noon."


async def nowhere(saved):
    """Publishes nothing."""


@pytest.fixture
async def desk(simple, engine):
    """Services of a desk whose worker has read what they published when `publish` returns."""
    offsets: dict[str, int] = {}
    pipeline = Pipeline(
        judge=Judge(sentiment_of_length, Brands([])),
        store=simple,
        dead_letters=simple,
        publish=nowhere,
        cluster="test",
        metrics=Metrics(),
        health=Health(),
    )

    async def publish(messages):
        for sent in messages:
            offset = offsets[sent.topic] = offsets.get(sent.topic, -1) + 1
            await pipeline.process([Message(sent.topic, 0, offset, sent.value)])

    await simple.save([tweet(1, 60, author="zora_quill")])
    return SimpleNamespace(
        desk=Desk(engine),
        joining=Joining(engine, simple),
        publish=publish,
    )


async def test_what_they_said_elsewhere_is_redacted_judged_and_folded_and_taken_back(
    simple, desk, postgres_url
):
    row, id = await add_words(desk, "x:1", WORDS, "phone", "ada")

    [stored] = await ask(
        postgres_url,
        "select kind, network, direction, author, brand, text, sentiment from events"
        f" where id = '{id}'",
    )
    assert tuple(stored)[:5] == ("complaint", "note", "inbound", "zora_quill", "Northwind Air")
    assert "7946" not in stored["text"]
    assert "zoe@" not in stored["text"]
    assert "nobody came" in stored["text"]
    assert stored["sentiment"] == "negative"
    ticket = await desk.desk.ticket("x:1")
    assert (ticket["messages"], ticket["priority"]) == (2, len(stored["text"])), "it counts"
    assert "added what they said by phone" in {
        change["reason"] for change in await desk.desk.history("x:1")
    }

    after = Seen(row["edits"], ticket["version"])
    await TakeBack(desk)("x:1", "ada", seen=after)

    ticket = await desk.desk.ticket("x:1")
    assert (ticket["messages"], ticket["priority"]) == (1, 60)
    [stored] = await ask(postgres_url, f"select kind, text from events where id = '{id}'")
    assert tuple(stored) == ("deleted", None)


async def test_the_answer_goes_to_the_last_message_that_a_network_can_carry(desk, engine):
    await add_words(desk, "x:1", WORDS, "phone", "ada")
    replies = Replies(engine)

    [asked] = await replies.to_draft(["x:1"])
    [number] = await replies.store([(asked, Draft((GOOD,), "replies-1"), None)])

    reply = await replies.find(number)
    assert (reply["event_id"], reply["network"]) == ("x:1", "x")


@pytest.mark.parametrize("network", [None, "x"])
async def test_who_is_forgotten_is_forgotten_in_what_was_written_down_of_them(
    desk, engine, postgres_url, network
):
    _, id = await add_words(desk, "x:1", "the zebra case of 4711", "letter", "ada")

    assert (await find_theirs(engine, "@Zora_Quill", network)).messages == 2
    gone = await forget(engine, "@Zora_Quill", actor="root", network=network, publish=nowhere)

    assert gone.messages == 2
    left = str(await ask(postgres_url, "select t::text from events t"))
    left += str(await ask(postgres_url, "select t::text from ticket_changes t"))
    left += str(await ask(postgres_url, "select t::text from tickets t"))
    assert "zora" not in left
    assert "zebra" not in left
    assert id in left, "a tombstone keeps it from coming back"


async def test_words_of_another_network_are_kept_when_one_network_is_forgotten(
    simple, desk, engine
):
    alike = tweet(2, 70, author="zora_quill")
    event = Tweet(**(alike.event.model_dump() | {"id": "bluesky:2", "conversation": "bluesky:2"}))
    await simple.save([type(alike)(event, "there", "Northwind Air", alike.analysis)])
    await add_words(desk, "bluesky:2", WORDS, "phone", "ada")

    gone = await forget(engine, "zora_quill", actor="root", network="x", publish=nowhere)

    assert gone.messages == 1
    assert (await desk.desk.ticket("bluesky:2"))["messages"] == 2


@pytest.mark.parametrize("moved", ["merged", "split"])
async def test_words_that_moved_are_still_of_the_network_where_they_were_noted(
    simple, desk, engine, moved
):
    alike = tweet(2, 70, author="bob")
    event = Tweet(**(alike.event.model_dump() | {"id": "bluesky:2", "conversation": "bluesky:2"}))
    await simple.save([type(alike)(event, "there", "Northwind Air", alike.analysis)])
    _, id = await add_words(desk, "x:1", WORDS, "phone", "ada")
    if moved == "merged":
        await desk.joining.merge("x:1", "bluesky:2", "ada")
    else:
        await desk.joining.split("x:1", [id], "ada")

    gone = await forget(engine, "zora_quill", actor="root", network="x", publish=nowhere)

    assert gone.messages == 2
