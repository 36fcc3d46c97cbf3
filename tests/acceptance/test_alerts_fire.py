"""Alert rules on a real worker's faults, told by a real Prometheus: each fires, and resolves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from acceptance.alerting import Alarms
from acceptance.broken import NO_EVENTS
from acceptance.stage import embedded_stage
from ports import free_port
from servers.prometheus import Prometheus

from connectors.events import Event
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
def alarms(tmp_path: Path, port: int) -> Iterator[Alarms]:
    server = Prometheus(tmp_path, {"worker": [port]})
    yield Alarms(server)
    server.stop()


async def test_the_rules_of_a_worker_fire_by_its_faults_and_resolve(
    alarms: Alarms, port: int, few_tweets: Sequence[Event]
):
    """Nobody there; messages that are none; a database that is away while messages come."""
    with embedded_stage() as stage:
        await alarms.become("firing", "EarshotNoWorker", "EarshotWorkerDown", "EarshotWebDown")

        worker = await stage.ready_worker(port)
        await alarms.become("inactive", "EarshotNoWorker", "EarshotWorkerDown", "EarshotNotReady")
        assert await alarms.state_of("EarshotDeadLetters", "EarshotStalled") == {("ok", "inactive")}

        # The first that this worker ever buries.
        broken = [Outgoing("tweets", "k", value) for value in NO_EVENTS.values()]
        async with stage.kafka.publisher() as publisher:
            await publisher.publish(broken)
        await alarms.become("firing", "EarshotDeadLetters", "EarshotManyDeadLetters")

        stage.stop_postgres()
        await stage.feed(few_tweets[:300])
        # Not one message was taken since it began.
        await alarms.become("firing", "EarshotNotReady", "EarshotStalled", "EarshotBehind")
        stage.start_postgres()
        await stage.becomes_ready(worker)
        await stage.drained()
        await alarms.become("inactive", "EarshotNotReady", "EarshotStalled", "EarshotBehind")
        # Who is served now waited for minutes.
        await alarms.become("firing", "EarshotSlow")

        worker.process.kill()
        worker.process.wait()
        stage.workers.remove(worker)
        await alarms.become("firing", "EarshotNoWorker", "EarshotWorkerDown")
