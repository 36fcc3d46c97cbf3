"""`earshot replay FILE --wait` in an empty home: starts everything, processes everything, leaves
nothing running.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from subprocess import CompletedProcess

import asyncpg
import pytest
from acceptance.earshot import Home
from acceptance.stage import CHEAP, PATIENCE, until
from scratch import lay_postgres
from toy_model import toy_model

from connectors.events import Event, Tweet, encode
from stream.embedded import Embedded

SIZE = 1000


@pytest.fixture
def home(home: Home) -> Home:
    """One whose PostgreSQL has been made; `replayed` is about a first start."""
    lay_postgres(home.folder / "postgres")
    return home


@pytest.fixture
def file(home: Home, few_tweets: Sequence[Event]) -> Path:
    return write(home, few_tweets[:SIZE])


def write(home: Home, events: Sequence[Event], name: str = "tweets.jsonl") -> Path:
    path = home.folder / name
    path.write_bytes(b"\n".join(encode(event) for event in events))
    return path


@pytest.fixture(scope="module")
def replayed(few_tweets: Sequence[Event]) -> Iterator[tuple[Home, CompletedProcess[str]]]:
    """A home that was empty, and what the replay of the file in it said: what two tests go on from,
    in their order.
    """
    made = Home(settings=CHEAP | {"model": str(toy_model())})
    yield made, made.run("replay", str(write(made, few_tweets[:SIZE])), "--wait")
    left = made.processes()
    rmtree(made.folder, ignore_errors=True)
    assert left == []


@pytest.fixture
def unique(few_tweets: Sequence[Event]) -> int:
    return len({event.id for event in few_tweets[:SIZE]})


async def count(home: Home) -> int:
    """How many events are stored, in a home where nothing runs: asked of a PostgreSQL that is up
    for that alone.
    """
    embedded = Embedded(home.folder)
    embedded.acquire("test", broker=False)
    try:
        return await stored(home)
    finally:
        embedded.release(lambda at: True)


async def stored(home: Home) -> int:
    """What is in the database while it runs; holds no lease, so that it changes nothing of what is
    tested.
    """
    try:
        sockets = (home.folder / "postgres" / "postmaster.pid").read_text().splitlines()[4]
        connection = await asyncpg.connect(user="postgres", database="postgres", host=sockets)
    except (OSError, IndexError, asyncpg.PostgresError):
        return 0
    try:
        return int(await connection.fetchval("select count(*) from events"))
    except asyncpg.UndefinedTableError:
        return 0
    finally:
        await connection.close()


async def test_a_replay_starts_everything_and_leaves_nothing_running(
    replayed: tuple[Home, CompletedProcess[str]], unique: int
):
    home, first = replayed
    assert first.returncode == 0, first.stderr
    assert f"{SIZE:,} events in" in first.stdout
    assert f"{unique:,} new in the store" in first.stdout
    assert "Most urgent" in first.stdout
    assert home.processes() == []
    # As people would ask: this starts PostgreSQL and stops it again.
    asked = home.run("sql", "select count(*) as n from events", "--format", "csv")
    assert asked.stdout.split() == ["n", str(unique)], asked.stderr
    assert home.processes() == []

    again = home.run("replay", str(home.folder / "tweets.jsonl"), "--wait")

    assert again.returncode == 0, again.stderr
    assert "0 new in the store" in again.stdout
    assert await count(home) == unique


def test_the_summary_is_about_the_file_and_not_about_the_whole_store(
    replayed: tuple[Home, CompletedProcess[str]], few_tweets: Sequence[Event]
):
    home, _ = replayed
    later = max(event.occurred_at for event in few_tweets) + timedelta(days=2)
    texts = ("you have stranded me and my baby, nobody helps us", "refund me, it is a disgrace")
    own = write(
        home,
        [
            Tweet(
                id=f"x:own{number}",
                conversation=f"x:own{number}",
                occurred_at=later,
                author="ada",
                brand="VoltLine",
                text=text,
            )
            for number, text in enumerate(texts)
        ],
        "own.jsonl",
    )

    done = home.run("replay", str(own), "--wait")

    assert done.returncode == 0, done.stderr
    assert "2 new in the store" in done.stdout
    assert " in the store (" in done.stdout  # so many tickets of so many
    urgent = done.stdout.partition("Most urgent")[2]
    shown = {word for word in urgent.split() if word.startswith("x:")}
    assert shown
    assert shown <= {"x:own0", "x:own1"}


async def test_ctrl_c_leaves_nothing_running_and_loses_nothing_that_was_sent(
    home: Home, file: Path, unique: int, few_tweets: Sequence[Event]
):
    process = home.start("ingest", str(file), "--rate", "30")
    await until(lambda: stored(home), "the first events are stored")

    process.send_signal(signal.SIGINT)

    assert process.wait(PATIENCE) == 130
    assert home.processes() == []
    assert "Traceback" not in (home.folder / "ingest.out").read_text()
    asked = home.run("sql", "select cursor->>0 as line from cursors", "--format", "csv")
    sent = int(asked.stdout.split()[1])  # how far the broker had confirmed it
    assert 0 < sent < SIZE
    assert await count(home) >= len({event.id for event in few_tweets[:sent]})

    rest = home.run("ingest", str(file))

    assert rest.returncode == 0, rest.stderr
    assert f"{SIZE - sent:,} events in" in rest.stdout
    assert await count(home) == unique
    assert home.processes() == []


async def test_ctrl_c_while_everything_starts_leaves_nothing_running(home: Home, file: Path):
    process = home.start("replay", str(file), "--wait")
    await until(lambda: any((home.folder / "run").glob("*")), "it begins to start the parts")

    process.send_signal(signal.SIGINT)

    assert process.wait(PATIENCE) == 130
    assert home.processes() == []
    assert "Traceback" not in (home.folder / "replay.out").read_text()


async def test_a_replay_that_is_killed_is_cleaned_up_after(home: Home, file: Path, unique: int):
    process = home.start("replay", str(file), "--wait")
    said = home.folder / "replay.out"
    # The first line may say 0 events: by now nobody waits for what the worker holds.
    await until(lambda: " events in" in said.read_text(), "the schema is there")
    worker = await until(home.worker, "the worker runs")
    os.kill(worker, signal.SIGSTOP)  # or a quick one is done before the end
    await until(lambda: f"{SIZE:,} events in" in said.read_text(), "the events are sent")

    process.kill()
    os.kill(worker, signal.SIGCONT)

    assert process.wait() == -signal.SIGKILL
    await until(lambda: home.processes() == [], "its worker finishes and leaves")
    before = await count(home)
    again = home.run("replay", str(file), "--wait")
    assert again.returncode == 0, again.stderr
    assert f"{unique - before:,} new in the store" in again.stdout
    assert await count(home) == unique
    assert home.processes() == []


async def test_everything_killed_at_once_leaves_a_home_that_works(
    home: Home, file: Path, unique: int
):
    """As a power cut does; the embedded broker forgets, the file is replayed."""
    process = home.start("replay", str(file), "--wait")
    await until(lambda: stored(home), "the first events are stored")

    home.kill_everything()

    process.wait()
    again = home.run("replay", str(file), "--wait")
    assert again.returncode == 0, again.stderr
    assert await count(home) == unique


async def test_two_replays_at_once_share_the_parts(
    home: Home, file: Path, unique: int, few_tweets: Sequence[Event]
):
    other = write(home, few_tweets[SIZE : SIZE + 200], "more.jsonl")
    long = home.start("replay", str(file), "--wait")
    await until(lambda: stored(home), "the first events are stored")

    short = home.run("replay", str(other), "--wait")

    assert short.returncode == 0, short.stderr
    assert long.wait(PATIENCE) == 0, (home.folder / "replay.out").read_text()
    assert await count(home) == len({event.id for event in few_tweets[: SIZE + 200]})
    assert home.processes() == []
    assert unique < await count(home)


@pytest.mark.long
def test_the_demo_can_be_shown_twice(real_home: Home):
    first, again = real_home.run("demo"), real_home.run("demo")

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "Most urgent" in first.stdout
    assert "Alerts" in first.stdout
    assert "earshot tickets" in first.stdout
    assert "0 new in the store" in again.stdout
    assert real_home.processes() == []
