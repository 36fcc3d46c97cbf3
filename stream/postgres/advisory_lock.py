"""Advisory locks of Postgres: one process at a time, for as long as its connection lives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.postgres.database import reachable

# What a connection that broke answers, the second time too (PendingRollbackError): were that not
# caught while the block is being left, it would take the place of what asks this process to stop.
_BROKEN = (SQLAlchemyError, OSError)


@dataclass(frozen=True, slots=True)
class AdvisoryLock:
    """acquired: whether this process is the only one that does it."""

    acquired: bool
    _connection: AsyncConnection

    async def still(self) -> bool:
        """Is the lock held yet? A connection that broke took it along, and another process may have
        it by now.
        """
        if not self.acquired:
            return False
        try:
            await self._connection.execute(text("select 1"))
        except _BROKEN:
            return False
        return True


@asynccontextmanager
async def advisory_lock(engine: AsyncEngine, name: str) -> AsyncIterator[AdvisoryLock]:
    """Whether this process is the only one that does `name` until the block ends. Never waits.

    What the block writes must bear being written twice: the lock goes with its connection. Raises
    DatabaseAway.
    """
    async with reachable():
        connection = await engine.connect()
    try:
        async with reachable():
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            acquired = bool(await connection.scalar(select(func.pg_try_advisory_lock(_key(name)))))
        try:
            yield AdvisoryLock(acquired, connection)
        finally:
            if acquired:
                await _unlock(connection, name)
    finally:
        with suppress(*_BROKEN):
            await connection.close()


@asynccontextmanager
async def sole(engine: AsyncEngine, name: str) -> AsyncIterator[bool]:
    """Whether this process is the only one that does `name` until the block ends. Never waits."""
    async with advisory_lock(engine, name) as lock:
        yield lock.acquired


async def _unlock(connection: AsyncConnection, name: str) -> None:
    unlocked = False
    try:
        with suppress(*_BROKEN):  # and the lock with it
            await connection.execute(select(func.pg_advisory_unlock(_key(name))))
            unlocked = True
    finally:
        if (
            not unlocked
        ):  # broken off in the middle: a connection that went back to the pool would keep the lock
            with suppress(*_BROKEN):
                await connection.invalidate()


def _key(name: str) -> ColumnElement[int]:
    return func.hashtextextended(f"earshot {name}", 0)
