"""Small conversations told in the wrong order: what is stored is what was meant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import zip_longest

from acceptance.stage import Stage

from connectors.events import Deleted, Event, Tweet

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
ANGRY = "You cancelled my flight and nobody answers. Worst airline ever, I want my refund or I will see you in court!"
ANGRIER = "You cancelled my flight, lost my bag and nobody answers. I am furious, my lawyer will call you!!"

PLACED = ("id", "conversation", "in_reply_to")  # what differs between two tellings of one story


def post(at: int, revision: int = 0, text: str = ANGRY) -> Tweet:
    return Tweet(
        id=f"x:{at}",
        conversation=f"x:{at}",
        revision=revision,
        occurred_at=NOON,
        brand="Northwind Air",
        text=text,
    )


def edit(at: int, revision: int = 1, text: str = ANGRIER) -> Tweet:
    return post(at, revision, text)


def deletion(at: int) -> Deleted:
    return Deleted(id=f"x:{at}", conversation=f"x:{at}", occurred_at=NOON, brand="Northwind Air")


def answer(at: int) -> Tweet:
    return Tweet(
        id=f"x:{at + 500}",
        conversation=f"x:{at}",
        in_reply_to=f"x:{at}",
        occurred_at=NOON + timedelta(minutes=30),
        direction="outbound",
        brand="Northwind Air",
        text="We are sorry, we look into it.",
    )


async def tell(stage: Stage, *stories: Sequence[Event]) -> None:
    """One event of every story at a time, each when the one before it is stored."""
    await stage.ready_worker()
    for step in zip_longest(*stories):
        await stage.feed(event for event in step if event is not None)
        await stage.drained()


async def tell_at_once(stage: Stage, *stories: Sequence[Event]) -> None:
    """Every story in one go, so that its events meet in one batch."""
    await stage.feed(event for story in stories for event in story)
    await stage.drained()


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

    await tell(stage, *stories(1))
    await tell_at_once(stage, *stories(11))

    everyone = [*range(1, 6), *range(11, 16)]
    event = await the_same(stage, "events", everyone)
    assert (event["text"], event["revision"]) == (last, 2)
    assert (await the_same(stage, "tickets", everyone))["messages"] == 1
    outcome = await stage.outcome()
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

    await tell(stage, *stories(1), [post(9)])
    await tell_at_once(stage, *stories(11))

    everyone = [*range(1, 5), *range(11, 15)]
    event = await the_same(stage, "events", everyone)
    assert (event["kind"], event["text"], event["author"], event["sentiment"]) == (
        "deleted",
        None,
        None,
        None,
    )
    outcome = await stage.outcome()
    assert list(outcome.tickets) == ["x:9"]
    assert outcome.counts == outcome.counted
    assert sum(cell[0] for cell in outcome.counts.values()) == 1
    assert "lawyer" not in str(await stage.rows("select * from ticket_changes"))


async def test_an_answer_before_its_question_marks_it_answered(stage: Stage):
    def stories(first: int) -> list[list[Event]]:
        one, two = first, first + 1
        return [[post(one), answer(one)], [answer(two), post(two)]]

    await tell(stage, *stories(1), [answer(3)], [post(4)])
    await tell_at_once(stage, *stories(11))

    ticket = await the_same(stage, "tickets", [1, 2, 11, 12])
    assert ticket["answered_at"] == NOON + timedelta(minutes=30)
    assert ticket["messages"] == 2
    outcome = await stage.outcome()
    assert outcome.tickets["x:4"]["answered_at"] is None
    assert "x:3" not in outcome.tickets, "an answer without a question makes no ticket"
    assert sum(cell[0] for cell in outcome.counts.values()) == 5, "the brand's own are not counted"
