"""Events into Kafka under their conversation's key; a cursor counts once its event is confirmed."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

from aiokafka.structs import TopicPartition
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from connectors.events import Deleted, Event, SourcedEvent, encode
from stream.errors import BrokerAway
from stream.kafka import MESSAGE_LIMIT, Outgoing
from stream.store.dead_letters import DeadLetter

TOPIC_OF = {"tweet": "tweets", "complaint": "complaints", "transcript": "transcripts"}
ENVELOPE = 2048  # bytes that Kafka adds to a message, and then some

_CHUNK = 500  # events under way together
PATIENCE = 60.0  # seconds that a broker may be away in the middle of a source


class Publisher(Protocol):
    """Sends and waits for the confirmation; `stream.kafka.Publisher` in earnest."""

    async def publish(self, messages: Sequence[Outgoing]) -> dict[TopicPartition, int]: ...


@dataclass(slots=True)
class IngestResult:
    """Counts of a source. ends: the offset after its last message on each partition, for a wait."""

    events: int = 0
    too_large: int = 0
    ends: dict[TopicPartition, int] = field(default_factory=dict)


async def ingest(
    source: Iterable[SourcedEvent],
    publisher: Publisher,
    *,
    name: str,
    bury: Callable[[Sequence[DeadLetter]], Awaitable[object]],
    rate: float | None = None,
    on_confirmed: Callable[[IngestResult, Any], Awaitable[None]] | None = None,
) -> IngestResult:
    """Publish every event of `source`, which is read in a thread; at most `rate` a second.

    on_confirmed: called after each chunk that the broker has, with the cursor of its last event. An
    event larger than a message may be is buried with its reason. Raises BrokerAway after a minute
    without a broker.
    """
    result = IngestResult()
    events = iter(source)
    started = time.monotonic()
    size = _CHUNK if rate is None else max(1, min(_CHUNK, int(rate / 20)))
    while chunk := await asyncio.to_thread(_take, events, size):
        messages, large = sorted_by_size([event for event, _ in chunk], name)
        if large:
            await bury(large)
        if messages:
            ends = await _send(publisher, messages)
            for partition, end in ends.items():
                result.ends[partition] = max(result.ends.get(partition, 0), end)
        result.events += len(messages)
        result.too_large += len(large)
        if on_confirmed is not None:
            await on_confirmed(result, chunk[-1].cursor)
        if rate is not None:
            await asyncio.sleep(max(0.0, started + result.events / rate - time.monotonic()))
    return result


def topic_of(event: Event) -> str:
    return TOPIC_OF[event.of if isinstance(event, Deleted) else event.kind]


def _take(events: Iterator[SourcedEvent], count: int) -> list[SourcedEvent]:
    return list(islice(events, count))


def sorted_by_size(events: Sequence[Event], name: str) -> tuple[list[Outgoing], list[DeadLetter]]:
    """The messages, and a dead letter for each event that is too large. name: of the source."""
    messages, large = [], []
    for event in events:
        value = encode(event)
        if len(value) + len(event.conversation) + ENVELOPE <= MESSAGE_LIMIT:
            messages.append(Outgoing(topic_of(event), event.conversation, value))
        else:
            large.append(_too_large(event, value, name))
    return messages, large


def _too_large(event: Event, value: bytes, name: str) -> DeadLetter:
    """It never had an offset. A number made of its id and revision takes its place, so that a
    second replay does not bury it twice.
    """
    digest = hashlib.sha256(f"{event.id} {event.revision}".encode()).digest()
    number = int.from_bytes(digest[:7], "big")
    return DeadLetter(
        cluster=f"ingest {name}",
        topic=topic_of(event),
        partition=-1,
        offset=number,
        key=event.conversation.encode(),
        value=value,
        reason=f"{len(value):,} bytes are more than a message may have ({MESSAGE_LIMIT:,})",
    )


async def _send(publisher: Publisher, messages: Sequence[Outgoing]) -> dict[TopicPartition, int]:
    """Publish, for PATIENCE seconds while the broker is away: the store counts an event once."""
    retries = AsyncRetrying(
        retry=retry_if_exception_type(BrokerAway),
        wait=wait_fixed(1.0),
        stop=stop_after_delay(PATIENCE),
        reraise=True,
    )
    return await retries(publisher.publish, messages)
