"""A store that an older model wrote: `demo` and `up` say so."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from history import tweet
from rows import do

from models.urgency import Urgency
from stream.bootstrap import older_models
from stream.bootstrap.older_models import remark, tickets_of_older_models
from stream.settings import Settings


def judged(number: int, *, levels: bool, **more):
    judgement = tweet(number, 70, **more)
    urgency = Urgency((0.9, 0.8, 0.3, 0.1), {}, 0.1) if levels else None
    return replace(judgement, analysis=replace(judgement.analysis, urgency=urgency))


@pytest.fixture
def with_heads(monkeypatch):
    monkeypatch.setattr(
        older_models, "artifact_in_use", lambda _: SimpleNamespace(urgency=object())
    )


async def test_open_tickets_of_messages_without_levels_are_counted(
    simple, postgres_url, with_heads
):
    await simple.save(
        [
            judged(1, levels=False),
            judged(2, levels=True),
            judged(3, levels=False),
            judged(4, levels=False),
        ]
    )
    await do(postgres_url, "update tickets set state = 'resolved' where id = 'x:3'")
    await do(postgres_url, "update events set abstained = true where id = 'x:4'")

    assert await tickets_of_older_models(Settings(), simple) == 1
    assert "1 open tickets" in remark(1)
    assert "EARSHOT_HOME" in remark(1)


async def test_a_model_without_such_heads_calls_nothing_older(simple, monkeypatch):
    monkeypatch.setattr(older_models, "artifact_in_use", lambda _: SimpleNamespace(urgency=None))
    await simple.save([judged(1, levels=False)])

    assert await tickets_of_older_models(Settings(), simple) == 0


async def test_todays_messages_are_not_older(simple, with_heads):
    await simple.save([judged(1, levels=True), judged(2, levels=True, of=1)])

    assert await tickets_of_older_models(Settings(), simple) == 0
