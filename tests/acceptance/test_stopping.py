"""Ctrl-C of what runs: the first says what is left and finishes it, the second stops at once."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from acceptance.earshot import COMMAND, Home
from acceptance.stage import PATIENCE, until

from connectors.events import Event, encode

SIZE = 1_200


def in_a_terminal(home: Home, *words: str) -> subprocess.Popen[bytes]:
    """A command as the first of a process group of its own, which Ctrl-C reaches as a whole."""
    with (home.folder / "said.out").open("wb") as out:
        return subprocess.Popen(
            [*COMMAND, *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=home.environment(port="0"),
            cwd=home.folder,
            start_new_session=True,
        )


def said(home: Home) -> str:
    return (home.folder / "said.out").read_text()


@pytest.fixture
def file(home: Home, few_tweets: Sequence[Event]) -> Path:
    path = home.folder / "tweets.jsonl"
    path.write_bytes(b"\n".join(encode(event) for event in few_tweets[:SIZE]))
    return path


async def test_ctrl_c_of_a_replay_says_what_is_left_and_processes_it(
    home: Home, file: Path, few_tweets: Sequence[Event]
):
    process = in_a_terminal(home, "replay", str(file), "--wait")
    # The first line may say 0 events: by now nobody waits for what the worker holds.
    await until(lambda: " events in" in said(home), "the schema is there")
    worker = await until(home.worker, "the worker runs")
    os.kill(worker, signal.SIGSTOP)  # or a quick one is done before Ctrl-C
    await until(lambda: f"{SIZE:,} events in" in said(home), "the events are sent")

    os.killpg(process.pid, signal.SIGINT)
    await until(lambda: "stopping: draining" in said(home), "it says what is left")
    os.kill(worker, signal.SIGCONT)

    assert process.wait(PATIENCE) == 130
    assert "(again to stop at once)" in said(home)
    assert "Traceback" not in said(home)
    assert home.processes() == []
    unique = len({event.id for event in few_tweets[:SIZE]})
    asked = home.run("sql", "select count(*) as n from events", "--format", "csv")
    assert asked.stdout.split() == ["n", str(unique)], asked.stderr


@pytest.mark.parametrize("words", [("replay", "tweets.jsonl", "--wait"), ("up",)], ids=" ".join)
async def test_a_second_ctrl_c_leaves_nothing_behind_and_no_traceback(
    home: Home, file: Path, words: tuple[str, ...]
):
    process = in_a_terminal(home, *words)
    started = "http://" if words == ("up",) else "events in"
    await until(lambda: started in said(home), "it runs")

    os.killpg(process.pid, signal.SIGINT)
    await until(lambda: "stopping" in said(home) or process.poll() is not None, "it says so")
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)

    assert process.wait(PATIENCE) in (0, 130)
    assert "Traceback" not in said(home)
    assert home.processes() == []
