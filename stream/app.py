"""The Faust app: agents that take batches, hand them on, and acknowledge last."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import faust
from faust.app import App, BootStrategy
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Transport

from stream.kafka import INPUTS, MESSAGE_LIMIT, tls
from stream.offsets import CarefulConsumer, CarefulThread
from stream.overlap import overlapped
from stream.pipeline import InOrder, Message, Pipeline
from stream.settings import Settings


class _Boot(BootStrategy):
    """Without Faust's web server, which binds a fixed port even when off: a second worker dies."""

    enable_web = False


class _App(App):
    BootStrategy = _Boot


class _EmbeddedThread(CarefulThread):
    """A consumer that gets on with the embedded broker.

    It leaves its group without a word, as if it had been killed: the session's end, six seconds
    later, removes it. When the leader of a group says goodbye in the middle of a rebalance, the
    embedded broker keeps it as the leader for ever: whoever joins afterwards waits for an
    assignment that never comes.

    It asks often: the embedded broker answers a fetch only after a good part of the longest wait,
    also when messages are there (of Faust's 1,500 ms: 394 at the median; of 20 ms: 10). Apache
    Kafka answers at once.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = 20
        return consumer

    async def on_thread_stop(self) -> None:
        if self._consumer is not None and self._consumer._coordinator is not None:
            self._consumer._coordinator._maybe_leave_group = _say_nothing
        await super().on_thread_stop()


async def _say_nothing() -> None: ...


class _EmbeddedConsumer(CarefulConsumer):
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _EmbeddedThread(self, loop=self.loop, beacon=self.beacon)


class _Transport(Transport):
    Consumer = CarefulConsumer


class _EmbeddedTransport(Transport):
    Consumer = _EmbeddedConsumer


def create_app(settings: Settings, broker: str, pipeline: Pipeline, *, embedded: bool) -> App:
    """An app that listens on the input topics.

    embedded: the broker whose group join waits half the session time.
    """
    app = _App(
        settings.kafka_group,
        broker=";".join(f"kafka://{address.strip()}" for address in broker.split(",")),
        broker_credentials=_credentials(settings),
        # how long a dead worker's partitions wait
        broker_session_timeout=6.0 if embedded else 12.0,
        broker_heartbeat_interval=2.0 if embedded else 3.0,
        broker_commit_interval=0.5,
        consumer_max_fetch_size=max(1024 * 1024, MESSAGE_LIMIT),
        consumer_auto_offset_reset="earliest",
        # how long messages of new partitions wait: nobody tells a consumer of them
        consumer_metadata_max_age_ms=30_000,
        datadir=settings.home.expanduser() / "faust",
        store="memory://",
        # True waits for events that nobody acknowledges before the rebalance
        stream_wait_empty=False,
        stream_buffer_maxsize=4 * settings.batch,
        topic_disable_leader=True,
        # stream.kafka makes every topic, also those that are only written to
        topic_allow_declare=False,
    )
    transport = _EmbeddedTransport if embedded else _Transport
    app.transport = transport(app.conf.broker_consumer, app)
    listener = _listener(pipeline, settings.batch)
    for name in INPUTS:
        topic = app.topic(
            name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        app.agent(topic, name=name, concurrency=1)(listener)
    return app


def _listener(pipeline: Pipeline, batch: int) -> Any:
    """Understands a batch while the one before is saved; acknowledges in order, and last."""

    async def listen(stream: Any) -> None:
        async def handle(events: Sequence[Any], turn: InOrder) -> None:
            await pipeline.process(messages(events), turn)
            await turn()
            for event in events:
                event.ack()  # only now: everything the batch said is committed and published

        await overlapped(arriving(stream), handle, limit=batch)

    return listen


async def arriving(stream: Any) -> AsyncIterator[Any]:
    """The events of a Faust stream, none of which Faust acknowledges."""
    stream.enable_acks = False
    async for event in stream.events():
        yield event


def messages(events: Sequence[Any]) -> list[Message]:
    """Faust's events as the pipeline reads them."""
    return [
        Message(
            topic=event.message.topic,
            partition=event.message.partition,
            offset=event.message.offset,
            key=event.message.key,
            value=event.message.value,
            headers=dict(event.message.headers or ()),
            produced_at=event.message.timestamp,
        )
        for event in events
    ]


def _credentials(settings: Settings) -> Any:
    context = tls(settings)
    if settings.kafka_security_protocol.startswith("SASL"):
        password = settings.kafka_password.get_secret_value() if settings.kafka_password else None
        return faust.SASLCredentials(
            username=settings.kafka_username,
            password=password,
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
