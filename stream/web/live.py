"""What changes in the database, told to whoever shows it: one connection listens, many pages and
streams hear.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace

import asyncpg
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import Text

from stream.errors import DatabaseAway
from stream.postgres.database import CONNECT_SECONDS, dsn, reachable, why_away

log = logging.getLogger(__name__)

CHANNEL = "earshot"
GATHER = (
    0.05  # seconds in which changes become one: a batch of messages touches several tables at once
)
REMEMBERED = 1_000  # changes that who comes back can still be told
WAITING = 256  # changes that wait for one slow reader; then it is told to read everything again
CHECK = 20.0  # seconds between two questions whether the connection still lives
SLOWEST_RETRY = 10.0  # seconds

_BRANDS = {
    name: text(f"select id::text, brand from {name} where id::text = any(:ids)").bindparams(  # noqa: S608  our own words
        bindparam("ids", type_=ARRAY(Text))
    )
    for name in ("tickets", "alerts", "replies", "incidents")
}


@dataclass(frozen=True, slots=True)
class Change:
    """Rows that changed. ids: of the table; none: many, or unknown which: read again what you show
    of it.

    table: tickets, alerts, replies or incidents; empty: something may have been missed, read
    everything again.
    """

    table: str
    ids: tuple[str, ...] = ()
    number: int = 0


MISSED = Change("")


class Changes:
    """What one reader hears, in order: `async for change in changes`. It ends when the server
    stops.
    """

    def __init__(self, brands: frozenset[str] | None) -> None:
        self.brands = brands
        self._waiting: deque[Change] = deque()
        self._came = asyncio.Event()
        self.ended = False

    def __aiter__(self) -> Changes:
        return self

    async def __anext__(self) -> Change:
        while not self._waiting:
            if self.ended:
                raise StopAsyncIteration
            self._came.clear()
            await self._came.wait()
        return self._waiting.popleft()

    def put(self, change: Change) -> None:
        if len(self._waiting) >= WAITING:
            self._waiting.clear()
            change = replace(MISSED, number=change.number)
        self._waiting.append(change)
        self._came.set()

    def end(self) -> None:
        self.ended = True
        self._came.set()


class Hub:
    """Listens on Postgres's channel `earshot` and tells each reader what it may see.

    dsn: of the owner, as the listening connection needs no more rights than any. Readers come and
    go at any time.
    """

    def __init__(self, url: str, engine: AsyncEngine) -> None:
        self._dsn, self._engine = dsn(url), engine
        self.epoch = secrets.token_hex(4)  # numbers count from this start of the process on
        self._number = 0
        self._readers: set[Changes] = set()
        self._kept: deque[tuple[Change, dict[str, str | None]]] = deque(maxlen=REMEMBERED)
        self._gathered: dict[str, set[str] | None] = {}  # by table: which rows; None: many
        self._came = asyncio.Event()
        self.listens = asyncio.Event()  # set while word of changes comes

    @property
    def number(self) -> int:
        """Of the latest change."""
        return self._number

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Hub]:
        """While inside, changes are told; the database may be away and come back."""
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._tell())]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @contextmanager
    def subscribe(
        self, brands: frozenset[str] | None, *, after: int | None = None
    ) -> Iterator[Changes]:
        """Changes of these brands from now on; None: of all. after: also those since that number,
        where still known.
        """
        changes = Changes(brands)
        if after is not None:
            self._replay(changes, after)
        self._readers.add(changes)
        try:
            yield changes
        finally:
            self._readers.discard(changes)

    def end(self) -> None:
        """The server stops: whoever listens need not wait any longer."""
        for reader in self._readers:
            reader.end()

    def _replay(self, changes: Changes, after: int) -> None:
        oldest = self._kept[0][0].number if self._kept else self._number + 1
        if after > self._number or after < oldest - 1 or self._number - after >= WAITING:
            changes.put(replace(MISSED, number=self._number))
            return
        for change, brands in self._kept:
            if (
                change.number > after
                and (seen := seen_by(changes.brands, change, brands)) is not None
            ):
                changes.put(seen)

    async def _listen(self) -> None:
        wait = 0.5
        while True:
            try:
                connection = await asyncpg.connect(self._dsn, timeout=CONNECT_SECONDS)
            except Exception as error:
                # Whatever it is, pages that are open wait for the changes: it is tried again, and
                # told if it is new.
                if why_away(error) is None:
                    log.error("cannot listen for changes: %s", type(error).__name__)
                await asyncio.sleep(wait)
                wait = min(2 * wait, SLOWEST_RETRY)
                continue
            wait = 0.5
            ended = asyncio.Event()
            connection.add_termination_listener(lambda *_, ended=ended: ended.set())
            try:
                await connection.add_listener(CHANNEL, self._heard)
                self.listens.set()
                self._spread(MISSED, {})  # what changed meanwhile nobody told us
                await self._while_alive(connection, ended)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                log.warning("the database does not tell of changes just now; trying again")
            finally:
                self.listens.clear()
                connection.terminate()

    async def _while_alive(self, connection: asyncpg.Connection, ended: asyncio.Event) -> None:
        """A connection that fell silent says so only when it is asked."""
        while not ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), CHECK)
            if not ended.is_set():
                await connection.fetchval("select 1", timeout=CONNECT_SECONDS)

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        try:
            told = json.loads(payload)
            table, ids = str(told["table"]), [str(each) for each in told["ids"]]
        except (ValueError, KeyError, TypeError):
            return  # anybody who may log in may notify; what is not ours is nothing
        if table not in _BRANDS:
            return
        known = self._gathered.setdefault(table, set())
        if not ids:
            self._gathered[table] = None
        elif known is not None:
            known.update(ids)
        self._came.set()

    async def _tell(self) -> None:
        while True:
            await self._came.wait()
            await asyncio.sleep(GATHER)
            self._came.clear()
            gathered, self._gathered = self._gathered, {}
            for table, ids in gathered.items():
                change = Change(table, tuple(sorted(ids or ())))
                try:
                    brands = await self._brands(change)
                except DatabaseAway:
                    change, brands = Change(table), {}
                self._spread(change, brands)

    async def _brands(self, change: Change) -> dict[str, str | None]:
        """The brand of each row that is still there; of none where nobody listens who may not see
        all.
        """
        if not change.ids or all(reader.brands is None for reader in self._readers):
            return {}
        async with reachable(), self._engine.connect() as connection:
            rows = await connection.execute(_BRANDS[change.table], {"ids": list(change.ids)})
            return {row.id: row.brand for row in rows}

    def _spread(self, change: Change, brands: dict[str, str | None]) -> None:
        self._number += 1
        change = replace(change, number=self._number)
        self._kept.append((change, brands))
        for reader in self._readers:
            if (seen := seen_by(reader.brands, change, brands)) is not None:
                reader.put(seen)


def seen_by(
    bound: Collection[str] | None, change: Change, brands: dict[str, str | None]
) -> Change | None:
    """The change as somebody bound to these brands may hear of it; None where it does not concern
    them.

    A row that is gone has no brand any more: who is bound hears that something changed, and not
    which.
    """
    if bound is None or not change.ids:
        return change
    theirs = tuple(id for id in change.ids if brands.get(id) in bound and id in brands)
    if theirs:
        return replace(change, ids=theirs)
    return replace(change, ids=()) if any(id not in brands for id in change.ids) else None
