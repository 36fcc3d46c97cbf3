"""The web server's way to Kafka, on a real broker that comes and goes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer
from ports import free_port
from serving import TOKEN, web

from connectors.events import decode
from stream.embedded import Embedded
from stream.errors import BrokerAway
from stream.kafka import Kafka, Outgoing
from stream.settings import Settings
from stream.web.lazy_publisher import LazyPublisher


@pytest.fixture
async def broker(tmp_path: Path):
    embedded = Embedded(tmp_path / "home")
    yield (await asyncio.to_thread(embedded.acquire, "test", postgres=False)).broker
    await asyncio.to_thread(embedded.release, lambda at: True)


async def test_what_was_answered_with_202_is_on_the_broker(broker):
    posted = [{"kind": "tweet", "text": f"where is my bag {number}"} for number in range(20)]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        LazyPublisher(Kafka(Settings(), broker)).open() as outlet,
        web(publish=outlet.publish) as address,
        aiohttp.ClientSession(address, headers=headers) as session,
    ):

        async def send(event: dict[str, str]) -> str:
            async with session.post("/v1/events", json=event) as answer:
                assert answer.status == 202
                return (await answer.json())["ids"][0]

        ids = await asyncio.gather(*(send(event) for event in posted))

    consumer = AIOKafkaConsumer(
        "tweets", bootstrap_servers=broker, auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    found = [decode((await asyncio.wait_for(consumer.getone(), 60)).value) for _ in posted]
    await consumer.stop()
    assert {event.id for event in found} == set(ids)


async def test_without_a_broker_it_says_so_to_everybody_who_waits():
    async with LazyPublisher(Kafka(Settings(), f"127.0.0.1:{free_port()}")).open() as outlet:
        message = Outgoing("tweets", "x:1", b"{}")
        told = await asyncio.gather(
            *(outlet.publish([message]) for _ in range(20)), return_exceptions=True
        )

    assert {type(each) for each in told} == {BrokerAway}
