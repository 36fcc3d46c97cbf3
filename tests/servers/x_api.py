"""X of our own: rules, the filtered stream, the recent search, mentions, posts that are made, and
its limits.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from aiohttp import web
from servers.web import cut, serving

from connectors.x.client import Keys

KEYS = Keys("bearer-secret", "key", "key-secret", "99-token", "token-secret")
_EPOCH_MS = 1_288_834_974_657
NOW = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


def post_id(seconds: float) -> str:
    """The id of a post that was made so many seconds after NOW."""
    return str((int((NOW.timestamp() + seconds) * 1000) - _EPOCH_MS) << 22)


class XApi:
    """`posts`: what the search finds. `script`: what befalls each connection of the stream in turn:
    a status, or a function that is asked before every post whether to cut it.
    """

    def __init__(self) -> None:
        self.posts: dict[str, dict] = {}
        self.order: list[str | bytes] = []
        self.rules: list[dict] = []
        self.script: list = []
        self.failures: dict[str, list[tuple[int, dict]]] = {}
        self.mentions: list[str] = []
        self.sent: list[dict] = []
        self.after_posting = None
        self.searches: list[dict] = []
        self.asked: list[str] = []
        self.heads: list[dict] = []
        self.connected = 0
        self.mute = False
        self.now = 0.0  # seconds after NOW, X's own clock
        self._rule_ids = itertools.count(1)
        self._news = asyncio.Event()
        self._started = time.monotonic()
        self.address = ""

    def post(
        self, seconds: float, text: str, *, told: bool = True, mention: bool = False, **fields
    ) -> str:
        id = fields.pop("id", None) or post_id(seconds)
        self.posts[id] = {
            "id": id,
            "text": text,
            "author_id": "7",
            "conversation_id": id,
            "created_at": (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z"),
            "edit_history_tweet_ids": [id],
            "lang": "en",
        } | fields
        if mention:
            self.mentions.append(id)
        if told:
            self.tell(id)
        return id

    def tell(self, said: str | bytes) -> None:
        """A post by its id, or any bytes."""
        self.order.append(said)
        self._news.set()

    @asynccontextmanager
    async def open(self):
        routes = [
            web.get("/2/tweets/search/stream/rules", self._get_rules),
            web.post("/2/tweets/search/stream/rules", self._set_rules),
            web.get("/2/tweets/search/stream", self._stream),
            web.get("/2/tweets/search/recent", self._search),
            web.get("/2/users/me", self._me),
            web.get("/2/users/{id}/mentions", self._mentions),
            web.get("/2/users/{id}/tweets", self._own),
            web.get("/2/tweets", self._lookup),
            web.post("/2/tweets", self._make),
        ]
        async with serving([_watched(self, each) for each in routes]) as address:
            self.address = address
            yield self

    def fail(self, path: str, status: int, **head: str) -> None:
        """The next question to this path is answered so."""
        self.failures.setdefault(path, []).append((status, head))

    def date(self) -> str:
        return format_datetime(NOW + timedelta(seconds=self.now), usegmt=True)

    async def _get_rules(self, request: web.Request) -> web.Response:
        return web.json_response({"data": self.rules, "meta": {}} if self.rules else {"meta": {}})

    async def _set_rules(self, request: web.Request) -> web.Response:
        asked = await request.json()
        for rule in asked.get("add", []):
            if rule["value"].count('"') % 2:
                error = {
                    "value": rule["value"],
                    "title": "UnprocessableEntity",
                    "details": ["no closing quote"],
                }
                return web.json_response(
                    {"errors": [error], "meta": {"summary": {"invalid": 1}}}, status=201
                )
            self.rules.append(rule | {"id": str(next(self._rule_ids))})
        gone = set(asked.get("delete", {}).get("ids", []))
        self.rules = [rule for rule in self.rules if rule["id"] not in gone]
        return web.json_response({"meta": {}}, status=201 if "add" in asked else 200)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        happens = self.script.pop(0) if self.script else None
        if isinstance(happens, int):
            return web.Response(status=happens, text="<html>busy</html>")
        if isinstance(happens, tuple):
            return web.json_response({"title": "no"}, status=happens[0], headers=happens[1])
        self.connected += 1
        at = len(self.order) if self.connected > 1 else 0
        answer = web.StreamResponse(
            headers={"Content-Type": "application/json", "Date": self.date()}
        )
        await answer.prepare(request)
        sent = 0
        while True:
            while at < len(self.order):
                said = self.order[at]
                line = said if isinstance(said, bytes) else self._line(said)
                if happens and happens(sent):
                    await answer.write(line[: happens.bytes])
                    cut(request)
                    return answer
                await answer.write(line + b"\r\n")
                at, sent = at + 1, sent + 1
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), 0.03)
            except TimeoutError:
                if request.transport is None or request.transport.is_closing():
                    return answer
                if not self.mute:
                    await answer.write(b"\r\n")

    def _line(self, id: str) -> bytes:
        rules = [{"id": rule["id"], "tag": rule["tag"]} for rule in self.rules]
        said = {"data": self.posts[id], "includes": USERS, "matching_rules": rules}
        return json.dumps(said, ensure_ascii=False).encode()

    async def _search(self, request: web.Request) -> web.Response:
        self.searches.append(dict(request.query))
        return self._page(list(self.posts), request, "next_token")

    async def _mentions(self, request: web.Request) -> web.Response:
        return self._page(self.mentions, request, "pagination_token")

    async def _own(self, request: web.Request) -> web.Response:
        return self._page([each["id"] for each in self.sent], request, "pagination_token")

    def _page(self, ids: list[str], request: web.Request, token: str) -> web.Response:
        after, size = int(request.query["since_id"]), int(request.query["max_results"])
        found = sorted((id for id in ids if int(id) > after), key=int, reverse=True)
        start = int(request.query.get(token, 0))
        page = [self.posts[id] for id in found[start : start + size]]
        meta = {"result_count": len(page)} | (
            {"next_token": str(start + size)} if start + size < len(found) else {}
        )
        answer = {"meta": meta} | ({"data": page, "includes": USERS} if page else {})
        return web.json_response(answer)

    async def _me(self, request: web.Request) -> web.Response:
        return web.json_response({"data": {"id": "99", "username": "DeltaCare", "name": "Delta"}})

    async def _lookup(self, request: web.Request) -> web.Response:
        there, errors = {}, []
        for id in request.query["ids"].split(","):
            latest = next(
                (post for post in self.posts.values() if id in post["edit_history_tweet_ids"]), None
            )
            if latest is None:
                errors.append({"title": "Not Found Error", "resource_id": id, "value": id})
            else:
                there[id] = self.posts.get(id, latest) | {
                    "edit_history_tweet_ids": latest["edit_history_tweet_ids"]
                }
        answer = ({"data": list(there.values())} if there else {}) | (
            {"errors": errors} if errors else {}
        )
        return web.json_response(answer)

    async def _make(self, request: web.Request) -> web.Response:
        asked = await request.json()
        id = self.post(
            5000 + len(self.sent),
            asked["text"].replace("https://delta.example/help", "https://t.co/abc"),
            told=False,
            author_id="99",
            referenced_tweets=[
                {"type": "replied_to", "id": asked["reply"]["in_reply_to_tweet_id"]}
            ],
        )
        self.sent.append({"id": id} | asked)
        if self.after_posting is not None:
            happens, self.after_posting = self.after_posting, None
            happens(request)
        return web.json_response({"data": {"id": id, "text": asked["text"]}}, status=201)


USERS = {
    "users": [
        {"id": "7", "username": "ann", "name": "Ann", "public_metrics": {"followers_count": 5}}
    ]
}


def _watched(server: XApi, route: web.RouteDef) -> web.RouteDef:
    """The route, with the failures that are due, and a note of who asked."""

    async def answer(request: web.Request) -> web.StreamResponse:
        server.asked.append(f"{request.method} {request.path}")
        server.heads.append(dict(request.headers))
        if waiting := server.failures.get(request.path):
            status, head = waiting.pop(0)
            body = {"title": "refused", "detail": "not now", "status": status}
            return web.json_response(body, status=status, headers=head | {"Date": server.date()})
        told = await route.handler(request)
        if not told.prepared:
            told.headers["Date"] = server.date()
        return told

    return web.RouteDef(route.method, route.path, answer, route.kwargs)


class cut_after:
    """Cut after so many posts, so many bytes into the next."""

    def __init__(self, posts: int, bytes: int = 40) -> None:
        self.posts, self.bytes = posts, bytes

    def __call__(self, sent: int) -> bool:
        return sent >= self.posts


class Ledger:
    """Adds up in memory what stream.ingest.spend.Spend adds up in Postgres."""

    def __init__(self) -> None:
        self.days: dict = {}

    async def add(self, brand, day, counts, prices):
        spent = sum(prices[what] * count for what, count in counts.items())
        self.days[brand, day] = self.days.get((brand, day), 0) + spent
        return self.days[brand, day]
