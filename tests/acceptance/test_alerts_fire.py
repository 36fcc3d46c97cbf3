"""Alert rules on a real worker's faults, told by a real Prometheus: each fires, and resolves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from acceptance.broken import NO_EVENTS
from acceptance.earshot import Worker
from acceptance.stage import embedded_stage, until
from servers.prometheus import Prometheus

from connectors.events import Event
from stream.embedded import free_port
from stream.kafka import Outgoing

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="no prometheus (Debian's package of the name)"
    ),
]


@pytest.fixture
def port() -> int:
    """Of the worker's health, known before there is a worker."""
    return free_port()


@pytest.fixture
def prometheus(tmp_path: Path, port: int) -> Iterator[Prometheus]:
    server = Prometheus(tmp_path, port)
    yield server
    server.stop()


async def test_the_rules_of_a_worker_fire_by_its_faults_and_resolve(
    prometheus: Prometheus,
    port: int,
    few_tweets: Sequence[Event],
    monkeypatch: pytest.MonkeyPatch,
):
    """Nobody there; messages that are none; a database that is away while messages come."""
    monkeypatch.setattr("acceptance.earshot.free_port", lambda: port)

    async def state_of(*names: str) -> set[tuple[str, str]]:
        rules = await prometheus.rules()
        return {rules[name] for name in names}

    async def tells(state: str, *names: str) -> None:
        async def is_told() -> bool:
            return await prometheus.value("vector(1)") == 1 and await state_of(*names) == {
                ("ok", state)
            }

        await until(is_told, f"{', '.join(names)} is {state}", seconds=400, pause=0.5)

    with embedded_stage() as stage:
        await tells("firing", "EarshotNoWorker", "EarshotWorkerDown", "EarshotWebDown")

        worker: Worker = await stage.ready_worker()
        assert worker.port == port
        await tells("inactive", "EarshotNoWorker", "EarshotWorkerDown", "EarshotNotReady")
        assert await state_of("EarshotDeadLetters", "EarshotStalled") == {("ok", "inactive")}

        # The first that this worker ever buries.
        broken = [Outgoing("tweets", "k", value) for value in NO_EVENTS.values()]
        async with stage.kafka.publisher() as publisher:
            await publisher.publish(broken)
        await tells("firing", "EarshotDeadLetters", "EarshotManyDeadLetters")

        stage.stop_postgres()
        await stage.feed(few_tweets[:300])
        # Not one message was taken since it began.
        await tells("firing", "EarshotNotReady", "EarshotStalled", "EarshotBehind")
        stage.start_postgres()
        await stage.becomes_ready(worker)
        await stage.drained()
        await tells("inactive", "EarshotNotReady", "EarshotStalled", "EarshotBehind")
        # Who is served now waited for minutes.
        await tells("firing", "EarshotSlow")

        worker.process.kill()
        worker.process.wait()
        stage.workers.remove(worker)
        await tells("firing", "EarshotNoWorker", "EarshotWorkerDown")
