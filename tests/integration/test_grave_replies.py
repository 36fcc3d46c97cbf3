"""Replies where somebody may come to harm: never sent by themselves, never an incident's words."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest
from history import tweet
from rows import ask

from models.replier.draft import Candidate, Draft, ReplyRequest
from stream.brands import Automatic, Brand, Brands
from stream.incidents.answers import answer
from stream.observe.metrics import Metrics
from stream.postgres.database import open_engine
from stream.replies.drafting import Drafter
from stream.replies.store import Replies

BRAND = Brand("Northwind Air", trade="airline", automatic=Automatic(frozenset({"delay"}), 2))
GRAVE = "the socket on your plane is on fire and my daughter is trapped"


@pytest.fixture
async def replies(postgres_url):
    engine = open_engine(postgres_url)
    yield Replies(engine)
    await engine.dispose()


class Writer:
    """Answers each message alike, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[ReplyRequest] = []

    async def __call__(
        self, requests: Sequence[ReplyRequest], lately: Collection[str]
    ) -> list[Draft]:
        return self.write(requests, lately)

    def write(self, requests: Sequence[ReplyRequest], lately: Collection[str]) -> list[Draft]:
        self.asked += requests
        return [
            Draft((Candidate(f"Sorry about: {request.text}", 0.0, "template"),), "replier-1")
            for request in requests
        ]


async def written(simple, postgres_url, **texts: str) -> None:
    """P3 tickets of no severity about a delay."""
    await simple.save(
        [
            tweet(number, 60, text=text, topic="delay")
            for number, text in enumerate(texts.values(), 1)
        ]
    )
    await ask(postgres_url, "update events set severity = 0, scores = null")
    await ask(postgres_url, "update tickets set level = 'P3'")


async def test_what_may_harm_somebody_waits_for_a_person_whatever_the_brand_allows(
    simple, replies, postgres_url
):
    await written(simple, postgres_url, grave=GRAVE, late="forty minutes late")
    writer = Writer()

    await Drafter(replies, writer, Brands([BRAND]), Metrics(), busy=lambda: False).round()

    states = {row["ticket_id"]: row["state"] for row in await replies.newest()}
    assert states == {"x:1": "draft", "x:2": "approved"}
    assert {request.gravity for request in writer.asked} == {"danger", None}
    assert {request.trade for request in writer.asked} == {"airline"}


async def test_the_reasons_that_triage_stored_come_with_the_request(simple, replies, postgres_url):
    await written(simple, postgres_url, calm="how do I do that")
    await ask(
        postgres_url,
        """update events set scores = '{"reasons": {"question": 0.8, "medical": 0.5}}'""",
    )

    [waiting] = await replies.to_draft(["x:1"])

    assert (waiting.request.gravity, waiting.request.reason) == ("medical", "question")


@pytest.mark.parametrize("say", [None, "A digger cut our cable, we are on it."])
async def test_an_incidents_words_are_not_said_to_somebody_in_danger(
    simple, replies, postgres_url, say
):
    await written(simple, postgres_url, grave=GRAVE, late="forty minutes late")

    await answer(["x:1", "x:2"], replies, Writer().write, "ann", say=say)

    texts = {row["ticket_id"]: row["text"] for row in await replies.newest()}
    assert texts["x:1"] == f"Sorry about: {GRAVE}"
    assert say is None or say in texts["x:2"]
