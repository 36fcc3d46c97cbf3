"""Priorities by hand in a real database: over REST and the terminal, kept over folds, and exported
as labels that training reads.
"""

from __future__ import annotations

import asyncio
import json

import pytest
from desk_client import Office
from history import answer, tweet
from serving import web
from typer.testing import CliRunner

from stream.cli.main import app
from stream.desk.actions import Prioritise, Resolve
from stream.desk.corrections import Corrections
from stream.desk.tickets import Desk
from stream.store.rebuild import rebuild


@pytest.fixture
def desk(engine) -> Desk:
    return Desk(engine)


def to(level: str | None, reason: str = "her pendant is cut off") -> Prioritise:
    return Prioritise.model_validate({"level": level, "reason": reason})


async def test_a_level_by_hand_holds_over_folds_until_the_customer_writes_what_is_graver(
    simple, desk
):
    await simple.save([tweet(1, 85)])
    lowered = await desk.act("x:1", to("P3"), "ben")
    assert (lowered["level"], lowered["priority"]) == ("P3", 39)
    [_, change] = await desk.history("x:1")
    assert change["reason"] == "priority P3: her pendant is cut off"

    await simple.save([answer(2, of=1, minute=1), tweet(3, 60, of=1, minute=2)])
    await simple.refold(["x:1"])
    assert (await desk.ticket("x:1"))["level"] == "P3", "what they wrote is not graver"

    await simple.save([tweet(4, 97, of=1, minute=3)])
    row = await desk.ticket("x:1")
    assert (row["level"], row["priority"], row["by_hand"]) == ("P1", 97, None)
    last = (await desk.history("x:1"))[-1]
    assert last["reason"] == "the customer wrote what is more urgent than it was set"
    await simple.refold(["x:1"])
    assert (await desk.ticket("x:1"))["level"] == "P1", "it does not come back"


async def test_a_level_by_hand_outlives_a_deletion_and_a_rebuild(simple, desk, engine):
    await simple.save([tweet(1, 55)])
    await desk.act("x:1", to("P1"), "ben")
    async with engine.begin() as connection:
        await connection.exec_driver_sql("delete from tickets")

    await rebuild(engine, simple, None)

    row = await desk.ticket("x:1")
    assert (row["level"], row["priority"]) == ("P1", 70)
    assert row["factors"][0]["words"] == "ben set P1: her pendant is cut off"


async def test_the_promise_of_an_answer_follows_the_level(simple, desk):
    await simple.save([tweet(1, 85)])
    before = (await desk.ticket("x:1"))["sla_due_at"]

    assert (await desk.act("x:1", to("P3"), "ben"))["sla_due_at"] > before
    assert (await desk.act("x:1", to(None), "ben"))["sla_due_at"] == before


async def test_each_level_by_hand_is_a_label_of_the_message_that_decided(simple, desk, engine):
    await simple.save([tweet(1, 60, text="hello?"), tweet(2, 85, of=1, minute=1, text="gas!")])
    await desk.act("x:1", to("P1"), "ben")
    await desk.act("x:1", to("P2"), "ada")

    [label] = await Corrections(engine).labels("level")
    assert (label.text, label.better, label.actor) == ("gas!", "P2", "ada")
    await desk.act("x:1", to(None), "ada")
    assert await Corrections(engine).labels("level") == []


async def test_levels_are_exported_as_training_reads_them(
    simple, desk, engine, postgres_url, tmp_path, monkeypatch
):
    from models.training.triage.labelled import read_messages

    monkeypatch.setenv("EARSHOT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))
    runner, path = CliRunner(), tmp_path / "levels.csv"
    command = ["export", "corrections", "--field", "level", "--out", str(path)]
    none = await asyncio.to_thread(runner.invoke, app, command)
    assert "nobody has set a level yet" in str(none.exception)

    await simple.save([tweet(1, 60, text='say "gas", twice'), tweet(2, 70, text="lovely crew")])
    await desk.act("x:1", to("P1"), "ben")
    await Corrections(engine).correct("x:2", "level", "none", "ben")
    done = await asyncio.to_thread(runner.invoke, app, command)

    assert done.output == f"{path}: 2 labels\n"
    assert [(label.text, label.grade) for label in read_messages(path)] == [
        ('say "gas", twice', 4),
        ("lovely crew", 0),
    ]


async def test_the_terminal_sets_a_level_and_says_what_is_wrong(
    simple, desk, postgres_url, tmp_path, monkeypatch
):
    monkeypatch.setenv("EARSHOT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))
    await simple.save([tweet(1, 55)])

    async def run(*words: str) -> str:
        command = ["ticket", "priority", *words]
        done = await asyncio.to_thread(CliRunner().invoke, app, command)
        return str(done.exception) if done.exception else done.output

    assert await run("x:1", "p1", "--reason", "her pendant", "--by", "ben") == (
        "x:1 is P1, new; nobody has it\n"
    )
    assert "there is P1, P2, P3, P4" in await run("x:1", "P9", "--reason", "why")
    assert "--reason" in await run("x:1", "P2", "--reason", " ")
    assert "there is no ticket x:7" in await run("x:7", "P2", "--reason", "why")
    assert "P2, new" in await run("x:1", "-", "--reason", "not hers")
    await desk.act("x:1", Resolve(), "ben")
    assert "re-open it" in await run("x:1", "P2", "--reason", "why")


async def test_rest_sets_a_level_for_who_may(simple, engine, postgres_url):
    await simple.save([tweet(1, 55), tweet(3, 80, brand="Other")])
    async with web(simple, url=postgres_url) as address, Office(address, engine) as office:
        ben, vic = await office.person("ben", "agent"), await office.person("vic", "viewer")
        sky = await office.person("sky", "agent", "Other")
        body = {"level": "P1", "reason": "her pendant"}

        done = await ben.post("/v1/tickets/x%3A1/priority", body)
        assert (done.status, done.told["level"], done.told["priority"]) == (200, "P1", 70)
        assert done.told["factors"][0]["words"] == "ben set P1: her pendant"
        stale = await ben.post(
            "/v1/tickets/x%3A1/priority", {**body, "level": "P2"}, **{"If-Match": '"0.0"'}
        )
        assert stale.status in (400, 412)
        for asker, wrong, status in (
            (vic, body, 403),
            (sky, body, 404),
            (ben, {"level": "P5", "reason": "x"}, 422),
            (ben, {"level": "P1"}, 422),
            (ben, {"level": "P1", "reason": " "}, 422),
        ):
            answered = await asker.post("/v1/tickets/x%3A1/priority", wrong)
            assert answered.status == status, (wrong, answered.told)
        row = (await ben.get("/v1/tickets/x%3A1")).told
        assert row["level"] == "P1"
        assert json.dumps(row["history"]).count("priority P1: her pendant") == 1
