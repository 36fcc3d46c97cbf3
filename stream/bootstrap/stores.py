"""Stores of a command, each on an engine that is disposed of with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from stream.bootstrap.parts import Parts, Stores

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from stream.accounts.api_keys import ApiKeys
    from stream.accounts.users import People
    from stream.desk.corrections import Corrections
    from stream.desk.joining import Joining
    from stream.desk.queue import QueueReader
    from stream.desk.tickets import Desk
    from stream.incidents.store import Incidents
    from stream.replies.store import Replies
    from stream.shadow.store import Shadows
    from stream.store.listing import Listing

T = TypeVar("T")

Opener = Callable[[Parts], AbstractAsyncContextManager[T]]


def _on_engine(store: Callable[[AsyncEngine], T]) -> Opener[T]:
    """The store that a function makes, which imports it: a command loads its own store alone."""

    @asynccontextmanager
    async def opened(running: Parts) -> AsyncIterator[T]:
        async with running.engine() as engine:
            yield store(engine)

    return opened


@_on_engine
def open_stores(engine: AsyncEngine) -> Stores:
    return Stores(engine)


@asynccontextmanager
async def open_listing(running: Parts) -> AsyncIterator[Listing]:
    from stream.postgres.database import connected, reachable
    from stream.store.listing import Listing

    async with reachable(), connected(running.database_url) as connection:
        yield Listing(connection)


@asynccontextmanager
async def open_replies(running: Parts) -> AsyncIterator[Replies]:
    from stream.replies.store import Replies

    async with running.engine() as engine:
        yield Replies(engine, timedelta(seconds=running.settings.send_delay))


@_on_engine
def open_incidents(engine: AsyncEngine) -> Incidents:
    from stream.incidents.store import Incidents

    return Incidents(engine)


@_on_engine
def open_joining(engine: AsyncEngine) -> Joining:
    from stream.desk.joining import Joining

    return Joining(engine)


@_on_engine
def open_people(engine: AsyncEngine) -> People:
    from stream.accounts.users import People

    return People(engine)


@_on_engine
def open_api_keys(engine: AsyncEngine) -> ApiKeys:
    from stream.accounts.api_keys import ApiKeys

    return ApiKeys(engine)


@_on_engine
def open_corrections(engine: AsyncEngine) -> Corrections:
    from stream.desk.corrections import Corrections

    return Corrections(engine)


@_on_engine
def open_shadows(engine: AsyncEngine) -> Shadows:
    from stream.shadow.store import Shadows

    return Shadows(engine)


@_on_engine
def open_desk(engine: AsyncEngine) -> Desk:
    from stream.desk.tickets import Desk

    return Desk(engine)


@_on_engine
def open_queue(engine: AsyncEngine) -> QueueReader:
    from stream.desk.queue import QueueReader

    return QueueReader(engine)


@_on_engine
def open_engine_of(engine: AsyncEngine) -> AsyncEngine:
    return engine
