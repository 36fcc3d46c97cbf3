"""The runbook's chapters about Kafka, typed on Apache Kafka: restore, stamps, growing."""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from acceptance.apache import apache_stage, missing
from acceptance.kills import check_same
from acceptance.shell import succeeds
from acceptance.stage import Stage, until
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from restored import lines_of, typed

from connectors.events import Event
from stream.kafka import TOPICS, connection
from stream.postgres.database import dsn

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]

AGAIN = "earshot"  # the database that is made in the place of the one that was lost


async def test_a_lost_database_comes_back_from_its_dump_and_from_kafka(
    few_tweets: Sequence[Event], tmp_path: Path
):
    async with apache_stage(1) as (stage, _):
        worker = await stage.ready_worker()
        await stage.feed(few_tweets[:1000])
        await stage.drained()
        lost = dsn(stage.database_url)
        dump = typed("Backup", "pg_dump")
        await succeeds(dump, stage, tmp_path, EARSHOT_DATABASE_URL=lost)
        await stage.feed(few_tweets[1000:2000])  # these are in no backup
        await stage.drained()
        await stage.kill(worker, signal.SIGTERM)
        before = await stage.outcome()

        stage.database_url = _database(stage.database_url, AGAIN)
        stage.home.settings["database_url"] = stage.database_url
        for line in lines_of("Restore"):
            again = dsn(stage.database_url)
            await succeeds(line, stage, tmp_path, **_login(lost), EARSHOT_DATABASE_URL=again)
        assert 0 < await stage.stored() < len(before.events)
        assert await stage.lag() > 0, "the group goes back"

        await stage.ready_worker()
        await stage.drained()
        check_same(await stage.outcome(), before)


async def test_brokers_stamp_older_topics_and_partitions_are_added_while_events_come(
    few_tweets: Sequence[Event], tmp_path: Path
):
    async with apache_stage(1) as (stage, _):
        await stage.kafka.declare_topics()
        await _stamp_by_producers(stage)
        await _stamped(stage, "CreateTime")
        [line] = lines_of("Release")
        await succeeds(line, stage, tmp_path)
        await _stamped(stage, "LogAppendTime")

        await stage.ready_worker()
        await stage.feed(few_tweets[:500])
        [line] = lines_of("Growing")
        await succeeds(line, stage, tmp_path)
        await stage.feed(few_tweets[250:1000])  # some again, by other partitions
        await stage.ready_worker()
        await stage.drained()
        assert len({place.partition for place in await stage.kafka.ends(["tweets"])}) == 24
        found = await stage.outcome()
        assert found.event_rows == len({event.id for event in few_tweets[:1000]})
        assert found.counts == found.counted


def _database(url: str, name: str) -> str:
    """The URL of another database of this server."""
    return re.sub(r"(?<!/)/(?!/)[^?]*", f"/{name}", url, count=1)


def _login(url: str) -> dict[str, str]:
    """How PostgreSQL's own programs find the server where no URL is typed."""
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname or ""])[0]
    return {"PGHOST": host, "PGUSER": parts.username or ""}


@asynccontextmanager
async def _admin(stage: Stage) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**connection(stage.home.read_settings(), stage.broker))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def _stamp_by_producers(stage: Stage) -> None:
    """As the topics of an older release are."""
    given = {"message.timestamp.type": "CreateTime"}
    async with _admin(stage) as admin:
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, configs=given) for name in TOPICS]
        )


async def _stamped(stage: Stage, by: str) -> None:
    """Until the brokers know so of every topic."""

    async def known() -> bool:
        return await _stamps(stage) == dict.fromkeys(TOPICS, by)

    await until(known, f"every topic has {by}")


async def _stamps(stage: Stage) -> dict[str, str]:
    async with _admin(stage) as admin:
        (told,) = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in TOPICS]
        )
    return {
        name: {entry[0]: entry[1] for entry in entries}.get("message.timestamp.type", "")
        for _, _, _, name, entries in told.resources
    }
