"""From a live source to Kafka, for as long as it lives: its breaks are waited out, its cursor
follows the broker.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from connectors.base import Cursor, LiveSource, SourceError
from connectors.events import Deleted, Event, Passed, Sourced
from stream.errors import BrokerAway, DatabaseAway
from stream.ingest.publish import Publisher, send, sorted_by_size
from stream.store.dead_letters import DeadLetter

log = logging.getLogger(__name__)

CHUNK = 500  # events that are published at once
WAITING = 2000  # events that may wait for the broker; then the source is read no further
CURSOR_EVERY = 1.0  # seconds between two cursors that are stored
_REMEMBERED = 100_000  # events that may be deleted before they are stored


Bury = Callable[[Sequence[DeadLetter]], Awaitable[object]]


class Places(Protocol):
    """What listening asks of the cursors."""

    async def cursor(self, source: str) -> Cursor | None: ...
    async def set_cursor(self, source: str, cursor: Cursor) -> None: ...
    async def conversations(self, ids: Collection[str]) -> Mapping[str, str]: ...


@dataclass(slots=True)
class Heard:
    """How listening goes. trouble: why the source is not connected, None when it is."""

    events: int = 0
    deletions: int = 0
    too_large: int = 0
    breaks: int = 0
    trouble: str | None = None


class Listener:
    """One live source. sleep, clock: for tests. told: hears of every break and of the broker's
    absence.
    """

    def __init__(
        self,
        source: LiveSource,
        publisher: Publisher,
        places: Places,
        bury: Bury,
        *,
        told: Callable[[str], None] = log.warning,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.heard = Heard()
        self._source = source
        self._publisher = publisher
        self._places = places
        self._bury = bury
        self._told = told
        self._sleep = sleep
        self._clock = clock
        self._place: Cursor | None = None
        self._stored: Cursor | None = None
        self._stored_at = 0.0
        self._recent: OrderedDict[str, str] = (
            OrderedDict()
        )  # conversations of what was published lately

    async def run(self) -> None:
        """Until cancelled, or until the source ends. Raises SourceError when waiting does not help."""
        self._place = self._stored = await self._places.cursor(self._source.name)
        try:
            await self._connections()
        finally:
            await self._store_place()

    async def _connections(self) -> None:
        while True:
            try:
                await self._connection()
            except SourceError as error:
                if error.retry_after is None:
                    raise
                self.heard.breaks += 1
                self.heard.trouble = str(error)
                self._told(f"{error}; again in {error.retry_after:.0f} s")
                await self._sleep(error.retry_after)
            else:
                return

    async def _connection(self) -> None:
        waiting: asyncio.Queue[Sourced | Passed | None] = asyncio.Queue(WAITING)
        reading = asyncio.ensure_future(self._read(waiting))
        try:
            ended = False
            while not ended:
                getting = asyncio.ensure_future(waiting.get())
                await asyncio.wait({getting, reading}, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():  # it ended without a word: a fault of its own
                    getting.cancel()
                    break
                chunk = [getting.result()]
                while not waiting.empty() and len(chunk) < CHUNK:
                    chunk.append(waiting.get_nowait())
                ended = chunk[-1] is None
                await self._publish([each for each in chunk if each is not None], at_once=ended)
            await reading
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError, SourceError):
                await reading

    async def _read(self, waiting: asyncio.Queue[Sourced | Passed | None]) -> None:
        """What came before the end is published before the end is told."""
        events = self._source.events(self._place)
        try:
            async for each in events:
                self.heard.trouble = None
                await waiting.put(each)
        except SourceError:
            await waiting.put(None)
            raise
        else:
            await waiting.put(None)
        finally:
            if (close := getattr(events, "aclose", None)) is not None:
                await close()

    async def _publish(self, chunk: Sequence[Sourced | Passed], *, at_once: bool) -> None:
        """Publish the chunk; its last cursor counts only when the broker has confirmed."""
        if not chunk:
            return
        events = await self._known([each.event for each in chunk if isinstance(each, Sourced)])
        messages, large = sorted_by_size(events, self._source.name)
        if large:
            await self._patiently(lambda: self._bury(large))
        if messages:
            await self._patiently(lambda: send(self._publisher, messages, patience=0.0))
        self.heard.events += sum(not isinstance(event, Deleted) for event in events)
        self.heard.deletions += sum(isinstance(event, Deleted) for event in events)
        self.heard.too_large += len(large)
        self._remember(events)
        self._place = chunk[-1].cursor
        if at_once or self._clock() >= self._stored_at + CURSOR_EVERY:
            await self._store_place()

    async def _store_place(self) -> None:
        """A cursor that cannot be stored just now costs a few events that are read twice, nothing
        else.
        """
        if self._place != self._stored:
            with suppress(DatabaseAway):
                await self._places.set_cursor(self._source.name, self._place)
                self._stored, self._stored_at = self._place, self._clock()

    async def _known(self, events: Sequence[Event]) -> list[Event]:
        """Without the deletions of what we never had: some networks tell of everybody's."""
        asked = [
            event.id
            for event in events
            if isinstance(event, Deleted) and event.id not in self._recent
        ]
        stored: Mapping[str, str] = {}
        if asked:
            stored = await self._patiently(lambda: self._places.conversations(asked))
        here = {event.id: event.conversation for event in events if not isinstance(event, Deleted)}
        found: list[Event] = []
        for event in events:
            if isinstance(event, Deleted):
                conversation = (
                    here.get(event.id) or self._recent.get(event.id) or stored.get(event.id)
                )
                if conversation is None:
                    continue
                event = event.model_copy(update={"conversation": conversation})
            found.append(event)
        return found

    def _remember(self, events: Sequence[Event]) -> None:
        for event in events:
            self._recent[event.id] = event.conversation
        while len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)

    async def _patiently(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """A live source is listened to for as long as it takes: what is away is waited for, the
        source waits too.
        """
        pause = 0.5
        while True:
            try:
                return await work()
            except (BrokerAway, DatabaseAway) as away:
                if self.heard.trouble != str(away):
                    self.heard.trouble = str(away)
                    self._told(f"{away}; waiting for it")
                await self._sleep(pause)
                pause = min(pause * 2, 15.0)
