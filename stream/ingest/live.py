"""A live source into Kafka: its breaks are waited out, its cursor follows the broker."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from connectors.base import Cursor, LiveSource, SourceError
from connectors.events import Checkpoint, Complaint, Deleted, Event, SourcedEvent
from stream.errors import DatabaseAway
from stream.ingest.publish import Publisher, sorted_by_size
from stream.retry import while_away
from stream.store.dead_letters import DeadLetter

log = logging.getLogger(__name__)

CHUNK = 500  # events that are published together
QUEUE_LIMIT = 2000  # events that may wait for the broker; then the source is read no further
CURSOR_EVERY = 1.0  # seconds between two cursors that are stored
FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0  # seconds between two attempts at the broker or the database
_RECENT_LIMIT = 100_000  # events that may be deleted before they are stored

Argument = TypeVar("Argument")
Result = TypeVar("Result")
Steps = asyncio.Queue[SourcedEvent | Checkpoint | None]  # None: the connection ended


Bury = Callable[[Sequence[DeadLetter]], Awaitable[object]]


class CursorStore(Protocol):
    """The cursors of sources, and the conversations of stored events."""

    async def cursor(self, source: str) -> Cursor | None: ...
    async def set_cursor(self, source: str, cursor: Cursor) -> None: ...
    async def conversations(self, ids: Collection[str]) -> Mapping[str, str]: ...


@dataclass(slots=True)
class IngestStats:
    """Counts of one live source. skipped: messages that are no event, by the reason. trouble: the
    reason why it is not connected; None when it is.
    """

    events: int = 0
    deletions: int = 0
    too_large: int = 0
    breaks: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    trouble: str | None = None


class Listener:
    """Publishes one live source. sleep, clock: for tests.

    on_line: called with a line for every break, and when the broker or the database goes away.
    """

    def __init__(
        self,
        source: LiveSource,
        publisher: Publisher,
        cursors: CursorStore,
        bury: Bury,
        *,
        on_line: Callable[[str], None] = log.warning,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stats = IngestStats()
        self._source = source
        self._publisher = publisher
        self._cursors = cursors
        self._bury = bury
        self._on_line = on_line
        self._sleep = sleep
        self._clock = clock
        self._cursor: Cursor | None = None
        self._stored: Cursor | None = None
        self._stored_at = 0.0
        self._recent: OrderedDict[str, str] = OrderedDict()  # conversations of published events

    async def run(self) -> None:
        """Until cancelled, or until the source ends. Raises SourceError when waiting is no help."""
        self._cursor = self._stored = await self._cursors.cursor(self._source.name)
        try:
            await self._connections()
        finally:
            await self._store_cursor()

    async def _connections(self) -> None:
        while True:
            try:
                await self._connection()
            except SourceError as error:
                if error.retry_after is None:
                    raise
                self.stats.breaks += 1
                self.stats.trouble = str(error)
                self._on_line(f"{error}; again in {error.retry_after:.0f} s")
                await self._sleep(error.retry_after)
            else:
                return

    async def _connection(self) -> None:
        queue: Steps = asyncio.Queue(QUEUE_LIMIT)
        reading = asyncio.ensure_future(self._read(queue))
        try:
            ended = False
            while not ended:
                next_step = asyncio.ensure_future(queue.get())
                await asyncio.wait({next_step, reading}, return_when=asyncio.FIRST_COMPLETED)
                if not next_step.done():  # the reading ended without None: a fault of its own
                    next_step.cancel()
                    break
                chunk = [next_step.result()]
                while not queue.empty() and len(chunk) < CHUNK:
                    chunk.append(queue.get_nowait())
                ended = chunk[-1] is None
                await self._publish([step for step in chunk if step is not None], is_last=ended)
            await reading
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError, SourceError):
                await reading

    async def _read(self, queue: Steps) -> None:
        """Put every step into the queue. At the end comes None, so that all of them are published
        before a break is reported.
        """
        steps = self._source.events(self._cursor)
        try:
            async for step in steps:
                self.stats.trouble = None
                await queue.put(step)
        except SourceError:
            await queue.put(None)
            raise
        else:
            await queue.put(None)
        finally:
            close = getattr(steps, "aclose", None)
            if close is not None:
                await close()

    async def _publish(self, chunk: Sequence[SourcedEvent | Checkpoint], *, is_last: bool) -> None:
        """Publish the chunk; its last cursor counts only when the broker has confirmed."""
        if not chunk:
            return
        sourced = [step.event for step in chunk if isinstance(step, SourcedEvent)]
        events = await self._with_conversations(sourced)
        messages, large = sorted_by_size(events, self._source.name)
        if large:
            await self._patiently(self._bury, large)
        if messages:
            await self._patiently(self._publisher.publish, messages)
        deletions = sum(isinstance(event, Deleted) for event in events)
        self.stats.events += len(events) - deletions
        self.stats.deletions += deletions
        self.stats.too_large += len(large)
        for step in chunk:
            if isinstance(step, Checkpoint) and step.skipped is not None:
                self.stats.skipped[step.skipped.partition(" (")[0]] += 1
        self._remember(events)
        self._cursor = chunk[-1].cursor
        if is_last or self._clock() >= self._stored_at + CURSOR_EVERY:
            await self._store_cursor()

    async def _store_cursor(self) -> None:
        """A cursor that cannot be stored now costs a few events that are read twice, no more."""
        if self._cursor != self._stored:
            with suppress(DatabaseAway):
                await self._cursors.set_cursor(self._source.name, self._cursor)
                self._stored, self._stored_at = self._cursor, self._clock()

    async def _with_conversations(self, events: Sequence[Event]) -> list[Event]:
        """The events, deletions with the conversation of their post, and answers to a mail with
        that of the mail: its sender may name another first mail, or none. Deletions of unknown
        posts are left out: some networks send everybody's.
        """
        places = [place for event in events for place in _places(event)]
        conversations = await self._conversations_of(places)
        known: list[Event] = []
        for event in events:
            if not isinstance(event, Deleted):
                known_places = (place for place in _places(event) if place in conversations)
                place = next(known_places, None)
                conversations[event.id] = conversations[place] if place else event.conversation
        for event in events:
            if event.id in conversations:
                conversation = conversations[event.id]
                known.append(event.model_copy(update={"conversation": conversation}))
        return known

    async def _conversations_of(self, ids: Sequence[str]) -> dict[str, str]:
        """The conversations of posts that were published lately, or are stored."""
        recent = {id: self._recent[id] for id in ids if id in self._recent}
        older = [id for id in ids if id not in recent]
        if not older:
            return recent
        return {**await self._patiently(self._cursors.conversations, older), **recent}

    def _remember(self, events: Sequence[Event]) -> None:
        for event in events:
            self._recent[event.id] = event.conversation
        while len(self._recent) > _RECENT_LIMIT:
            self._recent.popitem(last=False)

    async def _patiently(
        self, action: Callable[[Argument], Awaitable[Result]], argument: Argument
    ) -> Result:
        """Wait for the broker and the database for as long as it takes; the source waits too."""
        retries = while_away(self._report, first=FIRST_WAIT, longest=LONGEST_WAIT)
        return await retries.copy(sleep=self._sleep)(action, argument)

    def _report(self, away: BaseException) -> None:
        if self.stats.trouble != str(away):
            self.stats.trouble = str(away)
            self._on_line(f"{away}; waiting for it")


def _places(event: Event) -> tuple[str, ...]:
    """Messages in whose conversation this one stands, whatever its source says of it."""
    if isinstance(event, Deleted):
        return (event.id,)
    if isinstance(event, Complaint) and event.in_reply_to is not None:
        return (event.in_reply_to, event.conversation)
    return ()
