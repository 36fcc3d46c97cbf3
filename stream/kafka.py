"""Kafka without Faust: topics with their limits and retention, a confirming producer, the lag."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAlreadyExistsError
from aiokafka.structs import TopicPartition

from stream.cancellation import is_cancelled
from stream.errors import BrokerAway, UserError
from stream.observe.traces import OFF, Headers, Traces
from stream.retry import while_away
from stream.settings import Settings

MESSAGE_LIMIT = 256 * 1024  # bytes; the same at the topic, the producer and the fetch
INPUTS = ("tweets", "complaints", "transcripts")

_DAY = 24 * 3600 * 1000
_RETENTION = {
    "tweets": {"retention.ms": str(7 * _DAY)},
    "complaints": {"retention.ms": str(7 * _DAY)},
    "transcripts": {"retention.ms": str(7 * _DAY)},
    "analyses": {"retention.ms": str(7 * _DAY)},
    "tickets": {"cleanup.policy": "compact"},
    "alerts": {"retention.ms": str(30 * _DAY)},
    "dead-letters": {"retention.ms": str(30 * _DAY)},
}
TOPICS = tuple(_RETENTION)
_EVERYWHERE = {
    "max.message.bytes": str(MESSAGE_LIMIT),
    # A broker refuses what is stamped more than an hour ahead of its own clock: a worker whose
    # clock jumped would wait for Kafka for ever. So the broker's clock stamps, and keeps.
    "message.timestamp.type": "LogAppendTime",
}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to publish. value: None is a tombstone; a compacted topic forgets the key."""

    topic: str
    key: str | bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


Publish = Callable[[Sequence[Outgoing]], Awaitable[object]]  # returns when the broker has confirmed


def tls(settings: Settings) -> ssl.SSLContext | None:
    """The TLS context of Kafka; None where the protocol has none. Raises UserError on a bad CA."""
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    try:
        return ssl.create_default_context(cafile=settings.kafka_ca)
    except (OSError, ssl.SSLError) as error:
        raise UserError(
            f"EARSHOT_KAFKA_CA: cannot read {settings.kafka_ca} as PEM certificates: {error}"
        ) from None


def connection(settings: Settings, broker: str) -> dict[str, Any]:
    """What every aiokafka client needs to connect."""
    security: dict[str, Any] = {
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": tls(settings),
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        if settings.kafka_username is None or settings.kafka_password is None:
            raise UserError(
                "EARSHOT_KAFKA_SECURITY_PROTOCOL is SASL: "
                "set EARSHOT_KAFKA_USERNAME and _PASSWORD too"
            )
        security |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
        }
    return {"bootstrap_servers": broker, **security}


P = ParamSpec("P")
T = TypeVar("T")


def _asks_a_while(
    ask: Callable[Concatenate[Kafka, P], Awaitable[T]],
) -> Callable[Concatenate[Kafka, P], Awaitable[T]]:
    """Repeats a question for a while: of several brokers one may be gone, and a client asks any."""

    @wraps(ask)
    async def repeated(kafka: Kafka, /, *args: P.args, **kwargs: P.kwargs) -> T:
        retry = while_away(errors=(BrokerAway,), first=0.1, longest=0.1, give_up=kafka.patience)
        return await retry(ask, kafka, *args, **kwargs)

    return repeated


class Kafka:
    """A cluster: its topics, its lag, and a producer."""

    def __init__(self, settings: Settings, broker: str, traces: Traces = OFF) -> None:
        self.broker = broker
        self._traces = traces
        self.group = settings.kafka_group
        self._partitions = settings.kafka_partitions
        self._replication = settings.kafka_replication
        self._connection = connection(settings, broker)
        self._place = _place(settings, broker)
        # seconds: a cluster takes some to name another leader for what a dead broker led; one
        # broker that is alone is there or not
        self.patience = 15.0 if "," in broker else 2.0

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(**self._connection, request_timeout_ms=10_000)
        try:
            with _translated(self._place):
                await admin.start()
                yield admin
        finally:
            await admin.close()

    @_asks_a_while
    async def declare_topics(self) -> None:
        """Make the topics that are missing, with their partitions, retention and size limit.

        A real broker makes no topic because somebody writes to it.
        """
        async with self._admin() as admin:
            known = set(await admin.list_topics())
            for name in (topic for topic in TOPICS if topic not in known):
                missing = NewTopic(
                    name=name,
                    num_partitions=self._partitions,
                    replication_factor=self._replication,
                    topic_configs={**_RETENTION[name], **_EVERYWHERE},
                )
                reply = await admin.create_topics([missing])
                for topic, code, *rest in reply.topic_errors:
                    if code not in (0, TopicAlreadyExistsError.errno):
                        reason = rest[0] if rest and rest[0] else f"error {code}"
                        raise UserError(f"Kafka refused to make the topic {topic}: {reason}")

    @_asks_a_while
    async def cluster_id(self) -> str:
        """The cluster's own name: with topic, partition and offset it names a message for ever."""
        async with self._admin() as admin:
            cluster = await admin.describe_cluster()
        return str(cluster.get("cluster_id") or self.broker)

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(**self._connection, group_id=None, enable_auto_commit=False)
        try:
            with _translated(self._place):
                await consumer.start()
                yield consumer
        finally:
            await _stop(consumer)

    @_asks_a_while
    async def ends(self, topics: Iterable[str] = INPUTS) -> dict[TopicPartition, int]:
        """The end offset of every partition of `topics`: where the next message will stand."""
        async with self._admin() as admin, self._reader() as consumer:
            return await _ends(consumer, await _partitions(admin, topics))

    @_asks_a_while
    async def lag(self, upto: Mapping[TopicPartition, int] | None = None) -> int:
        """Messages on the input topics that the group has not acknowledged, `upto` these ends."""
        async with self._admin() as admin, self._reader() as consumer:
            if upto is None:
                upto = await _ends(consumer, await _partitions(admin, INPUTS))
            ends = dict(upto)
            begins = await consumer.beginning_offsets(list(ends))
            marks = await admin.list_consumer_group_offsets(self.group, partitions=list(ends))
        lag = 0
        for partition, end in ends.items():
            mark = marks.get(partition)
            read = mark.offset if mark is not None and mark.offset >= 0 else begins[partition]
            lag += max(0, end - read)
        return lag

    @asynccontextmanager
    async def publisher(self) -> AsyncIterator[Publisher]:
        """A producer that is connected. Raises BrokerAway when there is nothing to connect to."""
        producer = AIOKafkaProducer(
            **self._connection,
            acks="all",
            max_request_size=MESSAGE_LIMIT,
            linger_ms=2,
            request_timeout_ms=20_000,
        )
        try:
            with _translated(self._place):
                await producer.start()
            yield Publisher(producer, self._place, self._traces)
        finally:
            await producer.stop()


class Publisher:
    """Sends, and returns only when the broker has confirmed."""

    def __init__(self, producer: AIOKafkaProducer, place: str, traces: Traces = OFF) -> None:
        self._producer = producer
        self._place = place
        self._traces = traces

    async def publish(self, messages: Sequence[Outgoing]) -> dict[TopicPartition, int]:
        """Send all, wait for all; returns the offset after the last one on each partition.

        Raises BrokerAway when the broker does not confirm in time, MessageSizeTooLargeError above
        MESSAGE_LIMIT.
        """
        if not messages:
            return {}
        sending = self._traces.producing({message.topic for message in messages}, len(messages))
        with _translated(self._place), sending as headers:
            waiting = [await self._send(message, headers) for message in messages]
            ends: dict[TopicPartition, int] = {}
            for confirmed in await asyncio.gather(*waiting):
                partition = TopicPartition(confirmed.topic, confirmed.partition)
                ends[partition] = max(ends.get(partition, 0), confirmed.offset + 1)
            return ends

    async def _send(self, message: Outgoing, headers: Headers) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = await self._producer.send(
            message.topic,
            value=message.value,
            key=message.key.encode() if isinstance(message.key, str) else message.key,
            headers=[*message.headers, *headers],
        )
        return future


def _place(settings: Settings, broker: str) -> str:
    """The address as an error names it: aiokafka says of no login that it is missing or refused."""
    protocol = settings.kafka_security_protocol
    if protocol.startswith("SASL"):
        return f"{broker} with the password of {settings.kafka_username} ({protocol})"
    return broker if settings.broker is None else f"{broker} without a login ({protocol})"


@contextmanager
def _translated(place: str) -> Iterator[None]:
    """aiokafka's errors in our words; but for a message too large, which waiting does not cure."""
    try:
        yield
    except MessageSizeTooLargeError:
        raise
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerAway(
            f"cannot reach Kafka at {place}: {error or type(error).__name__}"
        ) from error


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer. Raises CancelledError only where somebody has asked this task to end.

    aiokafka 0.14 cancels the consumer's tasks and waits for them. Two come out of it as
    CancelledError, and its `stop` lets that go at whoever called it: a task that had not begun, and
    a fetch that waits a tenth of a second because its broker has died. A worker took it for its own
    end.
    """
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        await consumer._client.close()  # `stop` did not come to it
        if is_cancelled():
            raise


async def _partitions(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> list[TopicPartition]:
    """The partitions of topics; a consumer without a subscription knows none."""
    return [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in await admin.describe_topics(list(topics))
        for partition in topic["partitions"]
    ]


async def _ends(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    """End offsets as a fetch tells them.

    The embedded broker answers the plain question with the first offset of the last batch plus one
    (measured: 4,849 of 5,000), so a drain that believed it would stop early. The high watermark of
    a fetch of the last record is right on every broker.
    """
    ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    begins: dict[TopicPartition, int] = await consumer.beginning_offsets(partitions)
    filled = [partition for partition in partitions if ends[partition] > begins[partition]]
    if not filled:
        return ends
    consumer.assign(filled)
    for partition in filled:
        consumer.seek(partition, ends[partition] - 1)
    for _ in range(20):
        unseen = [partition for partition in filled if consumer.highwater(partition) is None]
        if not unseen:
            break
        await consumer.getmany(*unseen, timeout_ms=100)
    seen = {partition: consumer.highwater(partition) or 0 for partition in filled}
    return {partition: max(end, seen.get(partition, 0)) for partition, end in ends.items()}
