"""The web application on a real port, with a model, a broker and keys that are easy to follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from connectors.events import TextEvent
from models.taxonomy.classifier import read_taxonomy
from stream.accounts.api_keys import SCOPES, Key
from stream.errors import DatabaseAway
from stream.kafka import Outgoing
from stream.postgres.database import open_engine, reader_url
from stream.postgres.gauges import Figures
from stream.records import AlertRecord
from stream.store.queries import Totals
from stream.web.api.model import Read
from stream.web.app import Api, create_web
from stream.web.auth.keyring import KeyRing
from stream.web.auth.sign_on import IdentityProvider
from stream.web.batcher import Batcher
from stream.web.desk_services import desk_services
from stream.web.http.origins import Network
from stream.web.server import Server, configured

TOKEN = "earshot_" + "a" * 43
NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


taxonomy = cache(read_taxonomy)  # which takes a hundredth of a second for each server


class EmptyStore:
    """A store without a ticket; away when it is told so."""

    away = False

    async def ping(self) -> None:
        if self.away:
            raise DatabaseAway("it is being upgraded")

    async def totals(self, brands: frozenset[str] | None = None) -> Totals:
        await self.ping()
        return Totals(events=0, deleted=0, scored=0, abstained=0, dead_letters=0)

    async def figures(self) -> Figures:
        await self.ping()
        return Figures(events=0, database_bytes=0)

    async def list_tickets(self, *, limit: int) -> list[dict[str, Any]]:
        return []

    async def list_alerts(self, *, limit: int) -> list[AlertRecord]:
        return []


class Keys:
    """Tokens and what they open; counts how often it was asked."""

    def __init__(self, **scopes: Sequence[str]) -> None:
        self.known = {TOKEN: _key(1, SCOPES)} | {
            token: _key(number, opened) for number, (token, opened) in enumerate(scopes.items(), 2)
        }
        self.asked = 0
        self.away = False

    async def find(self, token: str) -> Key | None:
        self.asked += 1
        if self.away:
            raise DatabaseAway("it is being upgraded")
        return self.known.get(token)


def _key(number: int, scopes: Sequence[str]) -> Key:
    return Key(number, f"key {number}", "earshot_aaaaaa", frozenset(scopes), NOON, None, None)


def echo(events: Sequence[TextEvent]) -> list[str]:
    """A model that says how long a text is, or of how many turns a call."""
    return [f'{{"length":{len(getattr(event, "turns", event.text))}}}' for event in events]


async def taken(messages: Sequence[Outgoing]) -> None:
    """A broker that takes everything."""


@asynccontextmanager
async def web(
    store: Any = None,
    *,
    keys: Keys | None = None,
    read: Read = echo,
    publish: Callable[[Sequence[Outgoing]], Any] = taken,
    rate: float = 100_000.0,
    burst: float | None = None,
    clock: Callable[[], float] | None = None,
    waiting: int = 1024,
    url: str | None = None,
    base_url: str | None = None,
    write: Any = None,
    provider: IdentityProvider | None = None,
    proxies: Collection[Network] = (),
    send_delay: timedelta = timedelta(),
    batches: type[Batcher[Any, Any]] = Batcher,
    collectors: Sequence[Any] = (),
) -> AsyncIterator[str]:
    """The address of a server that runs: everything, with these parts. url: of the database, for
    the desk.
    """

    async def run(readings: list[TextEvent]) -> list[str]:
        return await asyncio.to_thread(read, readings)

    batcher = batches(run, waiting=waiting)
    timed = {} if clock is None else {"clock": clock}
    ring = KeyRing((keys or Keys()).find, rate=rate, burst=burst or rate, **timed)
    async with AsyncExitStack() as stack:
        desk = None
        if url is not None:
            engine = open_engine(url)
            stack.push_async_callback(engine.dispose)
            given = {"taxonomy": taxonomy(), "publish": publish, "base_url": base_url}
            given |= {"provider": provider, "write": write, "proxies": proxies}
            given |= {"send_delay": send_delay}
            desk = desk_services(
                engine, store or EmptyStore(), ring, url=url, reader_url=reader_url(url), **given
            )
            await stack.enter_async_context(desk.hub.running())
        await stack.enter_async_context(batcher.running())
        api = Api(
            ring=ring,
            batcher=batcher,
            publish=publish,
            taxonomy=taxonomy(),
            desk=desk,
            collectors=collectors,
        )
        leave = desk.hub.end if desk else lambda: None
        yield await stack.enter_async_context(
            serving(create_web(store or EmptyStore(), api), leave)
        )


@asynccontextmanager
async def serving(app: Any, leave: Callable[[], None] = lambda: None) -> AsyncIterator[str]:
    """The address of an application that is served as `earshot web` serves it."""
    config = configured(app)
    config.port, config.log_level = 0, "error"
    server = Server(config, leave)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
