"""Pipeline of a batch, from raw bytes to saved tickets; it knows no Faust."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from pydantic import ValidationError

from connectors.events import Event, Transcript, decode, wrong_field
from stream.errors import DatabaseAway, where
from stream.kafka import Outgoing, Publish
from stream.observe.health import Health
from stream.observe.metrics import Metrics
from stream.observe.traces import OFF, Traces
from stream.records import AlertRecord, DeadLetterRecord
from stream.retry import AWAY, while_away
from stream.store.dead_letters import DeadLetter
from stream.store.store import Saved
from stream.triage.judgement import Judge, Judgement, Reading

log = logging.getLogger(__name__)

REPLAY_HEADER = "dead-letter-id"
TURNS_AT_ONCE = 32  # of calls, before the model is anybody else's turn: a tenth of a second
TURNS_IN_HAND = 512  # of the calls that are understood together

InOrder = Callable[[], Awaitable[object]]  # returns once what came before a batch is acknowledged


@dataclass(frozen=True, slots=True)
class Message:
    """One message as Kafka holds it: bytes, and where they stand."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    headers: Mapping[str, bytes] = field(default_factory=dict)
    produced_at: float | None = None  # seconds since the epoch, Kafka's own time stamp

    @property
    def dead_letter_id(self) -> int | None:
        """The dead letter that this message is a second try of."""
        number = self.headers.get(REPLAY_HEADER, b"").decode("ascii", "replace")
        return int(number) if number.isdigit() and len(number) < 19 else None

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


async def alone() -> None:
    """Nothing came before the batch."""


class Store(Protocol):
    """Where a batch is saved; `stream.store.store.Store` in earnest."""

    async def save(self, batch: Sequence[Judgement]) -> Saved: ...


class DeadLetters(Protocol):
    """Where messages are buried; `stream.store.dead_letters.DeadLetters` in earnest."""

    async def bury(self, letters: Sequence[DeadLetter]) -> list[int]: ...
    async def resolve_dead(self, ids: Sequence[int]) -> object: ...


class Pipeline:
    """Decodes, judges, saves, publishes. The caller acknowledges once `process` has returned."""

    def __init__(
        self,
        *,
        judge: Judge,
        store: Store,
        dead_letters: DeadLetters,
        publish: Publish,
        cluster: str,
        metrics: Metrics,
        health: Health,
        traces: Traces = OFF,
    ) -> None:
        self._judge = judge
        self._store = store
        self._dead_letters = dead_letters
        self._publish = publish
        self._cluster = cluster
        self._metrics = metrics
        self._health = health
        self._traces = traces

    async def process(self, batch: Sequence[Message], turn: InOrder = alone) -> None:
        """Handle the batch, whatever happens: wait for what is away, and bury what can never be
        handled.

        turn: is waited for once the batch is understood, before anything of it is stored.
        """
        try:
            await while_away(self._wait)(self.handle, batch, turn)
        except Exception as error:
            # Faust skips the events of an agent that raised, so an error that leaves this method
            # would lose every message in the batch. Halving finds the culprit.
            await turn()
            if len(batch) > 1:
                middle = len(batch) // 2
                await self.process(batch[:middle])
                await self.process(batch[middle:])
            else:
                log.warning("cannot handle %s: %s", batch[0], where(error))
                await self._store_bare(batch[0])
        self._health.progress()

    async def handle(
        self, batch: Sequence[Message], turn: InOrder = alone, *, bare: bool = False
    ) -> None:
        """Save what the batch says and publish what was saved; bury what cannot be read.

        bare: without what the model made of it, which cannot be stored.
        """
        with self._traces.batch(
            batch[0].topic, (message.headers for message in batch), _waited(batch)
        ):
            read, unreadable = self._decoded(batch)
            judgements = await self._judged([event for _, event in read])
            await turn()
            if unreadable:
                await self._bury(unreadable)
            if not read:
                return
            if bare:
                judgements = [_without_analysis(judgement) for judgement in judgements]
            with self._metrics.timed("save"), self._traces.stage("save"):
                saved = await self._store.save(judgements)
            with self._metrics.timed("publish"), self._traces.stage("publish"):
                await self._publish(outgoing(saved))
            messages = [message for message, _ in read]
            letters = [message.dead_letter_id for message in messages]
            replayed = [letter for letter in letters if letter is not None]
            if replayed:
                await self._dead_letters.resolve_dead(replayed)
            self._count(messages, judgements, saved)

    def _decoded(
        self, batch: Sequence[Message]
    ) -> tuple[list[tuple[Message, Event]], list[tuple[Message, str]]]:
        """The events in the batch, and what is no event, with the reason."""
        events: list[tuple[Message, Event]] = []
        unreadable: list[tuple[Message, str]] = []
        with self._metrics.timed("decode"), self._traces.stage("decode"):
            for message in batch:
                try:
                    events.append((message, decode(message.value or b"")))
                except ValidationError as error:
                    unreadable.append((message, f"not an event: {wrong_field(error)}"))
        return events, unreadable

    async def _judged(self, events: Sequence[Event]) -> list[Judgement]:
        judgements: list[Judgement] = []
        for part in _in_parts(events):
            judgements += await self._judged_together(part)
        return judgements

    async def _judged_together(self, events: Sequence[Event]) -> list[Judgement]:
        """The turns of calls are read a few at a time: tweets do not wait for a long call."""
        readings, judgements = await asyncio.to_thread(self._read, events)
        if judgements is not None:
            return judgements
        turns = await asyncio.to_thread(self._judge.unread_turns, readings)
        for start in range(0, len(turns), TURNS_AT_ONCE):
            with self._metrics.timed("analyze"), self._traces.stage("analyze"):
                part = turns[start : start + TURNS_AT_ONCE]
                await asyncio.to_thread(self._judge.learn, part)
        with self._metrics.timed("analyze"), self._traces.stage("analyze"):
            return await asyncio.to_thread(self._judge.understand, readings)

    def _read(self, events: Sequence[Event]) -> tuple[list[Reading], list[Judgement] | None]:
        """The events without personal data, and, where none is a call, what they mean.

        In one thread, one after the other: with each way there and back a small batch loses time.
        """
        with self._metrics.timed("redact"), self._traces.stage("redact"):
            readings = self._judge.read(events)
        if any(reading.call is not None for reading in readings):
            return readings, None
        with self._metrics.timed("analyze"), self._traces.stage("analyze"):
            return readings, self._judge.understand(readings)

    async def _store_bare(self, message: Message) -> None:
        """Store the one event that cannot be handled without what the model made of it; bury it
        only where that fails as well.
        """
        try:
            await while_away(self._wait)(self.handle, [message], bare=True)
        except Exception as error:
            # Whatever it is: given up, the message would be acknowledged along with its followers.
            reason = f"cannot be handled: {type(error).__name__}"
            log.warning("cannot handle %s without an analysis either: %s", message, where(error))
            bury = while_away(self._wait_to_bury, errors=(Exception,))
            await bury(self._bury, [(message, reason)])

    async def _bury(self, letters: Sequence[tuple[Message, str]]) -> None:
        buried = [
            DeadLetter(
                cluster=self._cluster,
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                key=message.key,
                value=message.value,
                reason=reason,
                replayed_as=message.dead_letter_id,
            )
            for message, reason in letters
        ]
        ids = await self._dead_letters.bury(buried)
        records = [
            DeadLetterRecord(id=number, reason=letter.reason)
            for number, letter in zip(ids, buried, strict=True)
        ]
        await self._publish(
            [Outgoing("dead-letters", str(record.id), record.encode()) for record in records]
        )
        for message, _ in letters:
            self._metrics.dead.labels(message.topic).inc()

    def _wait(self, away: BaseException) -> None:
        """Kafka is the buffer: nothing is acknowledged while something is away."""
        dependency = "Postgres" if isinstance(away, DatabaseAway) else "Kafka"
        if self._health.waiting_for is None:
            log.warning("waiting for %s: %s", dependency, away)
        self._health.wait(dependency)
        self._metrics.ready.set(0)
        self._metrics.retries.labels(dependency).inc()

    def _wait_to_bury(self, error: BaseException) -> None:
        """Not ready until the message is buried."""
        if isinstance(error, AWAY):
            self._wait(error)
        else:
            log.error("cannot bury a message: %s", where(error))
            self._health.wait("a dead letter to be buried")

    def _count(
        self, messages: Sequence[Message], judgements: Sequence[Judgement], saved: Saved
    ) -> None:
        metrics, now = self._metrics, time.time()
        metrics.batch.observe(len(messages))
        metrics.ready.set(1)
        self._count_events(messages)
        for message in messages:
            if message.produced_at is not None:
                metrics.latency.observe(max(0.0, now - message.produced_at))
                metrics.committed(message.produced_at)
        metrics.scored.inc(sum(judgement.analysis is not None for judgement in judgements))
        steps = [judgement.failed for judgement in judgements if judgement.failed is not None]
        for step in [*steps, *(failure.step for failure in saved.failures)]:
            metrics.failed.labels(step).inc()
        for ticket in saved.tickets:
            metrics.tickets.labels("withdrawn" if ticket.withdrawn else ticket.level).inc()
        for alert in saved.alerts:
            metrics.alerts.labels(alert.kind).inc()

    def _count_events(self, messages: Sequence[Message]) -> None:
        for topic, count in Counter(message.topic for message in messages).items():
            self._metrics.events.labels(topic).inc(count)


def outgoing(saved: Saved) -> list[Outgoing]:
    """What the stored rows say on the topics, for every id of the batch; readers ignore versions
    they have seen.
    """
    analyses = [
        Outgoing("analyses", record.conversation, record.encode()) for record in saved.analyses
    ]
    tickets = [Outgoing("tickets", record.id, record.encode()) for record in saved.tickets]
    tombstones = [Outgoing("tickets", id, None) for id in saved.forgotten]
    return analyses + tombstones + tickets + alert_messages(saved.alerts)


def alert_messages(alerts: Sequence[AlertRecord]) -> list[Outgoing]:
    return [Outgoing("alerts", record.id, record.encode()) for record in alerts]


def _in_parts(events: Sequence[Event]) -> Iterator[list[Event]]:
    """The events in order, a few long calls at a time: what is understood together is in memory
    together.
    """
    part: list[Event] = []
    turns = 0
    for event in events:
        size = len(event.turns) if isinstance(event, Transcript) else 0
        if part and turns + size > TURNS_IN_HAND:
            yield part
            part, turns = [], 0
        part.append(event)
        turns += size
    if part:
        yield part


def _waited(batch: Sequence[Message]) -> float | None:
    """Seconds since the first of the batch was produced."""
    produced = [message.produced_at for message in batch if message.produced_at is not None]
    return time.time() - min(produced) if produced else None


def _without_analysis(judgement: Judgement) -> Judgement:
    return replace(judgement, analysis=None, failed=judgement.failed or "save")
