"""From a source to Kafka: every event under its conversation's key, confirmed before its cursor
counts.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

from aiokafka.structs import TopicPartition

from connectors.events import Deleted, Event, Sourced, encode
from stream.errors import BrokerAway
from stream.kafka import MESSAGE_LIMIT, Outgoing
from stream.store.dead_letters import DeadLetter

TOPIC_OF = {"tweet": "tweets", "complaint": "complaints", "transcript": "transcripts"}
ENVELOPE = 2048  # bytes that Kafka adds to a message, and then some

_CHUNK = 500  # events under way at once
PATIENCE = 60.0  # seconds that a broker may be away in the middle of a source


class Publisher(Protocol):
    """Sends and waits for the confirmation; `stream.kafka.Publisher` in earnest."""

    async def publish(self, messages: Sequence[Outgoing]) -> dict[TopicPartition, int]: ...


@dataclass(slots=True)
class Ingested:
    """What a source gave. ends: the offset after its last message on each partition, for a wait."""

    events: int = 0
    too_large: int = 0
    ends: dict[TopicPartition, int] = field(default_factory=dict)


async def ingest(
    source: Iterable[Sourced],
    publisher: Publisher,
    *,
    name: str,
    bury: Callable[[Sequence[DeadLetter]], Awaitable[object]],
    rate: float | None = None,
    confirmed: Callable[[Ingested, Any], Awaitable[None] | None] | None = None,
) -> Ingested:
    """Publish every event of `source`, which is read in a thread; at most `rate` a second.

    confirmed: told after each chunk that the broker has, with the cursor of its last event. An
    event larger than a message may be is buried with its reason. Raises BrokerAway after a minute
    without a broker.
    """
    done = Ingested()
    events = iter(source)
    started = time.monotonic()
    while chunk := await asyncio.to_thread(
        _take, events, _CHUNK if rate is None else max(1, min(_CHUNK, int(rate / 20)))
    ):
        messages, large = sorted_by_size([event for event, _ in chunk], name)
        if large:
            await bury(large)
        if messages:
            for partition, end in (await send(publisher, messages)).items():
                done.ends[partition] = max(done.ends.get(partition, 0), end)
        done.events += len(messages)
        done.too_large += len(large)
        if confirmed is not None and (told := confirmed(done, chunk[-1].cursor)) is not None:
            await told
        if rate is not None:
            await asyncio.sleep(max(0.0, started + done.events / rate - time.monotonic()))
    return done


def topic_of(event: Event) -> str:
    return TOPIC_OF[event.of if isinstance(event, Deleted) else event.kind]


def _take(events: Iterator[Sourced], count: int) -> list[Sourced]:
    return list(islice(events, count))


def sorted_by_size(events: Sequence[Event], name: str) -> tuple[list[Outgoing], list[DeadLetter]]:
    """What can be published, and what is too large for a message. name: of the source."""
    messages, large = [], []
    for event in events:
        value = encode(event)
        if len(value) + len(event.conversation) + ENVELOPE <= MESSAGE_LIMIT:
            messages.append(Outgoing(topic_of(event), event.conversation, value))
        else:
            large.append(_too_large(event, value, name))
    return messages, large


def _too_large(event: Event, value: bytes, name: str) -> DeadLetter:
    """It never had an offset; a number made of its id and revision keeps a second replay from
    burying it twice.
    """
    number = int.from_bytes(
        hashlib.sha256(f"{event.id} {event.revision}".encode()).digest()[:7], "big"
    )
    return DeadLetter(
        cluster=f"ingest {name}",
        topic=topic_of(event),
        partition=-1,
        offset=number,
        key=event.conversation.encode(),
        value=value,
        reason=f"{len(value):,} bytes are more than a message may have ({MESSAGE_LIMIT:,})",
    )


async def send(
    publisher: Publisher, messages: Sequence[Outgoing], *, patience: float = PATIENCE
) -> dict[TopicPartition, int]:
    """Publish, and again for so many seconds while the broker is away: the store counts an event
    once.
    """
    give_up = time.monotonic() + patience
    while True:
        try:
            return await publisher.publish(messages)
        except BrokerAway:
            if time.monotonic() > give_up:
                raise
            await asyncio.sleep(1.0)
