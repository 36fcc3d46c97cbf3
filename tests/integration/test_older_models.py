"""A store that an older model wrote: `doctor`, the worker, `up` and `demo` say so in one line."""

from __future__ import annotations

import io
import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest
from history import tweet
from rich.console import Console
from rows import do

from models.urgency import Urgency
from stream.bootstrap import checks, older_models
from stream.bootstrap.older_models import judged_by_older_models, remark
from stream.bootstrap.replay import Summary
from stream.bootstrap.worker import tell_older, tell_start
from stream.cli import show
from stream.errors import DatabaseAway
from stream.settings import Settings
from stream.store.older_judgements import Older
from stream.store.queries import Totals
from stream.store.rebuild import rebuild

IN_USE = "model 2"


def judged(number: int, *, levels: bool, model: str = "model 1", **more):
    judgement = tweet(number, 70, **more)
    urgency = Urgency((0.9, 0.8, 0.3, 0.1), {}, 0.1) if levels else None
    return replace(judgement, analysis=replace(judgement.analysis, urgency=urgency, model=model))


def uses(monkeypatch, version: str, *, has_levels: bool = True) -> None:
    artifact = SimpleNamespace(urgency=object() if has_levels else None, version=version)
    monkeypatch.setattr(older_models, "artifact_in_use", lambda _: artifact)


@pytest.fixture
def in_use(monkeypatch):
    uses(monkeypatch, IN_USE)


async def test_messages_of_open_tickets_that_another_model_judged_are_counted(
    simple, postgres_url, in_use
):
    await simple.save(
        [
            judged(1, levels=False),
            judged(2, levels=True),
            judged(3, levels=False),
            judged(4, levels=False),
            judged(5, levels=True, model=IN_USE),
            judged(6, levels=True, model=f"a language model+{IN_USE}"),
            judged(7, levels=True, of=2),
        ]
    )
    await do(postgres_url, "update tickets set state = 'resolved' where id = 'x:3'")
    await do(postgres_url, "update events set abstained = true where id = 'x:4'")

    older = await judged_by_older_models(Settings(), simple)

    assert older == Older(messages=3, tickets=2, unread=1)
    assert "another model judged (3, in 2)" in remark(older)
    assert "`earshot rebuild`" in remark(older)
    assert "EARSHOT_HOME" in remark(older)
    assert "\n" not in remark(older)


async def test_a_model_without_levels_misses_none(simple, monkeypatch):
    uses(monkeypatch, IN_USE, has_levels=False)
    await simple.save([judged(1, levels=False)])

    assert await judged_by_older_models(Settings(), simple) == Older(messages=1, tickets=1)


async def test_what_todays_model_judged_is_not_older(simple, in_use):
    await simple.save([judged(1, levels=True, model=IN_USE)])

    assert remark(await judged_by_older_models(Settings(), simple)) == ""


async def test_a_rebuild_is_asked_for_once_for_each_model(
    simple, engine, in_use, monkeypatch, postgres_url
):
    await simple.save([judged(1, levels=True), judged(2, levels=False)])

    await rebuild(engine, simple, None, model=IN_USE)

    assert await judged_by_older_models(Settings(), simple) == Older(unread=1)
    await do(
        postgres_url,
        "update events set received_at = now() + interval '1 minute' where id = 'x:1'",
    )
    assert (await judged_by_older_models(Settings(), simple)).messages == 1
    uses(monkeypatch, "model 3")
    assert (await judged_by_older_models(Settings(), simple)).messages == 2
    assert await simple.cursor("rebuild") is None


async def test_the_doctor_says_what_to_run(simple, engine, in_use, postgres_url):
    settings = Settings(database_url=postgres_url)
    await simple.save([judged(1, levels=True)])

    due = await checks._check("levels", lambda: checks._levels(settings))
    await rebuild(engine, simple, None, model=IN_USE)
    done = await checks._check("levels", lambda: checks._levels(settings))

    assert not due.fine
    assert "another model judged (1, in 1)" in due.words
    assert "`earshot rebuild`" in due.words
    assert done.fine
    assert "every open ticket" in done.words


async def test_the_doctor_looks_at_no_schema_that_is_not_made(empty_url, in_use):
    settings = Settings(database_url=empty_url)

    check = await checks._check("levels", lambda: checks._levels(settings))

    assert check.fine
    assert "once the schema is made" in check.words


async def test_the_first_lines_of_a_worker_say_it(simple, in_use, caplog):
    await simple.save([judged(1, levels=True)])

    with caplog.at_level(logging.INFO):
        tell_start(Settings(), "127.0.0.1:1", IN_USE)
        await tell_older(Settings(), simple)
        tell_start(Settings(broker="kafka:9092"), "kafka:9092", IN_USE)

    first, older, second, login = caplog.messages
    assert first == "worker listens on 127.0.0.1:1 with model model 2"
    assert older.startswith("open tickets hold messages that another model judged (1, in 1)")
    assert second == "worker listens on kafka:9092 with model model 2"
    assert login.startswith("Kafka at kafka:9092: no login, unencrypted: ")


@pytest.mark.parametrize("trouble", [DatabaseAway("gone"), TimeoutError()])
async def test_no_worker_waits_for_a_store_that_does_not_say_it(simple, caplog, trouble):
    class Slow:
        async def judged_by_others(self, version):
            raise trouble

    await tell_older(Settings(), Slow())

    assert caplog.messages == []


def test_the_demo_over_an_old_home_says_it():
    written = io.StringIO()
    none = Totals(events=0, deleted=0, scored=0, abstained=0, dead_letters=0)
    summary = Summary("demo", none, none, older=Older(12, 5, 0))

    show.summary(Console(file=written, width=400), summary)

    assert "open tickets hold messages that another model judged (12, in 5)" in written.getvalue()
    assert "`earshot rebuild`" in written.getvalue()
