"""Stores of a command, each on an engine that is disposed of with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from stream.accounts.api_keys import ApiKeys
from stream.accounts.users import People
from stream.bootstrap.parts import Parts, Stores
from stream.desk.corrections import Corrections
from stream.desk.queue import QueueReader
from stream.desk.tickets import Desk
from stream.incidents.store import Incidents
from stream.replies.store import Replies

T = TypeVar("T")

Opener = Callable[[Parts], AbstractAsyncContextManager[T]]


def _on_engine(store: Callable[[AsyncEngine], T]) -> Opener[T]:
    @asynccontextmanager
    async def opened(running: Parts) -> AsyncIterator[T]:
        async with running.engine() as engine:
            yield store(engine)

    return opened


@asynccontextmanager
async def open_replies(running: Parts) -> AsyncIterator[Replies]:
    async with running.engine() as engine:
        yield Replies(engine, timedelta(seconds=running.settings.send_delay))


open_stores = _on_engine(Stores)
open_incidents = _on_engine(Incidents)
open_people = _on_engine(People)
open_api_keys = _on_engine(ApiKeys)
open_corrections = _on_engine(Corrections)
open_desk = _on_engine(Desk)
open_queue = _on_engine(QueueReader)
