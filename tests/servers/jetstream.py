"""A Jetstream of our own: a websocket that plays what was posted from a cursor on, and the public
interface.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

from aiohttp import web
from servers.web import cut, serving

START = 1_773_316_800_000_000  # 2026-03-12 12:00 UTC, in microseconds


class Jetstream:
    """Everything that was said, in the order it is told. `script`: what happens to each connection
    in turn.
    """

    def __init__(self) -> None:
        self.log: list[tuple[int, str | bytes]] = []
        self.cursors: list[int | None] = []
        # one function a connection: (request, socket, sent) -> None after each message
        self.script: list = []
        self.statuses: list[int] = []  # answered before a connection is accepted
        self.asked: list[str] = []
        self.profiles_status = 200
        self._news = asyncio.Event()
        self.address = ""

    def say(self, at: int, line: dict | str) -> None:
        """One message, `at` microseconds after START."""
        said = (
            line
            if isinstance(line, str)
            else json.dumps(line | {"time_us": START + at}, ensure_ascii=False)
        )
        self.log.append((START + at, said))
        self._news.set()

    def post(
        self, at: int, text: str, *, did: str = "did:plc:ann", rkey: str | None = None, **record
    ) -> None:
        self.say(at, commit(did, rkey or f"r{at}", text, **record))

    @asynccontextmanager
    async def open(self):
        routes = [
            web.get("/subscribe", self._subscribe),
            web.get("/xrpc/com.atproto.identity.resolveHandle", self._resolve),
            web.get("/xrpc/app.bsky.actor.getProfiles", self._profiles),
        ]
        async with serving(routes) as address:
            self.address = address
            yield self

    async def _subscribe(self, request: web.Request) -> web.StreamResponse:
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        asked = request.query.get("cursor")
        self.cursors.append(int(asked) if asked else None)
        self.asked += request.query.getall("wantedCollections")
        happens = self.script.pop(0) if self.script else None
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        at = next(
            (n for n, (time, _) in enumerate(self.log) if asked and time >= int(asked)),
            len(self.log),
        )
        if asked is None:
            at = 0 if len(self.cursors) == 1 else len(self.log)
        sent = 0
        try:
            while not socket.closed:
                while at < len(self.log):
                    await socket.send_str(self.log[at][1])
                    at, sent = at + 1, sent + 1
                    if happens and happens(request, sent):
                        return socket
                self._news.clear()
                waiting = asyncio.ensure_future(self._news.wait())
                receiving = asyncio.ensure_future(socket.receive())
                await asyncio.wait({waiting, receiving}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if receiving.done():
                    return socket
                receiving.cancel()
        except (ConnectionError, RuntimeError):
            pass
        return socket

    async def _resolve(self, request: web.Request) -> web.Response:
        handle = request.query["handle"]
        if handle == "brand.example":
            return web.json_response({"did": "did:plc:brand"})
        return web.json_response(
            {"error": "InvalidRequest", "message": "Unable to resolve handle"}, status=400
        )

    async def _profiles(self, request: web.Request) -> web.Response:
        if self.profiles_status != 200:
            return web.Response(status=self.profiles_status)
        people = [
            {"did": did, "handle": f"{did.rpartition(':')[2]}.bsky.social", "followersCount": 7}
            for did in request.query.getall("actors")
        ]
        return web.json_response({"profiles": people})


def commit(did: str, rkey: str, text: str, *, operation: str = "create", **record) -> dict:
    made = {
        "$type": "app.bsky.feed.post",
        "text": text,
        "createdAt": "2026-03-12T12:00:00.000Z",
        "langs": ["en"],
    }
    body = {"operation": operation, "collection": "app.bsky.feed.post", "rkey": rkey, "rev": "3k"}
    if operation != "delete":
        body["record"] = made | record
    return {"did": did, "kind": "commit", "commit": body}


def cut_after(messages: int):
    """The connection is lost after so many messages, in the middle of the next frame and of a
    character.
    """

    def happens(request, sent):
        if sent < messages:
            return False
        frame = '{"did": "did:plc:ann", "text": "délta '.encode()
        request.transport.write(b"\x81\x7e\x01\x00" + frame[:-6])
        cut(request)
        return True

    return happens


def close_after(messages: int):
    """An orderly goodbye of the server, without one."""

    def happens(request, sent):
        if sent >= messages:
            request.transport.close()
            return True
        return False

    return happens
