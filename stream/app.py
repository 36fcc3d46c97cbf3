"""The Faust app: agents that take batches, hand them on, and acknowledge last."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

import faust
from faust.app import App, BootStrategy
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport

from stream.kafka import INPUTS, MESSAGE_LIMIT, tls
from stream.pipeline import Message, Pipeline
from stream.replies.drafting import Drafting
from stream.settings import Settings

BATCH_WITHIN = 0.02  # seconds to wait for a batch to fill
# seconds until a ticket is remembered that waits for a draft: few large batches
DRAFTS_WITHIN = 0.5


class _Boot(BootStrategy):
    """Without Faust's web server, which binds a fixed port even when off: a second worker dies."""

    enable_web = False


class _App(App):
    BootStrategy = _Boot


class _EmbeddedThread(AIOKafkaConsumerThread):
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


class _EmbeddedConsumer(Consumer):
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _EmbeddedThread(self, loop=self.loop, beacon=self.beacon)


class _EmbeddedTransport(Transport):
    Consumer = _EmbeddedConsumer


def create_app(
    settings: Settings,
    broker: str,
    pipeline: Pipeline,
    drafting: Drafting | None = None,
    *,
    embedded: bool,
) -> App:
    """An app that listens on the input topics, and, to draft, on the tickets that come of them.

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
        datadir=settings.home.expanduser() / "faust",
        store="memory://",
        # True waits for events that nobody acknowledges before the rebalance
        stream_wait_empty=False,
        stream_buffer_maxsize=4 * settings.batch,
        topic_disable_leader=True,
        # stream.kafka makes every topic, also those that are only written to
        topic_allow_declare=False,
    )
    if embedded:
        app.transport = _EmbeddedTransport(app.conf.broker_consumer, app)
    duties: dict[str, tuple[Duty, float]] = dict.fromkeys(INPUTS, (pipeline, BATCH_WITHIN))
    if drafting is not None:
        duties["tickets"] = drafting, DRAFTS_WITHIN
    for name, (duty, within) in duties.items():
        topic = app.topic(
            name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        app.agent(topic, name=name, concurrency=1)(_listener(duty, settings.batch, within))
    return app


class Duty(Protocol):
    """What is done with a batch. No error leaves it: Faust would skip the batch's messages."""

    async def process(self, batch: Sequence[Message]) -> None: ...


def _listener(duty: Duty, batch: int, within: float) -> Any:
    async def listen(stream: Any) -> AsyncIterator[None]:
        async for events in stream.noack_take(batch, within=within):
            await duty.process(messages(events))
            for event in events:
                event.ack()  # only now: everything the batch said is committed and published
            yield

    return listen


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
