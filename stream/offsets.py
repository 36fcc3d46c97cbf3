"""Offsets of a Faust consumer: none is committed before every message below it is handled.

Faust 0.15.3 loses messages in two ways. It compares the lowest offset that is acknowledged with the
next one to commit by a difference of more than one, so that a single message in between is passed
over. And where messages that were fetched are dropped, as a rebalance drops what waits, it takes
the jump in what it delivers for offsets that the broker does not have. Here only what the broker
has left out counts as absent, and what was dropped is read again.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Coroutine, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from faust import Service
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.types import TP

log = logging.getLogger(__name__)
_FAUST = logging.getLogger("faust.offsets")  # as quiet as all of Faust

LOOK_EVERY = 2.0  # seconds between two looks for holes
PATIENCE = 6.0  # seconds that a hole may stand: what is in hand may still come
READINGS = 3  # times that a hole is read again before the broker is believed not to have it


@dataclass(slots=True)
class Hole:
    """An offset that is neither handled nor in hand, while what was fetched goes beyond it."""

    offset: int
    since: float
    readings: int = 0
    lowest: int | None = None  # that was fetched since the last reading


class Waited(NamedTuple):
    """Which coroutines ended and with what, as mode's own `WaitResults` says it."""

    done: list[Any]
    results: list[Any]
    stopped: bool


def committable(
    start: int, acked: Sequence[int], absent: Mapping[int, int]
) -> tuple[int, list[int]]:
    """The offset to commit, and what is acknowledged above it.

    start: the next offset to commit. acked: in any order, once each. absent: begins and ends (not
    included) of what the broker does not have.
    """
    waiting = sorted(offset for offset in acked if offset >= start)
    end = start
    at = 0
    while True:
        if at < len(waiting) and waiting[at] == end:
            end += 1
            at += 1
        elif end in absent:
            end = absent[end]
            while at < len(waiting) and waiting[at] < end:
                at += 1
        else:
            return end, waiting[at:]


def left_out(offsets: Sequence[int]) -> dict[int, int]:
    """Begins and ends of what the broker skipped between messages that it gave one by one."""
    return {before + 1: after for before, after in pairwise(offsets) if after > before + 1}


class CarefulThread(AIOKafkaConsumerThread):
    """Tells its consumer what it fetched, and when it goes to another place.

    All of it happens in this thread, so in the order in which the client moves.
    """

    logger = _FAUST
    consumer: CarefulConsumer

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Any:
        records = await super()._fetch_records(*args, **kwargs)
        for tp, messages in (records or {}).items():
            if messages:
                self.consumer.note_fetch(TP(*tp), [message.offset for message in messages])
        return records

    async def _seek_wait(self, consumer: Any, partitions: Mapping[TP, int]) -> None:
        self.consumer.moved(partitions)
        await super()._seek_wait(consumer, partitions)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        self.consumer.moved(None)
        committed = await super().seek_to_committed()
        self.consumer.moved(None)
        return committed

    def seek(self, partition: TP, offset: int) -> None:
        self.consumer.moved([partition])
        super().seek(partition, offset)


class CarefulConsumer(Consumer):
    """Commits what is handled without a hole, and reads a hole again."""

    logger = _FAUST

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._absent: defaultdict[TP, dict[int, int]] = defaultdict(dict)
        self._first: dict[TP, int] = {}  # fetched of each partition, where nothing is committed yet
        self._last: dict[TP, int] = {}  # fetched
        self._at: dict[TP, int] = {}  # where the client goes on, if nobody moves it
        self._holes: dict[TP, Hole] = {}
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return CarefulThread(self, loop=self.loop, beacon=self.beacon)

    def note_fetch(self, tp: TP, offsets: Sequence[int]) -> None:
        """These were fetched, whatever becomes of them now."""
        before = self._at.get(tp, offsets[0])
        self._absent[tp].update(left_out([before - 1, *offsets]))
        self._first.setdefault(tp, offsets[0])
        self._at[tp] = offsets[-1] + 1
        self._last[tp] = offsets[-1]
        hole = self._holes.get(tp)
        if hole is not None:
            hole.lowest = min(offsets[0], offsets[0] if hole.lowest is None else hole.lowest)

    def moved(self, partitions: Iterable[TP] | None) -> None:
        """What is fetched next need not follow what was fetched last. None: of all."""
        for tp in list(self._at) if partitions is None else partitions:
            self._at.pop(TP(*tp), None)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        for tp in revoked:
            for known in (self._absent, self._first, self._last, self._at, self._holes):
                known.pop(tp, None)
        await super().on_partitions_revoked(revoked)

    async def wait_first(self, *coros: Any, **options: Any) -> Any:
        """As mode's, which makes four tasks for every message that Faust hands over.

        A message that there is room for is handed over at once, and takes none.
        """
        first, *rest = coros
        if not isinstance(first, Coroutine):
            return await super().wait_first(*coros, **options)
        try:
            begun = _Begun(first, first.send(None))
        except StopIteration as ended:
            _close(rest)
            is_over = self._stopped.is_set() or self._crashed.is_set()
            return Waited([], [], True) if is_over else Waited([first], [ended.value], False)
        except BaseException:
            _close(rest)
            raise
        return await super().wait_first(begun, *rest, **options)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """A jump in what is delivered is no gap: see above."""

    def _new_offset(self, tp: TP) -> int | None:
        acked = self._acked[tp]
        start = self._next(tp)
        if not acked or start is None:
            return None
        absent = self._absent[tp]
        end, waiting = committable(start, acked, absent)
        acked[:] = waiting
        self._acked_index[tp].intersection_update(waiting)
        for begin in [begin for begin, after in absent.items() if after <= end]:
            del absent[begin]
        return end if end > start else None

    def _next(self, tp: TP) -> int | None:
        """The next offset to commit; None where nothing was fetched."""
        committed = self._committed_offset[tp]
        return self._first.get(tp) if committed is None else committed

    @Service.task
    async def _read_holes_again(self) -> None:
        while not self.should_stop:
            await self.sleep(LOOK_EVERY)
            if self.app.rebalancing or not self.flow_active:
                continue
            for tp in list(self._last):
                await self._look(tp, time.monotonic())

    async def _look(self, tp: TP, now: float) -> None:
        offset = self._hole(tp)
        hole = self._holes.get(tp)
        if offset is None or tp not in self.assignment():
            self._holes.pop(tp, None)
        elif hole is None or hole.offset != offset:
            self._holes[tp] = Hole(offset, since=now)
        elif now - hole.since >= PATIENCE:
            await self._mend(tp, hole, now)

    def _hole(self, tp: TP) -> int | None:
        """The next offset, where it is in nobody's hands any more."""
        offset = self._next(tp)
        if offset is None or offset > self._last.get(tp, -1) or offset in self._acked_index[tp]:
            return None
        hands = list(self._unacked_messages)
        if any(message.tp == tp and message.offset == offset for message in hands):
            return None
        # What waits behind a full queue is in no hand yet.
        return offset if self._acked[tp] or not hands else None

    async def _mend(self, tp: TP, hole: Hole, now: float) -> None:
        if hole.readings >= READINGS and hole.lowest is not None and hole.lowest > hole.offset:
            log.warning(
                "%s %d: the broker has nothing from %d to %d", *tp, hole.offset, hole.lowest - 1
            )
            self._absent[tp][hole.offset] = hole.lowest
            self._holes.pop(tp)
            return
        log.warning("%s %d: reads again from %d, which was dropped", *tp, hole.offset)
        hole.readings += 1
        hole.since, hole.lowest = now, None
        await self.seek_wait({tp: hole.offset})
        self._read_offset[tp] = hole.offset or None


class _Begun:
    """A coroutine that has begun, to be awaited from where it stands."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], awaited: Any) -> None:
        """awaited: what it has yielded."""
        self._coroutine = coroutine
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, Any]:
        while True:
            try:
                step, value = self._coroutine.send, (yield self._awaited)
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as error:
                step, value = self._coroutine.throw, error
            try:
                self._awaited = step(value)
            except StopIteration as ended:
                return ended.value


def _close(coroutines: Iterable[Any]) -> None:
    for waiter in coroutines:
        if isinstance(waiter, Coroutine):
            waiter.close()
