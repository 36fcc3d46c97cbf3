"""Calls from the topic to the tickets: the real model, the real pipeline, a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from connectors.events import Deleted, Transcript, Turn, encode
from connectors.files import open_file
from models.analyzer import Analyzer
from models.artifact import default_artifact
from models.calls.analyzer import call_reader
from stream.brands import Brand, Brands
from stream.kafka import Outgoing
from stream.observe.health import Health
from stream.observe.metrics import Metrics
from stream.pipeline import Message, Pipeline
from stream.store.store import Store
from stream.triage.judgement import Judge

CALLS = Path(__file__).parents[1] / "data" / "calls"


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer(default_artifact(), threads=1)


@pytest.fixture
def sent() -> list[Outgoing]:
    return []


@pytest.fixture
def pipeline(analyzer, store, sent) -> Pipeline:
    async def publish(messages: Sequence[Outgoing]) -> None:
        sent.extend(messages)

    return Pipeline(
        judge=Judge(
            analyzer,
            Brands([Brand("SkyNorth", handles=("skynorth",), words=("skynorth",))]),
            call_reader(analyzer, default_artifact(), whole=True),
        ),
        store=store,
        dead_letters=store,
        publish=publish,
        cluster="test",
        metrics=Metrics(),
        health=Health(),
    )


def call(name: str) -> Transcript:
    [(event, _)] = open_file(CALLS / name, on_bad_row=pytest.fail)
    assert isinstance(event, Transcript)
    return event


def message(event: Transcript, offset: int = 0) -> Message:
    return Message(topic="transcripts", partition=0, offset=offset, value=encode(event))


def heard_so_far(event: Transcript, turns: int) -> Transcript:
    ended = turns == len(event.turns)
    return event.model_copy(
        update={"turns": event.turns[:turns], "revision": turns, "complete": ended}
    )


async def stored(store: Store, query: str) -> list[dict[str, Any]]:
    async with store._engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(text(query))).mappings()]


async def test_a_call_that_turns_sour_is_a_ticket_before_it_ends(pipeline, store):
    event = call("telecom_sour.json")
    levels: list[str | None] = []
    for turns in range(1, len(event.turns)):  # the last turn never comes
        await pipeline.process([message(heard_so_far(event, turns), turns)])
        tickets = await stored(store, "select * from tickets")
        levels.append(tickets[0]["level"] if tickets else None)

    assert levels[:4] == [None] * 4, "a problem is how calls begin, and no ticket"
    assert levels[-1] in ("P1", "P2")
    [ticket] = tickets
    words = {factor["name"]: factor["words"] for factor in ticket["factors"]}
    assert words["sour"].startswith("The caller loses patience: “")
    [row] = await stored(store, "select * from events")
    assert row["scores"]["call"]["complete"] is False
    assert [point[0] for point in row["scores"]["call"]["trajectory"]] == [1, 3, 5, 7]
    assert row["brand"] == "VoltLine"


async def test_a_call_that_leaves_something_to_do_is_a_ticket_that_says_what(pipeline, store, sent):
    await pipeline.process([message(call("airline_follow_up.vtt"))])

    [ticket] = await stored(store, "select * from tickets")
    words = {factor["name"]: factor["words"] for factor in ticket["factors"]}
    assert words["follow-up"].startswith("Somebody must follow up: “")
    [row] = await stored(store, "select * from events")
    assert row["scores"]["call"]["outcome"] == "follow_up"
    assert row["brand"] == "SkyNorth", "the agent named it"
    [told] = [each.value for each in sent if each.topic == "analyses"]
    assert told is not None
    assert b'"outcome":"follow_up"' in told
    assert b"supposed to wear" not in told
    assert words["follow-up"].partition("“")[2][:12].encode() not in told, "the topic quotes nobody"


async def test_a_resolved_and_content_call_is_stored_and_no_ticket(pipeline, store):
    await pipeline.process(
        [
            message(call(name), at)
            for at, name in enumerate(("health_resolved.txt", "telecom_named.csv"))
        ]
    )

    assert await stored(store, "select * from tickets") == []
    rows = await stored(
        store,
        "select sentiment, scores, embedding is not null as placed, text from events order by id",
    )
    assert [row["scores"]["call"]["outcome"] for row in rows] == ["resolved", "resolved"]
    assert {row["sentiment"] for row in rows} == {"positive"}
    assert all(row["placed"] for row in rows)
    assert "Priya speaking" not in rows[1]["text"], "the customer's side alone is kept"


async def test_a_call_of_an_agent_alone_is_kept_abstained_and_the_worker_goes_on(pipeline, store):
    alone = Transcript.model_validate(
        {
            "id": "call:alone",
            "conversation": "call:alone",
            "occurred_at": "2026-03-12T12:00:00Z",
            "turns": [{"speaker": "agent", "text": "Hello? Anybody?"}],
        }
    )
    await pipeline.process(
        [message(alone), message(alone.model_copy(update={"id": "call:none", "turns": ()}), 1)]
    )
    await pipeline.process([message(call("airline_follow_up.vtt"), 2)])

    rows = await stored(store, "select id, abstained, text from events order by id")
    assert [(row["id"], row["abstained"], row["text"]) for row in rows if row["abstained"]] == [
        ("call:alone", True, ""),
        ("call:none", True, ""),
    ]
    assert len(await stored(store, "select 1 from tickets")) == 1


async def test_a_speaker_of_no_known_kind_is_buried_with_what_was_expected(pipeline, store):
    value = encode(call("airline_follow_up.vtt")).replace(
        b'"speaker":"agent"', b'"speaker":"robot"'
    )
    await pipeline.process([Message(topic="transcripts", partition=0, offset=0, value=value)])

    [letter] = await store.list_dead()
    assert "turns.0.speaker" in letter.reason
    assert "'customer', 'agent' or 'unknown'" in letter.reason


async def test_turns_are_redacted_before_they_are_stored_or_quoted(pipeline, store):
    event = call("telecom_sour.json")
    said = Turn(
        speaker="customer",
        text="Call me on +44 20 7946 0958, this is ridiculous, I am furious, nobody helps!",
    )
    await pipeline.process(
        [message(event.model_copy(update={"turns": (*event.turns, said, said)}))]
    )

    [row] = await stored(
        store, "select text, scores::text as scores, turns::text as turns from events"
    )
    [ticket] = await stored(store, "select excerpt, factors::text as factors from tickets")
    assert not any("7946" in str(value) for value in (*row.values(), *ticket.values()))
    assert "[phone]" in row["text"]


def told(*turns: tuple[str, str]) -> Transcript:
    return Transcript.model_validate(
        {
            "id": "call:told",
            "conversation": "call:told",
            "occurred_at": "2026-03-12T12:00:00Z",
            "author": "jo",
            "turns": [{"speaker": speaker, "text": words} for speaker, words in turns],
        }
    )


GREETING = ("agent", "Thank you for calling VoltLine, Priya speaking, how can I help?")


async def test_both_sides_of_a_call_are_kept_until_it_is_taken_back(pipeline, store):
    event = call("telecom_sour.json")
    await pipeline.process([message(event)])

    [row] = await stored(store, "select turns from events")
    assert [turn["speaker"] for turn in row["turns"]] == [turn.speaker for turn in event.turns]
    assert [turn["text"] for turn in row["turns"]] == [turn.text for turn in event.turns]

    gone = Deleted(
        id=event.id, conversation=event.conversation, occurred_at=event.occurred_at, of="transcript"
    )
    await pipeline.process([Message("transcripts", 0, 1, encode(gone))])
    assert await stored(store, "select turns, scores from events") == [
        {"turns": None, "scores": None}
    ]


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("Your engineer left and now we can smell gas in the kitchen, my son feels sick.", "P1"),
        ("It got really hot and now there is smoke coming out of it.", "P1"),
        ("I see three transfers that I did not make, somebody takes my money right now.", "P1"),
        ("I have an old phone that I don't use anymore and I'm still billed for it.", "P3"),
        ("I looked at competitors and they have better offers.", "P3"),
        ("The screen is unresponsive and the mouse is dead.", "P3"),
    ],
)
async def test_harm_that_is_told_counts_and_other_words_of_a_call_that_is_over_hurry_nobody(
    pipeline, store, said, level
):
    promise = ("agent", "I'll look into it, we will call you back within 24 hours.")
    await pipeline.process(
        [message(told(GREETING, ("customer", said), promise, ("customer", "Okay, thanks.")))]
    )

    [ticket] = await stored(store, "select level, factors::text as factors from tickets")
    assert ticket["level"] == level, ticket["factors"]
