"""Goodbyes of a Kafka client: they end what they belong to, and never who says them."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaConnectionError

from stream.errors import BrokerAway
from stream.kafka import Kafka, _stop
from stream.kafka_login import is_guarded, login
from stream.settings import Settings


class Reading:
    """A consumer with one fetch under way, of a broker that is gone."""

    def __init__(self) -> None:
        self.consumer = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
        client = self.consumer._client
        self.failed, self.closed = asyncio.Event(), False
        client.send, client.close = self._send, self._close
        # it waits in earnest: the test decides when it ends
        self.fetcher = Fetcher(client, self.consumer._subscription, retry_backoff_ms=3_600_000)
        self.consumer._fetcher = self.fetcher

    async def begin(self) -> Reading:
        """A fetch is to begin; the fetcher's own loop has seen that there is nothing to read."""
        await asyncio.sleep(0)
        fetch = self.fetcher._proc_fetch_request(None, 0, _Request())
        self.fetcher._pending_tasks.add(asyncio.ensure_future(fetch))
        return self

    async def _send(self, *_: object) -> None:
        self.failed.set()
        raise KafkaConnectionError("the broker died")

    async def _close(self) -> None:
        self.closed = True


class _Request:
    topics = ()


@pytest.mark.parametrize("has_begun", [True, False], ids=["waits after a fault", "not begun"])
async def test_a_fetch_that_ends_with_its_consumer_ends_nobody_else(has_begun):
    """Workers ended so with exit code 0 and without a word, when a broker had died."""
    reading = await Reading().begin()
    if has_begun:
        await asyncio.wait_for(reading.failed.wait(), 60)

    await _stop(reading.consumer)

    assert reading.closed, "its connections are closed all the same"


async def test_who_is_told_to_end_ends_though_a_consumer_is_stopped_meanwhile():
    reading = await Reading().begin()
    await asyncio.wait_for(reading.failed.wait(), 60)
    begun = asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await _stop(reading.consumer)

    working = asyncio.create_task(work())
    await begun.wait()
    working.cancel()
    await asyncio.wait({working}, timeout=60)

    assert working.cancelled()
    assert reading.closed


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL", "SASL_PLAINTEXT"])
def test_a_kafka_that_is_open_to_others_is_named_with_what_to_set(protocol):
    words = login(secured(protocol))

    assert not is_guarded(secured(protocol))
    assert "EARSHOT_KAFKA_SECURITY_PROTOCOL=SASL_SSL" in words
    assert ("no login" in words) == ("SASL" not in protocol)
    assert ("unencrypted" in words) == (protocol != "SSL")
    assert "hunter" not in words


def test_a_kafka_with_a_login_and_encryption_is_guarded():
    assert is_guarded(secured("SASL_SSL"))
    assert login(secured("SASL_SSL")) == "logs in as ada, encrypted"


async def test_a_broker_that_lets_nobody_in_without_a_login_is_told_from_one_that_is_away():
    """aiokafka says of both that it cannot bootstrap."""
    settings = secured("PLAINTEXT")

    with pytest.raises(BrokerAway, match=r"127\.0\.0\.1:1 without a login \(PLAINTEXT\)"):
        async with Kafka(settings, str(settings.broker)).publisher():
            pass


def secured(protocol: str) -> Settings:
    return Settings(
        broker="127.0.0.1:1",
        kafka_security_protocol=protocol,  # type: ignore[arg-type]  # as the environment gives it
        kafka_username="ada",
        kafka_password="hunter-two",  # type: ignore[arg-type]
    )
