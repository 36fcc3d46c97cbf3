"""Small conversations told in the wrong order: what is stored is what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import zip_longest

import pytest
from acceptance.stage import Outcome, Stage, embedded_stage

from connectors.events import Deleted, Event, Tweet

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
ANGRY = (
    "You cancelled my flight and nobody answers. "
    "Worst airline ever, I want my refund or I will see you in court!"
)
ANGRIER = (
    "You cancelled my flight, lost my bag and nobody answers. "
    "I am furious, my lawyer will call you!!"
)

PLACED = (
    "id",
    "conversation",
    "in_reply_to",
    "brand",
)  # what differs between two tellings of one story


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One for all: each test has ids and a brand of its own."""
    with embedded_stage() as made:
        yield made


def post(at: int, revision: int = 0, text: str = ANGRY) -> Tweet:
    return Tweet(
        id=f"x:{at}",
        conversation=f"x:{at}",
        revision=revision,
        occurred_at=NOON,
        brand=brand(at),
        text=text,
    )


def edit(at: int, revision: int = 1, text: str = ANGRIER) -> Tweet:
    return post(at, revision, text)


def deletion(at: int) -> Deleted:
    return Deleted(id=f"x:{at}", conversation=f"x:{at}", occurred_at=NOON, brand=brand(at))


def brand(at: int) -> str:
    """Of the test that says it: each has a hundred ids."""
    return f"Brand {at // 100}"


def answer(at: int) -> Tweet:
    return Tweet(
        id=f"x:{at + 5000}",
        conversation=f"x:{at}",
        in_reply_to=f"x:{at}",
        occurred_at=NOON + timedelta(minutes=30),
        direction="outbound",
        brand=brand(at),
        text="We are sorry, we look into it.",
    )


async def tell(stage: Stage, *stories: Sequence[Event]) -> None:
    """One event of every story at a time, each when the one before it is stored."""
    if not stage.workers:
        await stage.ready_worker()
    for step in zip_longest(*stories):
        await stage.feed(event for event in step if event is not None)
        await stage.drained()


async def tell_at_once(stage: Stage, *stories: Sequence[Event]) -> None:
    """Every story in one go, so that its events meet in one batch."""
    await stage.feed(event for story in stories for event in story)
    await stage.drained()


async def outcome_of(stage: Stage, at: int) -> Outcome:
    """What there is of the test that has the hundred ids with `at` among them."""
    everything = await stage.outcome()
    return Outcome(
        events={id: row for id, row in everything.events.items() if row["brand"] == brand(at)},
        event_rows=await stage.ask("select count(*)::int from events where brand = $1", brand(at)),
        tickets={id: row for id, row in everything.tickets.items() if row["brand"] == brand(at)},
        counts={cell: sums for cell, sums in everything.counts.items() if cell[0] == brand(at)},
        counted={cell: sums for cell, sums in everything.counted.items() if cell[0] == brand(at)},
    )


async def the_same(stage: Stage, table: str, ids: Sequence[int]) -> dict:
    """The row that all of these have, but for the ids in it."""
    found = (await stage.outcome()).events if table == "events" else (await stage.outcome()).tickets
    rows = [
        {name: value for name, value in found[f"x:{at}"].items() if name not in PLACED}
        for at in ids
    ]
    assert all(row == rows[0] for row in rows)
    return rows[0]


async def test_an_edit_counts_before_after_and_instead_of_its_post(stage: Stage):
    last = "I gave up. Never again, worst airline ever, I want my refund!"

    def stories(first: int) -> list[list[Event]]:
        one, two, three, four, five = range(first, first + 5)
        return [
            [post(one), edit(one), edit(one, 2, last)],
            [edit(two, 2, last), edit(two), post(two)],
            [edit(three), edit(three, 2, last), post(three)],
            [edit(four, 2, last)],
            [post(five), edit(five, 2, last), edit(five, 2, last), post(five)],
        ]

    await tell(stage, *stories(101))
    await tell_at_once(stage, *stories(111))

    everyone = [*range(101, 106), *range(111, 116)]
    event = await the_same(stage, "events", everyone)
    assert (event["text"], event["revision"]) == (last, 2)
    assert (await the_same(stage, "tickets", everyone))["messages"] == 1
    outcome = await outcome_of(stage, 101)
    assert outcome.event_rows == len(everyone)
    assert outcome.counts == outcome.counted
    assert sum(cell[0] for cell in outcome.counts.values()) == len(everyone)


async def test_a_deletion_before_its_post_leaves_nothing_of_it(stage: Stage):
    def stories(first: int) -> list[list[Event]]:
        one, two, three, four = range(first, first + 4)
        return [
            [deletion(one), post(one), edit(one)],
            [post(two), edit(two), deletion(two)],
            [edit(three), deletion(three), post(three)],
            [deletion(four)],
        ]

    await tell(stage, *stories(201), [post(209)])
    await tell_at_once(stage, *stories(211))

    everyone = [*range(201, 205), *range(211, 215)]
    event = await the_same(stage, "events", everyone)
    assert (event["kind"], event["text"], event["author"], event["sentiment"]) == (
        "deleted",
        None,
        None,
        None,
    )
    outcome = await outcome_of(stage, 201)
    assert list(outcome.tickets) == ["x:209"]
    assert outcome.counts == outcome.counted
    assert sum(cell[0] for cell in outcome.counts.values()) == 1
    changes = await stage.rows(
        "select * from ticket_changes where ticket_id = any($1)", [f"x:{at}" for at in everyone]
    )
    assert "lawyer" not in str(changes)


async def test_an_answer_before_its_question_marks_it_answered(stage: Stage):
    def stories(first: int) -> list[list[Event]]:
        one, two = first, first + 1
        return [[post(one), answer(one)], [answer(two), post(two)]]

    await tell(stage, *stories(301), [answer(303)], [post(304)])
    await tell_at_once(stage, *stories(311))

    ticket = await the_same(stage, "tickets", [301, 302, 311, 312])
    assert ticket["answered_at"] == NOON + timedelta(minutes=30)
    assert ticket["messages"] == 2
    outcome = await outcome_of(stage, 301)
    assert outcome.tickets["x:304"]["answered_at"] is None
    assert "x:303" not in outcome.tickets, "an answer without a question makes no ticket"
    assert sum(cell[0] for cell in outcome.counts.values()) == 5, "the brand's own are not counted"
