"""A broker that goes away in the moment in which the stream starts: a real Faust app, a closed
port, a real broker.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ports import free_port

from stream.app import create_app
from stream.bootstrap.duties import running_app
from stream.embedded import Embedded
from stream.errors import BrokerAway
from stream.kafka import Kafka, Outgoing
from stream.settings import Settings


class Heard:
    """A pipeline that keeps what it is given."""

    def __init__(self) -> None:
        self.values: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def process(self, batch: Sequence, turn: Callable) -> None:
        await turn()
        for message in batch:
            self.values.put_nowait(message.value)


async def start_and_miss_and_listen(home: Path) -> None:
    settings, heard = Settings(home=home), Heard()
    for _ in range(2):
        try:
            async with running_app(
                create_app(settings, f"127.0.0.1:{free_port()}", heard, embedded=True)
            ):
                raise AssertionError("there is no broker")
        except BrokerAway as away:
            print(away)

    embedded = Embedded(home)
    broker = (await asyncio.to_thread(embedded.acquire, "test", postgres=False)).broker
    try:
        kafka = Kafka(settings, broker)
        await kafka.declare_topics()
        async with kafka.publisher() as publisher:
            await publisher.publish([Outgoing("tweets", b"x:1", b"hello")])
        async with running_app(create_app(settings, broker, heard, embedded=True)):
            print(await asyncio.wait_for(heard.values.get(), 60))
    finally:
        await asyncio.to_thread(embedded.release, lambda at: True)


def test_an_app_that_missed_the_broker_is_stopped_and_the_next_one_listens(tmp_path: Path):
    # In a process of its own, as a worker is: Faust leaves an event loop of its own behind.
    told = subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=180,
    )

    assert told.returncode == 0, told.stderr
    *missed, heard = told.stdout.splitlines()
    assert len(missed) == 2
    assert all("Unable to bootstrap" in line for line in missed)
    assert heard == "b'hello'"


if __name__ == "__main__":
    asyncio.run(start_and_miss_and_listen(Path(sys.argv[1])))
