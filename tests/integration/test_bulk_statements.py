"""What a bulk act costs the database: statements by the hundred tickets, not by the ticket."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from history import tweet
from people import quick_people
from rows import ask
from sqlalchemy import event

from stream.desk.actions import Acknowledge, Assign, Claim, Note, Resolve, Snooze, Tag, Wait
from stream.desk.bulk import Bulk, Person, Target
from stream.desk.many_edits import TOGETHER
from stream.desk.tickets import Desk, Seen

BEN = Person("ben", leads=True, brands=None)
ACTS = (
    Claim(),
    Acknowledge(),
    Assign(owner="ada"),
    Wait(),
    Snooze(until=datetime.now(UTC) + timedelta(days=1)),
    Resolve(),
    Tag(add=("outage",)),
)


@contextmanager
def counted(engine):
    """The statements that the engine sends meanwhile."""
    statements: list[str] = []

    def note(connection, cursor, statement, *more):
        statements.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


@pytest.fixture
async def bulk(simple, engine):
    people = quick_people(engine)
    await people.add("ada", "four quiet otters sing", "agent")
    await simple.save([tweet(n, 95) for n in range(2 * TOGETHER)])
    return Bulk(Desk(engine), people)


def targets(number: int) -> list[Target]:
    return [Target(f"x:{n}", Seen(0, 1)) for n in range(number)]


@pytest.mark.parametrize("action", ACTS, ids=lambda action: action.action)
async def test_a_hundred_tickets_cost_as_many_statements_as_one_and_so_does_taking_it_back(
    bulk, engine, action
):
    with counted(engine) as of_one:
        await bulk.act(targets(2 * TOGETHER)[-1:], action, BEN)
    with counted(engine) as of_many:
        answers = await bulk.act(targets(TOGETHER), action, BEN)
    with counted(engine) as of_undo:
        back = [Target(a.id, Seen(a.ticket["edits"], a.ticket["version"])) for a in answers]
        undone = await bulk.undo(back, BEN)

    assert {answer.result for answer in answers + undone} == {"done"}
    assert len(of_many) == len(of_one)
    assert len(of_undo) <= len(of_one) + 1


async def test_what_cannot_be_done_costs_no_statement_a_ticket_either(bulk, engine):
    """Missing, lost, another's and unchanged ones, a hundred of each."""
    await bulk.act(targets(TOGETHER), Assign(owner="ada"), BEN)
    viewer = Person("ben", leads=False, brands=None)
    for wrong, result, action in (
        ([Target(f"x:gone{n}") for n in range(TOGETHER)], "missing", Resolve()),
        (targets(TOGETHER), "lost", Resolve()),
        ([Target(f"x:{n}") for n in range(TOGETHER)], "forbidden", Assign(owner="ben")),
        ([Target(f"x:{n}") for n in range(TOGETHER)], "refused", Claim()),
        ([Target(f"x:{n}") for n in range(TOGETHER)], "unchanged", Acknowledge()),
    ):
        with counted(engine) as of_one:
            await bulk.act(wrong[:1], action, viewer)
        with counted(engine) as of_many:
            answers = await bulk.act(wrong, action, viewer)
        assert {answer.result for answer in answers} == {result}
        assert len(of_many) == len(of_one), result


async def test_many_who_act_on_the_same_tickets_at_once_wait_for_one_another_and_lose_nothing(
    bulk, engine, postgres_url
):
    """In any order: no two wait in a circle, and each edit stands in the history."""
    names = [f"p{n}" for n in range(6)]
    ids = [Target(f"x:{n}") for n in range(TOGETHER)]
    acts = [
        bulk.act(ids[:: 1 if n % 2 else -1], Tag(add=(name,)), Person(name, True, None))
        for n, name in enumerate(names)
    ]
    answers = await asyncio.gather(*acts)

    assert {answer.result for part in answers for answer in part} == {"done"}
    rows = await ask(postgres_url, "select tags, edits, version from tickets where edits > 0")
    assert {(tuple(sorted(row["tags"])), row["edits"]) for row in rows} == {(tuple(names), 6)}
    [history] = await ask(
        postgres_url, "select count(*) as n from ticket_changes where kind = 'edited'"
    )
    assert history["n"] == 6 * TOGETHER


async def test_a_ticket_that_is_named_twice_is_acted_on_twice(bulk, engine, postgres_url):
    twice = [Target("x:1", Seen(0, 1)), Target("x:1", Seen(0, 1)), Target("x:1")]

    answers = await bulk.act(twice, Tag(add=("outage",)), BEN)

    assert [answer.result for answer in answers] == ["done", "lost", "unchanged"]
    assert "ben changed this ticket meanwhile (tags)" in str(answers[1].words)


async def test_notes_and_priorities_among_others_are_taken_back_too(bulk, engine):
    desk = Desk(engine)
    noted = await desk.act("x:0", Note(text="hm"), "ben")
    [tagged] = await bulk.act([Target("x:1")], Tag(add=("a",)), BEN)

    back = [Target(row["id"], Seen(row["edits"], row["version"])) for row in (noted, tagged.ticket)]
    answers = await bulk.undo([*back, Target("x:9", Seen(0, 1))], BEN)

    assert [answer.result for answer in answers] == ["done", "done", "refused"]
    assert (await desk.ticket("x:0"))["notes"] == []
