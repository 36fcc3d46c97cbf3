"""Changes in the database, listened to on one connection and passed on to pages and streams."""

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
from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import Text

from stream.errors import DatabaseAway
from stream.postgres.database import CONNECT_SECONDS, dsn, reachable, why_away
from stream.retry import while_away

log = logging.getLogger(__name__)

CHANNEL = "earshot"
# Seconds in which changes become one: a batch of messages touches several tables together.
GATHER = 0.05
REMEMBERED = 1_000  # changes that a reader who comes back can still get
WAITING = 256  # changes that wait for one slow reader; then it is told to read everything again
CHECK = 20.0  # seconds between two questions whether the connection still lives
FIRST_RETRY, SLOWEST_RETRY = 0.5, 10.0  # seconds


def _brands_of(table: str) -> TextClause:
    query = text(f"select id::text, brand from {table} where id::text = any(:ids)")  # noqa: S608  our own words
    return query.bindparams(bindparam("ids", type_=ARRAY(Text)))


_BRANDS = {table: _brands_of(table) for table in ("tickets", "alerts", "replies", "incidents")}


@dataclass(frozen=True, slots=True)
class Change:
    """Rows that changed. ids: of the table; none: many or unknown, so read that table again.

    table: tickets, alerts, replies or incidents; empty: changes may have been missed, so read
    everything again.
    """

    table: str
    ids: tuple[str, ...] = ()
    number: int = 0


MISSED = Change("")


class Changes:
    """Changes for one reader, in order: `async for change in changes`. Ends with the server."""

    def __init__(self, brands: frozenset[str] | None) -> None:
        self.brands = brands
        self._waiting: deque[Change] = deque()
        self._arrived = asyncio.Event()
        self.ended = False

    def __aiter__(self) -> Changes:
        return self

    async def __anext__(self) -> Change:
        while not self._waiting:
            if self.ended:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    def put(self, change: Change) -> None:
        if len(self._waiting) >= WAITING:
            self._waiting.clear()
            change = replace(MISSED, number=change.number)
        self._waiting.append(change)
        self._arrived.set()

    def end(self) -> None:
        self.ended = True
        self._arrived.set()


class Hub:
    """Listens on Postgres's channel `earshot` and passes on to each reader what it may see.

    Readers come and go at any time.
    """

    def __init__(self, url: str, engine: AsyncEngine) -> None:
        self._dsn, self._engine = dsn(url), engine
        self.epoch = secrets.token_hex(4)  # numbers count from this start of the process on
        self._number = 0
        self._readers: set[Changes] = set()
        self._recent: deque[tuple[Change, dict[str, str | None]]] = deque(maxlen=REMEMBERED)
        self._gathered: dict[str, set[str] | None] = {}  # by table: which rows; None: many
        self._arrived = asyncio.Event()
        self.listens = asyncio.Event()  # set while the connection is up

    @property
    def number(self) -> int:
        """Of the latest change."""
        return self._number

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Hub]:
        """While inside, changes are passed on; the database may be away and come back."""
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._publish())]
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
        """Changes of these brands from now on; None: of all.

        after: also the changes since that number, where they are still known.
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
        """The server stops: no reader waits any longer."""
        for reader in self._readers:
            reader.end()

    def _replay(self, changes: Changes, after: int) -> None:
        oldest = self._recent[0][0].number if self._recent else self._number + 1
        if after > self._number or after < oldest - 1 or self._number - after >= WAITING:
            changes.put(replace(MISSED, number=self._number))
            return
        for change, brands in self._recent:
            if change.number > after:
                _pass_on(changes, change, brands)

    async def _listen(self) -> None:
        # Whatever the error is, open pages wait for the changes: the connection is tried again.
        connect = while_away(
            _log_new, errors=(Exception,), first=FIRST_RETRY, longest=SLOWEST_RETRY
        )
        while True:
            connection: asyncpg.Connection = await connect(
                asyncpg.connect, self._dsn, timeout=CONNECT_SECONDS
            )
            ended = asyncio.Event()
            connection.add_termination_listener(lambda *_, ended=ended: ended.set())
            try:
                await connection.add_listener(CHANNEL, self._on_notification)
                self.listens.set()
                self._spread(MISSED, {})  # changes in the meantime reached nobody
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

    def _on_notification(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        try:
            message = json.loads(payload)
            table, ids = str(message["table"]), [str(id) for id in message["ids"]]
        except (ValueError, KeyError, TypeError):
            return  # every login may notify; a payload that is not ours is ignored
        if table not in _BRANDS:
            return
        known = self._gathered.setdefault(table, set())
        if not ids:
            self._gathered[table] = None
        elif known is not None:
            known.update(ids)
        self._arrived.set()

    async def _publish(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(GATHER)
            self._arrived.clear()
            gathered, self._gathered = self._gathered, {}
            for table, ids in gathered.items():
                change = Change(table, tuple(sorted(ids or ())))
                try:
                    brands = await self._brands(change)
                except DatabaseAway:
                    change, brands = Change(table), {}
                self._spread(change, brands)

    async def _brands(self, change: Change) -> dict[str, str | None]:
        """The brand of each row that still exists; not read where every reader sees all brands."""
        if not change.ids or all(reader.brands is None for reader in self._readers):
            return {}
        async with reachable(), self._engine.connect() as connection:
            rows = await connection.execute(_BRANDS[change.table], {"ids": list(change.ids)})
            return {row.id: row.brand for row in rows}

    def _spread(self, change: Change, brands: dict[str, str | None]) -> None:
        self._number += 1
        change = replace(change, number=self._number)
        self._recent.append((change, brands))
        for reader in self._readers:
            _pass_on(reader, change, brands)


def _log_new(error: BaseException) -> None:
    if why_away(error) is None:
        log.error("cannot listen for changes: %s", type(error).__name__)


def _pass_on(reader: Changes, change: Change, brands: dict[str, str | None]) -> None:
    visible = seen_by(reader.brands, change, brands)
    if visible is not None:
        reader.put(visible)


def seen_by(
    bound: Collection[str] | None, change: Change, brands: dict[str, str | None]
) -> Change | None:
    """The change as a reader bound to these brands may see it; None where it does not concern them.

    A deleted row has no brand any more: such a reader learns that rows changed, and not which.
    """
    if bound is None or not change.ids:
        return change
    visible = tuple(id for id in change.ids if id in brands and brands[id] in bound)
    if visible:
        return replace(change, ids=visible)
    if any(id not in brands for id in change.ids):
        return replace(change, ids=())
    return None
