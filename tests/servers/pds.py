"""A server of Bluesky accounts of our own: sessions, records, and the public interface."""

from __future__ import annotations

from contextlib import asynccontextmanager

from aiohttp import web
from servers.web import serving


class Pds:
    """`records`: by uri. One account, did:plc:care, whose app password is `app-password`."""

    def __init__(self) -> None:
        self.records: dict[str, dict] = {}
        self.written: list[dict] = []
        self.token = "session"
        self.after_writing = None
        self.blobs: dict[str, tuple[str, bytes]] = {}  # by link: type, bytes
        self.address = ""

    def post(self, did: str, rkey: str) -> dict:
        uri = f"at://{did}/app.bsky.feed.post/{rkey}"
        self.records[uri] = {"text": "delta", "createdAt": "2026-03-12T12:00:00.000Z"}
        return {"uri": uri, "cid": f"cid-{rkey}"}

    @asynccontextmanager
    async def open(self):
        routes = [
            web.post("/xrpc/com.atproto.server.createSession", self._log_in),
            web.get("/xrpc/com.atproto.repo.getRecord", self._record),
            web.post("/xrpc/com.atproto.repo.createRecord", self._create),
            web.post("/xrpc/com.atproto.repo.uploadBlob", self._upload),
            web.get("/xrpc/app.bsky.feed.getPosts", self._posts),
        ]
        async with serving(routes) as address:
            self.address = address
            yield self

    async def _log_in(self, request: web.Request) -> web.Response:
        if (await request.json())["password"] != "app-password":
            return web.json_response({"error": "AuthenticationRequired"}, status=401)
        return web.json_response(
            {"did": "did:plc:care", "accessJwt": self.token, "handle": "care.example"}
        )

    def _refusal(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response(
                {"error": "ExpiredToken", "message": "Token has expired"}, status=400
            )
        return None

    async def _record(self, request: web.Request) -> web.Response:
        if (refused := self._refusal(request)) is not None:
            return refused
        asked = request.query
        uri = f"at://{asked['repo']}/{asked['collection']}/{asked['rkey']}"
        if uri not in self.records:
            return web.json_response(
                {"error": "RecordNotFound", "message": f"Could not locate {uri}"}, status=400
            )
        return web.json_response(
            {"uri": uri, "cid": f"cid-{asked['rkey']}", "value": self.records[uri]}
        )

    async def _create(self, request: web.Request) -> web.Response:
        if (refused := self._refusal(request)) is not None:
            return refused
        asked = await request.json()
        uri = f"at://{asked['repo']}/{asked['collection']}/{asked['rkey']}"
        self.records[uri] = asked["record"]
        self.written.append(asked)
        if self.after_writing is not None:
            happens, self.after_writing = self.after_writing, None
            happens(request)
        return web.json_response({"uri": uri, "cid": "cid"})

    async def _upload(self, request: web.Request) -> web.Response:
        if (refused := self._refusal(request)) is not None:
            return refused
        content = await request.read()
        if len(content) > 1_000_000:
            return web.json_response({"error": "BlobTooLarge"}, status=400)
        link = f"bafk{len(self.blobs)}"
        self.blobs[link] = (request.content_type, content)
        blob = {
            "$type": "blob",
            "ref": {"$link": link},
            "mimeType": request.content_type,
            "size": len(content),
        }
        return web.json_response({"blob": blob})

    async def _posts(self, request: web.Request) -> web.Response:
        there = [{"uri": uri} for uri in request.query.getall("uris") if uri in self.records]
        return web.json_response({"posts": there})
