"""A desk with people and tickets, and a client of its HTTP: as a browser, or with a key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from history import ANY_AGE, tweet, worst
from people import quick_people
from serving import web
from sqlalchemy.ext.asyncio import AsyncEngine
from stores import Stores

from models.replier.draft import Candidate, Draft
from stream.accounts.api_keys import ApiKeys
from stream.accounts.sessions import Sessions
from stream.accounts.users import Role
from stream.postgres.database import open_engine
from stream.replies.store import Replies

PASSWORD = "violet ladder seventeen"


@dataclass(frozen=True)
class Answer:
    """What came back. told: the JSON; of what is none the text, or its bytes."""

    status: int
    told: Any
    headers: Mapping[str, str]


@dataclass
class Asker:
    """Asks with these headers: a session's cookie or a key."""

    session: aiohttp.ClientSession
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """headers: `If_Match` is If-Match."""
        given = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(
            method, path, json=body, headers=given, allow_redirects=False
        ) as answer:
            is_json = answer.content_type.endswith("json")
            if answer.content_type.startswith("image/"):
                return Answer(answer.status, await answer.read(), answer.headers)
            return Answer(
                answer.status,
                await answer.json(content_type=None) if is_json else await answer.text(),
                answer.headers,
            )

    async def get(self, path: str, **headers: str) -> Answer:
        return await self("GET", path, **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self("POST", path, body, **headers)

    async def patch(self, path: str, body: Any, **headers: str) -> Answer:
        return await self("PATCH", path, body, **headers)


class Office:
    """People of a desk, who ask it."""

    def __init__(self, address: str, engine: AsyncEngine) -> None:
        self.address = address
        self._people, self._sessions, self._keys = (
            quick_people(engine),
            Sessions(engine),
            ApiKeys(engine),
        )
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Office:
        return self

    async def __aexit__(self, *told: Any) -> None:
        await self._stack.aclose()

    async def nobody(self) -> Asker:
        return Asker(await self._stack.enter_async_context(aiohttp.ClientSession(self.address)))

    async def person(self, name: str, role: Role, *brands: str) -> Asker:
        """Somebody who is logged in, bound to these brands; to none where none are named."""
        await self._people.add(name, PASSWORD, role, brands or None)
        token = await self._sessions.log_in(name, PASSWORD, "test")
        asker = await self.nobody()
        asker.headers = {"Cookie": f"earshot_session={token}", "Sec-Fetch-Site": "same-origin"}
        return asker

    async def key(self, name: str, *scopes: Any, of: str | None = None) -> Asker:
        """A program with a key: of a user, or of nobody's."""
        holder = None if of is None else await self._people.find(of)
        asker = await self.nobody()
        asker.headers = {"Authorization": f"Bearer {await self._keys.create(name, scopes, holder)}"}
        return asker


@asynccontextmanager
async def small_desk(url: str) -> AsyncIterator[str]:
    """A server with three tickets, an alert and a draft."""
    engine = open_engine(url)
    store = Stores(engine, fold=worst, history_after=ANY_AGE)
    await store.save([tweet(1, 95), tweet(2, 70), tweet(3, 80, brand="Other")])
    replies = Replies(engine)
    [wanted] = await replies.to_draft(["x:1"])
    await replies.store(
        [(wanted, Draft((Candidate("Sorry. Please write to us.", -1.5),), "replier-1"), None)]
    )
    async with web(store, url=url) as address:
        yield address
    await engine.dispose()
