"""A Mastodon server of our own: streams of server-sent events, time lines, conversations, and posts
that are made.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from aiohttp import web
from servers.web import cut, serving

START = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


def status_id(seconds: float) -> str:
    """Ids of Mastodon hold the milliseconds above 16 bits."""
    return str(int((START.timestamp() + seconds) * 1000) << 16)


class MastodonApi:
    """`statuses`: what the time lines hold. `script`: what befalls each streaming connection in
    turn.
    """

    def __init__(self) -> None:
        self.statuses: dict[str, dict] = {}
        self.order: list[tuple[str, str]] = []  # (event, id) as the stream tells them
        self.roots: dict[str, str] = {}
        self.notifications: list[dict] = []
        self.script: list = []
        self.failures: list[
            tuple[int, dict]
        ] = []  # answered to REST questions before anything else
        self.posted: list[dict] = []
        self.keys: dict[str, dict] = {}
        self.after_posting = None
        self.media: dict[str, dict] = {}  # by id: file, type, description
        self.refused_media = 0  # the status of every upload
        self.works_on_media = 0  # looks until a picture is ready
        self.connected = 0
        self.heads: list[dict] = []
        self._news = asyncio.Event()
        self.address = ""

    def post(self, seconds: float, text: str, *, told: bool = True, **fields) -> str:
        """A public post; not told: the stream never says it."""
        id = fields.pop("id", status_id(seconds))
        at = START + timedelta(seconds=seconds)
        self.statuses[id] = {
            "id": id,
            "created_at": at.isoformat().replace("+00:00", "Z"),
            "edited_at": None,
            "in_reply_to_id": None,
            "visibility": "public",
            "content": f"<p>{text}</p>",
            "spoiler_text": "",
            "language": "en",
            "url": f"{self.address}/@ann/{id}",
            "account": {"id": "1", "acct": "ann", "followers_count": 3},
        } | fields
        if told:
            self.tell("update", id)
        return id

    def tell(self, event: str, id: str) -> None:
        self.order.append((event, id))
        self._news.set()

    @asynccontextmanager
    async def open(self):
        routes = [
            web.get("/api/v1/streaming/{stream:.+}", self._stream),
            web.get("/api/v1/timelines/{line:.+}", self._timeline),
            web.get("/api/v1/notifications", self._notifications),
            web.get("/api/v1/statuses/{id}/context", self._context),
            web.get("/api/v1/statuses/{id}", self._status),
            web.post("/api/v1/statuses", self._make),
            web.post("/api/v2/media", self._upload),
            web.get("/api/v1/media/{id}", self._media),
            web.get("/api/v1/accounts/verify_credentials", self._me),
        ]
        async with serving(routes) as address:
            self.address = address
            yield self

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.heads.append(dict(request.headers))
        happens = self.script.pop(0) if self.script else None
        if isinstance(happens, int):
            return web.Response(
                status=happens, headers={"Retry-After": "7"} if happens == 429 else {}
            )
        self.connected += 1
        at = len(self.order) if self.connected > 1 else 0
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b":)\n")
        sent = 0
        while True:
            while at < len(self.order):
                event, id = self.order[at]
                payload = (
                    id if event == "delete" else json.dumps(self.statuses[id], ensure_ascii=False)
                )
                line = f"event: {event}\ndata: {payload}\n\n".encode()
                if happens and happens(request, sent, answer):
                    await answer.write(line[: len(line) // 2])
                    cut(request)
                    return answer
                await answer.write(line)
                at, sent = at + 1, sent + 1
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), 0.05)
            except TimeoutError:
                if request.transport is None or request.transport.is_closing():
                    return answer
                if not getattr(self, "mute", False):
                    await answer.write(b":thump\n")

    def _refusal(self) -> web.Response | None:
        if not self.failures:
            return None
        code, head = self.failures.pop(0)
        return web.json_response({"error": "not now"}, status=code, headers=head)

    async def _timeline(self, request: web.Request) -> web.Response:
        return self._refusal() or web.json_response(_page(list(self.statuses.values()), request))

    async def _notifications(self, request: web.Request) -> web.Response:
        return self._refusal() or web.json_response(_page(self.notifications, request))

    async def _context(self, request: web.Request) -> web.Response:
        if (refused := self._refusal()) is not None:
            return refused
        id = request.match_info["id"]
        if id not in self.statuses:
            return web.json_response({"error": "Record not found"}, status=404)
        root = self.roots.get(id)
        below = [each for each in self.statuses.values() if each["in_reply_to_id"] == id]
        return web.json_response(
            {"ancestors": [self.statuses[root]] if root else [], "descendants": below}
        )

    async def _status(self, request: web.Request) -> web.Response:
        if (refused := self._refusal()) is not None:
            return refused
        found = self.statuses.get(request.match_info["id"])
        return web.json_response(
            found or {"error": "Record not found"}, status=200 if found else 404
        )

    async def _make(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer token":
            return web.json_response({"error": "The access token is invalid"}, status=401)
        if (refused := self._refusal()) is not None:
            return refused
        fields = await request.post()
        key, form = request.headers["Idempotency-Key"], dict(fields)
        shown = fields.getall("media_ids[]", [])
        if any(each not in self.media for each in shown):
            return web.json_response({"error": "media not found"}, status=422)
        form["media"] = [self.media[each] for each in shown]
        if key not in self.keys:
            id = self.post(
                1000 + len(self.posted),
                form["status"],
                told=False,
                in_reply_to_id=form["in_reply_to_id"],
                account={"id": "99", "acct": "care", "followers_count": 0},
            )
            self.keys[key] = self.statuses[id]
            self.posted.append(form)
        if self.after_posting is not None:
            happens, self.after_posting = self.after_posting, None
            happens(request)
        return web.json_response(self.keys[key])

    async def _upload(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer token":
            return web.json_response({"error": "The access token is invalid"}, status=401)
        if self.refused_media:
            return web.json_response({"error": "not this file"}, status=self.refused_media)
        fields = await request.post()
        file, id = fields["file"], str(500 + len(self.media))
        self.media[id] = {
            "file": file.file.read(),
            "type": file.content_type,
            "description": fields["description"],
        }
        return web.json_response(
            {"id": id, "type": "image"}, status=202 if self.works_on_media else 200
        )

    async def _media(self, request: web.Request) -> web.Response:
        self.works_on_media -= 1
        return web.json_response(
            {"id": request.match_info["id"]}, status=206 if self.works_on_media > 0 else 200
        )

    async def _me(self, request: web.Request) -> web.Response:
        return web.json_response({"id": "99", "acct": "care"})


def _page(items: list[dict], request: web.Request) -> list[dict]:
    limit = int(request.query.get("limit", 20))
    if after := request.query.get("min_id"):
        newer = sorted(
            (each for each in items if int(each["id"]) > int(after)),
            key=lambda each: int(each["id"]),
        )
        return newer[:limit][::-1]
    return sorted(items, key=lambda each: -int(each["id"]))[:limit]


def cut_after(messages: int):
    return lambda request, sent, answer: sent >= messages
