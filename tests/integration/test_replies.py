"""Drafts and decisions in a real database: once for each message, and nothing goes that a person
has not let go.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import pytest
from history import answer, deletion, tweet
from rows import ask

from models.replier.draft import Candidate, Draft, Refusal, ReplyRequest
from stream.brands import Automatic, Brand, Brands
from stream.desk.reply_approval import begin
from stream.errors import UserError
from stream.observe.metrics import Metrics
from stream.postgres.database import open_engine
from stream.replies.drafting import URGENT, Drafter
from stream.replies.replier_process import ReplierAway
from stream.replies.store import Replies

NORTHWIND = Brand("Northwind Air", automatic=Automatic(frozenset({"praise"}), 1))


@pytest.fixture
async def replies(postgres_url):
    engine = open_engine(postgres_url)
    yield Replies(engine)
    await engine.dispose()


class Writer:
    """Answers with the message's own words, and remembers what it was asked."""

    def __init__(self, *, passes: bool = True) -> None:
        self.asked: list[ReplyRequest] = []
        self.lately: set[str] = set()
        self._refusals = () if passes else (Refusal("promise", "promises something"),)

    async def __call__(
        self, requests: Sequence[ReplyRequest], lately: Collection[str]
    ) -> list[Draft]:
        if any("poison" in request.text for request in requests):
            raise RuntimeError("cannot")
        self.asked += requests
        self.lately |= set(lately)
        return [
            Draft(
                (Candidate(f"Sorry about: {request.text}", -1.5, "model", self._refusals),),
                "replier-1",
            )
            for request in requests
        ]


def drafting(replies: Replies, writer: Writer) -> Drafter:
    return Drafter(replies, writer, Brands([NORTHWIND]), Metrics(), busy=lambda: False)


async def drafted(drafting: Drafter) -> None:
    """Tickets were stored, and the drafter has taken notice."""
    drafting.ring()
    await drafting.round()


async def test_a_ticket_is_drafted_for_once_however_often_it_is_told(simple, replies):
    writer = Writer()
    await simple.save([tweet(1, 70, text="my bag is lost"), tweet(2, 60)])

    for _ in range(2):
        await drafted(drafting(replies, writer))

    assert sorted(request.text for request in writer.asked) == ["my bag is lost", "still waiting"]
    rows = {row["ticket_id"]: row for row in await replies.newest()}
    assert rows.keys() == {"x:1", "x:2"}
    row = rows["x:1"]
    assert (row["event_id"], row["state"], row["text"]) == (
        "x:1",
        "draft",
        "Sorry about: my bag is lost",
    )
    assert row["candidates"] == [
        {"text": row["text"], "score": -1.5, "source": "model", "refusals": []}
    ]
    assert row["model_version"] == "replier-1"


async def test_what_people_sent_for_such_a_message_comes_with_the_request(
    simple, replies, postgres_url
):
    """Of the brand and topic, near by the embedding, decided by a person; never the machine's."""
    await simple.save(
        [tweet(number, 70, text=f"bag {number}", topic="bag") for number in range(1, 6)]
    )
    await drafted(drafting(replies, Writer()))
    await ask(
        postgres_url,
        "update events set model_version = 'm', embedding ="
        " array_fill(case when id = 'x:4' then -1 else 1 end, array[384])::real[]::halfvec",
    )
    await ask(
        postgres_url,
        "update replies set state = 'sent', text = 'Sorry, we look for ' || event_id,"
        " approved_by = case when event_id = 'x:3' then 'automatic' else 'ada' end"
        " where event_id in ('x:2', 'x:3', 'x:4')",
    )
    await ask(postgres_url, "update replies set state = 'discarded' where event_id = 'x:5'")

    [wanted] = await replies.to_draft(["x:1"], replacing=True)
    assert wanted.request.past == (("bag 2", "Sorry, we look for x:2"),)


async def test_a_new_message_is_answered_and_the_older_draft_discarded(simple, replies):
    await simple.save([tweet(1, 70)])
    await drafted(drafting(replies, Writer()))
    await simple.save([tweet(2, 80, of=1, minute=5, text="well?")])
    await drafted(drafting(replies, Writer()))

    newest, older = await replies.newest()
    assert (newest["event_id"], newest["state"]) == ("x:2", "draft")
    assert (older["event_id"], older["state"], older["reason"]) == (
        "x:1",
        "discarded",
        "the customer wrote again",
    )


async def test_an_older_message_is_never_gone_back_to_once_the_last_has_a_draft(simple, replies):
    writer = Writer()
    await simple.save([tweet(1, 70), tweet(2, 80, of=1, minute=5, text="well?")])

    for _ in range(2):
        await drafted(drafting(replies, writer))

    assert [request.text for request in writer.asked] == ["well?"]
    [row] = await replies.newest()
    assert (row["event_id"], row["state"]) == ("x:2", "draft")
    await replies.discard(row["id"], "ada")
    assert await replies.to_draft(["x:1"], unread=True) == []


async def test_what_is_answered_or_withdrawn_gets_no_draft(simple, replies):
    writer = Writer()
    await simple.save([tweet(1, 70), answer(2, of=1, minute=1)])
    await simple.save([tweet(3, 70)])
    await simple.save([deletion(3)])

    await drafted(drafting(replies, writer))

    assert writer.asked == []


async def test_one_ticket_that_cannot_be_drafted_for_costs_the_others_nothing(simple, replies):
    await simple.save([tweet(1, 70), tweet(2, 70, text="poison"), tweet(3, 70)])

    await drafted(drafting(replies, Writer()))

    assert sorted(row["ticket_id"] for row in await replies.newest()) == ["x:1", "x:3"]


async def test_tickets_that_nobody_was_told_of_are_drafted_for_too(simple, replies):
    writer = Writer()
    await simple.save(
        [
            tweet(1, 60),
            tweet(2, 90),
            tweet(3, 60, text="poison"),
            tweet(4, 60),
            answer(5, of=4, minute=1),
        ]
    )
    await simple.save([tweet(6, 60, text="again", of=1, minute=9)])

    sweeping = drafting(replies, writer)
    for _ in range(2):
        await sweeping.round()

    assert sorted(row["ticket_id"] for row in await replies.newest()) == ["x:1", "x:2"]
    assert sorted(request.text for request in writer.asked) == ["again", "still waiting"]


@pytest.mark.parametrize(
    ("topic", "anger", "passes", "state"),
    [
        ("praise", 60, True, "draft"),  # severity 2
        ("praise", 30, True, "approved"),
        ("praise", 30, False, "draft"),
        ("delay", 30, True, "draft"),
    ],
)
async def test_a_person_decides_unless_the_brand_said_otherwise(
    simple, replies, postgres_url, topic, anger, passes, state
):
    await simple.save([tweet(1, 60, topic=topic)])
    await ask(postgres_url, "update events set severity = $1", anger // 25)
    await ask(postgres_url, "update tickets set level = 'P3'")

    await drafted(drafting(replies, Writer(passes=passes)))

    [row] = await replies.newest()
    assert (row["state"], row["approved_by"]) == (
        state,
        "automatic" if state == "approved" else None,
    )


async def test_a_person_approves_in_other_words_which_can_be_learned_from(
    simple, replies, postgres_url
):
    await simple.save([tweet(1, 70, text="my bag is lost")])
    await drafted(drafting(replies, Writer()))
    [row] = await replies.newest()

    approved = await replies.approve(
        row["id"], "ada", words=" We are on it, Ada. ", despite=[Refusal("name", "a name")]
    )

    assert (approved["state"], approved["text"], approved["approved_by"]) == (
        "approved",
        "We are on it, Ada.",
        "ada",
    )
    assert await replies.edits() == [
        {
            "customer_text": "my bag is lost",
            "draft": "Sorry about: my bag is lost",
            "final": "We are on it, Ada.",
            "brand": "Northwind Air",
        }
    ]
    [note] = await ask(postgres_url, "select who, action, subject, details from audit")
    assert (note["who"], note["action"], note["subject"]) == (
        "ada",
        "approve",
        f"reply:{row['id']}",
    )
    assert json.loads(note["details"]) == {"edited": True, "despite": ["name"]}
    assert await replies.lately("Northwind Air") == ["We are on it, Ada."]
    assert await replies.lately("Other") == []


async def test_a_decision_is_made_once(simple, replies):
    await simple.save([tweet(1, 70)])
    await drafted(drafting(replies, Writer()))
    [row] = await replies.newest()
    await replies.approve(row["id"], "ada")

    with pytest.raises(UserError, match="is approved already"):
        await replies.approve(row["id"], "bob")
    assert (await replies.discard(row["id"], "bob"))["state"] == "discarded"
    with pytest.raises(UserError, match="not uncertain"):
        await replies.settle(row["id"], "bob", sent=True)
    with pytest.raises(UserError, match="there is no reply 99"):
        await replies.approve(99, "ada")


async def test_the_most_urgent_are_drafted_for_first_and_only_they_while_messages_wait(
    simple, replies, postgres_url
):
    writer, busy = Writer(), True
    await simple.save([tweet(n, 70) for n in range(1, 41)])
    await ask(postgres_url, "update tickets set priority = 2 * substr(id, 3)::int")
    agent = Drafter(replies, writer, Brands([NORTHWIND]), Metrics(), busy=lambda: busy)

    agent.ring()
    await agent.round()
    drafted_for = {row["ticket_id"] for row in await replies.newest(limit=100)}
    assert drafted_for == {f"x:{n}" for n in range(URGENT // 2, 41)}, "those of P2 and above"

    busy = False
    await agent.round()
    assert len(writer.asked) == 40


async def test_a_ticket_that_gets_no_draft_is_looked_at_again_when_it_changes(simple, replies):
    writer = Writer()
    agent = drafting(replies, writer)
    await simple.save([tweet(1, 70, text="poison")])
    await drafted(agent)
    assert writer.asked == []

    await simple.save([tweet(2, 70, of=1, minute=5, text="well?")])
    await drafted(agent)

    assert [request.text for request in writer.asked] == ["well?"]


async def test_without_a_bell_nothing_is_looked_for_until_some_time_has_passed(simple, replies):
    now, writer = 0.0, Writer()
    agent = Drafter(
        replies, writer, Brands([NORTHWIND]), Metrics(), busy=lambda: False, clock=lambda: now
    )
    await agent.round()
    await simple.save([tweet(1, 70)])

    await agent.round()
    assert writer.asked == []

    now = 60.0
    await agent.round()
    assert len(writer.asked) == 1


async def test_drafters_side_by_side_take_different_tickets(simple, replies):
    await simple.save([tweet(n, 70) for n in range(1, 6)])

    async with replies.claim(3) as first, replies.claim(3) as second:
        assert len(first) == 3
        assert len(second) == 2
        assert not first.keys() & second.keys()
    async with replies.claim(9) as again:
        assert len(again) == 5


async def test_where_nobody_can_draft_it_is_told_and_tried_again_later(simple, replies, caplog):
    now, writer = 0.0, Writer()

    async def away(requests: object, lately: object) -> list[Draft]:
        raise ReplierAway("replier.json is missing")

    await simple.save([tweet(1, 70)])
    agent = Drafter(
        replies, away, Brands([NORTHWIND]), Metrics(), busy=lambda: False, clock=lambda: now
    )
    await drafted(agent)
    await agent.round()
    assert caplog.text.count("no replies are drafted: replier.json is missing") == 1

    now, agent._write = 61.0, writer
    await agent.round()
    assert [request.text for request in writer.asked] == ["still waiting"]


async def test_what_the_model_could_not_read_gets_no_draft_but_a_person_can_answer_it(
    store, replies
):
    await store.save(
        [
            tweet(1, 90),
            tweet(2, None, of=1, minute=5, text="Ich warte noch immer auf meinen Koffer!"),
        ]
    )

    assert [one.event_id for one in await replies.to_draft(["x:1"])] == ["x:1"]
    number = await begin(
        replies, "x:1", "Es tut uns sehr leid. Bitte schreiben Sie uns eine Direktnachricht."
    )

    row = await replies.find(number)
    assert (row["event_id"], row["state"], row["model_version"]) == ("x:2", "draft", "a person")
    with pytest.raises(UserError, match="not sent yet"):
        await begin(replies, "x:1", "Noch einmal.")
