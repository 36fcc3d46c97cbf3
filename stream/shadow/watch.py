"""Watch of a shadow: looks at what has arrived, judges its share, and counts the differences.

It reads what the worker has stored, and is a process of its own: nothing waits for it. What it
cannot keep up with it leaves out, so that it always judges the messages of now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stream.postgres.tables import Row
from stream.shadow.classes import classes
from stream.shadow.store import Counts, Cursor, Pair, Shadows

BATCH = 32  # messages of a look
LOOK_EVERY = 2.0  # seconds, where nothing has come
LATEST = timedelta(minutes=5)  # a shadow that is further behind goes on with the messages of now

JudgeRows = Callable[[Sequence[Row]], Sequence[Row | None]]


@dataclass(frozen=True, slots=True)
class Look:
    """messages: that were judged. differing: of those, with another class in some field."""

    messages: int
    differing: int
    is_full: bool  # more waits
    left_out: timedelta | None = None  # of arrivals, because it was too far behind


class Watch:
    """One shadow at work. judge: gives a row as this model would have stored it."""

    def __init__(self, shadows: Shadows, judge: JudgeRows, version: str, share: float) -> None:
        self._shadows = shadows
        self._judge = judge
        self._version = version
        self._share = share
        self._cursor: Cursor | None = None

    async def look(self) -> Look | None:
        """Judge the next messages; None once somebody has asked it to stop."""
        if self._cursor is None:
            self._cursor = await self._shadows.start(self._version, self._share)
        until = await self._shadows.until(self._version)
        if until is None:
            return None
        left_out = self._catch_up(until)
        rows, cursor = await self._shadows.arrived(
            self._version, self._cursor, until, self._share, BATCH
        )
        counts = Counts()
        differing = 0
        if rows:
            judged = await asyncio.to_thread(self._judge, rows)
            differing = await asyncio.to_thread(_count, rows, judged, counts)
        await self._shadows.add(self._version, counts)
        self._cursor = cursor
        return Look(counts.messages, differing, len(rows) == BATCH, left_out)

    async def run(self, on_look: Callable[[Look], None]) -> None:
        """Until somebody asks it to stop, or it is cancelled."""
        while (look := await self.look()) is not None:
            on_look(look)
            if not look.is_full:
                await asyncio.sleep(LOOK_EVERY)

    def _catch_up(self, until: datetime) -> timedelta | None:
        """Go on with the messages of now where it is too far behind; returns what is left out."""
        if self._cursor is None or until - self._cursor.at <= LATEST:
            return None
        lag, self._cursor = until - self._cursor.at, Cursor(until)
        return lag


def _count(rows: Sequence[Row], judged: Sequence[Row | None], counts: Counts) -> int:
    """Add both models' classes of each message; returns on how many messages they differ."""
    differing = 0
    for row, other in zip(rows, judged, strict=True):
        if other is None:
            counts.failed += 1
            continue
        counts.messages += 1
        ours, theirs = classes(row), classes(other)
        shared = ours.keys() & theirs.keys()
        differing += any(ours[name] != theirs[name] for name in shared)
        for name in shared:
            pair = Pair(row["model_version"], row["brand"] or "", name, ours[name], theirs[name])
            counts.pairs[pair] += 1
            if pair.label != pair.shadow_label:
                counts.examples.setdefault(pair, []).insert(0, row["id"])
    return differing
