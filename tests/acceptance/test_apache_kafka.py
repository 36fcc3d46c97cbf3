"""The guarantee on Apache Kafka itself, whose brokers die too, and whose topics are never made by
writing to them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence

import pytest
from acceptance.apache import apache_stage, missing
from acceptance.kills import check_kills, check_published, check_same, feed_and_kill
from acceptance.stage import Outcome, Stage, until
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from connectors.events import Event, encode
from stream.kafka import MESSAGE_LIMIT, TOPICS, connection

KILLS = 10
HARD = 3  # of them by SIGKILL: each time the group waits for the end of the dead worker's session

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


@pytest.mark.long
async def test_workers_and_the_only_broker_die_and_nothing_is_lost(
    few_tweets: Sequence[Event], undisturbed_few: Outcome
):
    async with apache_stage(1) as (stage, cluster):

        async def lose_the_broker() -> None:
            # After a kill the group shares its partitions out anew, and for a moment nobody is
            # ready.
            working = await until(
                lambda: [one for one in stage.workers if one.is_ready], "a worker is ready"
            )
            await asyncio.to_thread(cluster.kill, 0)
            await until(
                lambda: not any(worker.is_ready for worker in working),
                "the workers miss the broker",
            )
            assert all(worker.is_alive for worker in working)
            await asyncio.to_thread(cluster.revive, 0)

        kills = await feed_and_kill(
            stage, few_tweets, kills=KILLS, hard=HARD, away=(6,), also={3: lose_the_broker}, seed=4
        )

        check_kills(kills, total=len(undisturbed_few.events), at_least=10, away=1)
        check_same(await stage.outcome(), undisturbed_few)
        await check_published(stage)
        await check_topics(stage, replicas=1)


@pytest.mark.long
async def test_one_broker_of_three_dies_and_comes_back_while_events_run(
    few_tweets: Sequence[Event], undisturbed_few: Outcome
):
    async with apache_stage(3) as (stage, cluster):
        kills = await feed_and_kill(
            stage,
            few_tweets,
            kills=5,
            hard=2,
            also={
                1: lambda: asyncio.to_thread(cluster.kill, 1),
                3: lambda: asyncio.to_thread(cluster.revive, 1),
            },
            seed=5,
        )

        check_kills(kills, total=len(undisturbed_few.events), at_least=5, away=0)
        check_same(await stage.outcome(), undisturbed_few)
        await check_published(stage)
        await check_topics(stage, replicas=3)


async def test_tls_and_a_password_are_spoken(few_tweets: Sequence[Event]):
    async with apache_stage(1, secure=True) as (stage, cluster):
        file = stage.home.folder / "few.jsonl"
        file.write_bytes(b"\n".join(encode(event) for event in few_tweets[:200]))
        wrong = stage.home.run("replay", str(file), kafka_password="wrong")
        assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1), wrong.stderr
        assert "with the password of earshot" in wrong.stderr

        await stage.ready_worker()
        done = stage.home.run("replay", str(file), "--wait")

        assert done.returncode == 0, done.stderr
        assert await stage.stored() == len({event.id for event in few_tweets[:200]})
        assert await _advertised(stage) == {cluster.secure_bootstrap}, (
            "workers were led to a listener without TLS"
        )


async def test_a_producer_whose_clock_is_a_day_ahead_is_heard(few_tweets: Sequence[Event]):
    """Apache Kafka refuses messages that are stamped more than an hour ahead."""
    async with apache_stage(1) as (stage, _):
        await stage.kafka.declare_topics()
        producer = AIOKafkaProducer(**connection(stage.home.read_settings(), stage.broker))
        await producer.start()
        try:
            for days in (1, 2, 30, -1, -30):
                ahead = int((time.time() + days * 24 * 3600) * 1000)
                await producer.send_and_wait(
                    "tweets", encode(few_tweets[0]), key=b"k", timestamp_ms=ahead
                )
        finally:
            await producer.stop()


async def _advertised(stage: Stage) -> set[str]:
    """Where the cluster sends a client that asked it as our workers do."""
    admin = AIOKafkaAdminClient(**connection(stage.home.read_settings(), stage.broker))
    await admin.start()
    try:
        cluster = await admin.describe_cluster()
    finally:
        await admin.close()
    return {f"{broker['host']}:{broker['port']}" for broker in cluster["brokers"]}


async def check_topics(stage: Stage, *, replicas: int) -> None:
    """Everything that earshot writes to was declared, with partitions, replicas, retention and size
    limit.
    """
    admin = AIOKafkaAdminClient(**connection(stage.home.read_settings(), stage.broker))
    await admin.start()
    try:
        made = {topic["topic"]: topic for topic in await admin.describe_topics(list(TOPICS))}
        named = {name for name in await admin.list_topics() if not name.startswith("__")}
        (told,) = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in TOPICS]
        )
    finally:
        await admin.close()
    assert named == set(TOPICS)
    for name in TOPICS:
        partitions = made[name]["partitions"]
        assert [len(each["replicas"]) for each in partitions] == [replicas] * 4, name
    for _, message, _, name, entries in told.resources:
        config = {entry[0]: entry[1] for entry in entries}
        assert config["max.message.bytes"] == str(MESSAGE_LIMIT), (name, message)
        assert config["message.timestamp.type"] == "LogAppendTime", name
        kept = "compact" if name == "tickets" else "delete"
        assert config["cleanup.policy"] == kept, json.dumps(config)
        if name in ("tweets", "complaints", "transcripts", "analyses"):
            assert config["retention.ms"] == str(7 * 24 * 3600 * 1000)
        if name in ("alerts", "dead-letters"):
            assert config["retention.ms"] == str(30 * 24 * 3600 * 1000)
