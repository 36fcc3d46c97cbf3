"""What the acceptance tests share: the events, what an undisturbed run makes of them, and a stage
to run on.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Sequence
from shutil import rmtree

import pytest
from acceptance import corpus, kills
from acceptance.earshot import Home
from acceptance.stage import CHEAP, Outcome, Stage, embedded_stage
from toy_model import toy_model

from connectors.events import Event

# A shell starts what runs in the background with Ctrl-C ignored, and our commands would inherit
# that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tweets() -> Sequence[Event]:
    events, origin = corpus.tweets()
    print(f"{len(events):,} events, {origin}")
    return events


@pytest.fixture(scope="session")
def undisturbed(tweets: Sequence[Event]) -> Outcome:
    """What the tweets come to when nothing happens to the worker."""
    return _undisturbed(tweets)


@pytest.fixture(scope="session")
def few_tweets(tweets: Sequence[Event]) -> Sequence[Event]:
    """For where starting the parts takes its time already; of every kind some, so not the first
    ones.
    """
    return tweets[13_000:17_000]


@pytest.fixture(scope="session")
def undisturbed_few(few_tweets: Sequence[Event]) -> Outcome:
    return _undisturbed(few_tweets)


def _undisturbed(events: Sequence[Event]) -> Outcome:
    async def run() -> Outcome:
        with embedded_stage() as stage:
            return await kills.undisturbed(stage, events)

    return asyncio.run(run())


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The embedded broker and database, which outlive the workers of the test."""
    with embedded_stage() as made:
        yield made


@pytest.fixture
def home() -> Iterator[Home]:
    """An empty EARSHOT_HOME, in which a worker reads with the toy model; nothing of it may run when
    the test ends.
    """
    yield from _home(CHEAP | {"model": str(toy_model())})


@pytest.fixture
def real_home() -> Iterator[Home]:
    """The same with everything as it is shipped."""
    yield from _home({})


def _home(settings: dict[str, str]) -> Iterator[Home]:
    made = Home(settings=settings)
    yield made
    left = made.processes()
    rmtree(made.folder, ignore_errors=True)
    assert left == []
