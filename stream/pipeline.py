"""One batch of messages, from raw bytes to saved tickets. Nothing here knows Faust."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from connectors.events import Deleted, Event, TextEvent, Transcript, decode
from models.analysis import Analysis
from models.calls.analyzer import CallReader, customer_text
from models.calls.sides import Utterance
from stream.brands import Brands
from stream.errors import BrokerAway, DatabaseAway
from stream.kafka import Outgoing
from stream.observe.health import Health
from stream.observe.metrics import Metrics
from stream.observe.traces import OFF, Traces
from stream.records import AlertRecord, DeadLetterRecord
from stream.store.dead_letters import DeadLetter
from stream.store.store import Saved, Scored
from stream.triage.judgement import utterances

log = logging.getLogger(__name__)

REPLAY_HEADER = "dead-letter-id"
LONGEST_PAUSE = 5.0  # seconds between tries of something that is away
TURNS_AT_ONCE = 32  # of calls, before the model is anybody else's turn: a tenth of a second
TURNS_IN_HAND = 512  # of the calls that are understood together


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
        told = self.headers.get(REPLAY_HEADER, b"").decode("ascii", "replace")
        return int(told) if told.isdigit() and len(told) < 19 else None


class Store(Protocol):
    """Where a batch is saved; `stream.store.store.Store` in earnest."""

    async def save(self, batch: Sequence[Scored]) -> Saved: ...
    async def bury(self, letters: Sequence[DeadLetter]) -> list[int]: ...
    async def resolve_dead(self, ids: Sequence[int]) -> object: ...


Analyze = Callable[[Sequence[str], Sequence[str | None]], Sequence[Analysis]]
Publish = Callable[[Sequence[Outgoing]], Awaitable[object]]


class Pipeline:
    """Decode, redact, analyse, save, publish. The caller acknowledges when `process` returns, and
    not before.
    """

    def __init__(
        self,
        *,
        analyze: Analyze,
        calls: CallReader | None = None,
        redact: Callable[[str], str],
        brands: Brands,
        store: Store,
        publish: Publish,
        cluster: str,
        metrics: Metrics,
        health: Health,
        traces: Traces = OFF,
    ) -> None:
        self._analyze = analyze
        self._calls = calls or CallReader(analyze, None)
        self._redact = redact
        self._brands = brands
        self._store = store
        self._publish = publish
        self._cluster = cluster
        self._metrics = metrics
        self._health = health
        self._traces = traces
        self._model_in_use = (
            asyncio.Lock()
        )  # three agents, one model: side by side they would only slow each other

    async def process(self, batch: Sequence[Message]) -> None:
        """Handle the batch, whatever happens: wait for what is away, and bury what can never be
        handled.
        """
        try:
            await self._patiently(lambda: self.handle(batch))
        except Exception as error:
            # Faust skips the events of an agent that raised, so an error that leaves this method
            # would lose every message in the batch. Halving finds the culprit; it alone is buried.
            if len(batch) > 1:
                middle = len(batch) // 2
                await self.process(batch[:middle])
                await self.process(batch[middle:])
            else:
                log.warning("cannot handle %s: %s", _place(batch[0]), where(error))
                await self._bury_surely(batch[0], f"cannot be handled: {type(error).__name__}")
        self._health.progress()

    async def handle(self, batch: Sequence[Message]) -> None:
        """Save what the batch says and publish what was saved; bury what cannot be read."""
        with self._traces.batch(
            batch[0].topic, (message.headers for message in batch), _waited(batch)
        ):
            await self._handle(batch)

    async def _handle(self, batch: Sequence[Message]) -> None:
        events, unreadable = self._decode(batch)
        if unreadable:
            await self._bury(unreadable)
        if not events:
            return
        scored = [
            one
            for part in _in_parts([event for _, event in events])
            for one in await self._understood(part)
        ]
        with self._metrics.timed("save"), self._traces.stage("save"):
            saved = await self._store.save(scored)
        with self._metrics.timed("publish"), self._traces.stage("publish"):
            await self._publish(outgoing(saved))
        replayed = [
            number for message, _ in events if (number := message.dead_letter_id) is not None
        ]
        if replayed:
            await self._store.resolve_dead(replayed)
        self._count([message for message, _ in events], scored, saved)

    def _decode(
        self, batch: Sequence[Message]
    ) -> tuple[list[tuple[Message, Event]], list[tuple[Message, str]]]:
        events: list[tuple[Message, Event]] = []
        unreadable: list[tuple[Message, str]] = []
        with self._metrics.timed("decode"), self._traces.stage("decode"):
            for message in batch:
                try:
                    events.append((message, decode(message.value or b"")))
                except ValidationError as error:
                    unreadable.append((message, reason(error)))
        return events, unreadable

    async def _understood(self, events: Sequence[Event]) -> list[Scored]:
        """The events understood. The turns of calls are read a few at a time: tweets do not wait
        for a long call.
        """
        calls: dict[int, list[Utterance]] = {}
        for at, event in enumerate(events):
            if isinstance(event, Transcript):
                calls[at] = await asyncio.to_thread(utterances, event, self._redact)
        turns = [
            turn
            for at, call in calls.items()
            for turn in self._calls.unread(call, _language(events[at]))
        ]
        for start in range(0, len(turns), TURNS_AT_ONCE):
            async with self._model_in_use:
                with self._metrics.timed("analyze"), self._traces.stage("analyze"):
                    await asyncio.to_thread(self._calls.learn, turns[start : start + TURNS_AT_ONCE])
        async with self._model_in_use:
            return await asyncio.to_thread(self._understand, events, calls)

    def _understand(
        self, events: Sequence[Event], calls: Mapping[int, list[Utterance]]
    ) -> list[Scored]:
        """Redact every text, find its brand, and judge what customers said. calls: by place,
        redacted. In a thread.
        """
        with self._metrics.timed("redact"), self._traces.stage("redact"):
            texts = [
                "" if isinstance(event, Deleted) else self._redact(_readable(event, calls.get(at)))
                for at, event in enumerate(events)
            ]
            brands = [
                self._brand(
                    event, "\n".join(turn.text for turn in calls[at]) if at in calls else text
                )
                for at, (event, text) in enumerate(zip(events, texts, strict=True))
            ]
            events = [self._directed(event) for event in events]
        with self._metrics.timed("analyze"), self._traces.stage("analyze"):
            heard = [at for at, event in enumerate(events) if _is_inbound(event)]
            read = [at for at in heard if at not in calls]
            called = [at for at in heard if at in calls]
            judged = dict(
                zip(
                    read,
                    self._analyze(
                        [texts[at] for at in read], [_language(events[at]) for at in read]
                    ),
                    strict=True,
                )
            )
            understood = self._calls(
                [calls[at] for at in called], [_language(events[at]) for at in called]
            )
            judged |= dict(zip(called, understood, strict=True))
        return [
            Scored(event=event, text=texts[at], brand=brands[at], analysis=judged.get(at))
            for at, event in enumerate(events)
        ]

    def _brand(self, event: Event, text: str) -> str | None:
        if event.brand is not None or isinstance(event, Deleted):
            return event.brand
        return self._brands.find(text, event.author, event.network)

    def _directed(self, event: Event) -> Event:
        """What a brand's own account says is outbound, also when the source did not know."""
        if _is_inbound(event) and self._brands.is_own(getattr(event, "author", None)):
            return event.model_copy(update={"direction": "outbound"})
        return event

    async def _bury(self, letters: Sequence[tuple[Message, str]]) -> None:
        buried = [
            DeadLetter(
                cluster=self._cluster,
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                key=message.key,
                value=message.value,
                reason=why,
                replayed_as=message.dead_letter_id,
            )
            for message, why in letters
        ]
        ids = await self._store.bury(buried)
        await self._publish(
            [
                Outgoing(
                    "dead-letters",
                    str(number),
                    DeadLetterRecord(id=number, reason=letter.reason).encode(),
                )
                for number, letter in zip(ids, buried, strict=True)
            ]
        )
        for message, _ in letters:
            self._metrics.dead.labels(message.topic).inc()

    async def _bury_surely(self, message: Message, why: str) -> None:
        """Not ready until it is buried: given up, it would be acknowledged along with those that
        come after it.
        """
        while True:
            try:
                return await self._patiently(lambda: self._bury([(message, why)]))
            except Exception:  # whatever it is: an error that left this loop would lose the message
                log.exception("cannot bury %s", _place(message))
                self._health.wait("a dead letter to be buried")
                await asyncio.sleep(LONGEST_PAUSE)

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Try until what is away is back. Kafka is the buffer: nothing is acknowledged meanwhile."""
        pause = 0.1
        while True:
            try:
                return await work()
            except (DatabaseAway, BrokerAway) as away:
                what = "Postgres" if isinstance(away, DatabaseAway) else "Kafka"
                if self._health.waiting_for is None:
                    log.warning("waiting for %s: %s", what, away)
                self._health.wait(what)
                self._metrics.ready.set(0)
                self._metrics.retries.labels(what).inc()
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _count(self, messages: Sequence[Message], scored: Sequence[Scored], saved: Saved) -> None:
        metrics, now = self._metrics, time.time()
        metrics.batch.observe(len(messages))
        metrics.ready.set(1)
        for message in messages:
            metrics.events.labels(message.topic).inc()
            if message.produced_at is not None:
                metrics.latency.observe(max(0.0, now - message.produced_at))
                metrics.committed(message.produced_at)
        metrics.scored.inc(sum(each.analysis is not None for each in scored))
        for ticket in saved.tickets:
            metrics.tickets.labels("withdrawn" if ticket.withdrawn else ticket.level).inc()
        for alert in saved.alerts:
            metrics.alerts.labels(alert.kind).inc()


def outgoing(saved: Saved) -> list[Outgoing]:
    """What the stored rows say on the topics, for every id of the batch; readers ignore versions
    they have seen.
    """
    analyses = [
        Outgoing("analyses", record.conversation, record.encode()) for record in saved.analyses
    ]
    tickets = [Outgoing("tickets", record.id, record.encode()) for record in saved.tickets]
    return analyses + tickets + alert_messages(saved.alerts)


def alert_messages(alerts: Sequence[AlertRecord]) -> list[Outgoing]:
    return [Outgoing("alerts", record.id, record.encode()) for record in alerts]


def reason(error: ValidationError) -> str:
    """Why a message is no event, without a word of what it said."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"not an event: {place + ': ' if place else ''}{first['msg']}"


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


def _language(event: Event) -> str | None:
    return getattr(event, "language", None)


def _readable(event: TextEvent, call: Sequence[Utterance] | None) -> str:
    """What is stored of an event; of a call, what the customer said."""
    if call is not None:
        return customer_text(call)
    title = getattr(event, "title", None)
    return f"{title}\n{event.text}" if title else event.text


def _is_inbound(event: Event) -> bool:
    return not isinstance(event, Deleted) and event.direction == "inbound"


def where(error: Exception) -> str:
    """What went wrong and at which line; never the error's own words, which may quote a person's
    message.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    return f"{type(error).__name__} at {Path(own[-1].filename).name}:{own[-1].lineno}"


def _place(message: Message) -> str:
    return f"{message.topic}[{message.partition}]@{message.offset}"
