"""Connections are bounded without a proxy: heads, bodies, times and numbers, on the real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from serving import EmptyStore, serving, web
from starlette.exceptions import HTTPException

from stream.web.http import connection as bounds
from stream.web.http import edge
from stream.web.http.connection import LARGEST_HEAD, MOST_HEADERS, BoundedConnection, Door

SOON = 60  # seconds, a test's last resort: what is awaited ends long before, or never


@asynccontextmanager
async def connected(
    address: str,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def answered(address: str, *parts: bytes) -> bytes:
    """Everything that comes back until the server ends the connection."""
    async with asyncio.timeout(SOON), connected(address) as (reader, writer):
        writing = asyncio.create_task(write(writer, parts))
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writing.cancel()


async def write(writer: asyncio.StreamWriter, parts: tuple[bytes, ...]) -> None:
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
    except ConnectionError:
        return


GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /login HTTP/1.1\r\nHost: a\r\n"
ENDLESS = (b"x" * 65_536,) * 64  # 4 MiB


@pytest.mark.parametrize(
    "parts",
    [
        (GET + b"X-Long: ", *ENDLESS),
        (GET + b"X-Long: " + b"x" * 200_000 + b"\r\n\r\n",),  # ends, and in one piece
        (b"GET /" + b"x" * LARGEST_HEAD + b" HTTP/1.1\r\nHost: a\r\n\r\n",),
        (b"GET /", *ENDLESS),
        (b"x" * 10, *ENDLESS),
        (GET + b"".join(b"X-%d: a\r\n" % n for n in range(20_000)) + b"\r\n",),
        (GET + b"".join(b"X-%d: a\r\n" % n for n in range(MOST_HEADERS)) + b"\r\n",),
        (GET + b"X" * 200_000 + b": a\r\n\r\n",),
        (b"\r\n" * 65_536, *ENDLESS),
    ],
    ids=["value", "whole", "path", "path-on", "method", "headers", "few", "name", "blank"],
)
async def test_a_head_has_a_last_byte_and_a_last_header(parts):
    async with web(EmptyStore()) as address:
        told = await answered(address, *parts)
        assert told.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 ")) or told == b""
        assert (await answered(address, GET + b"Connection: close\r\n\r\n")).startswith(
            b"HTTP/1.1 200 "
        )


async def test_a_refused_head_says_how_long_one_may_be():
    async with web(EmptyStore()) as address:
        told = await answered(address, GET + b"X-Long: " + b"x" * LARGEST_HEAD + b"\r\n\r\n")

    assert told.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert told.endswith(b"a request's head has at most 100 headers and 32 KiB\n")


async def test_a_head_as_long_as_it_may_be_is_read():
    many = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 300) for n in range(MOST_HEADERS - 2))
    async with web(EmptyStore()) as address:
        told = await answered(address, GET + many + b"Connection: close\r\n\r\n")

    assert len(many) > LARGEST_HEAD * 0.9
    assert told.startswith(b"HTTP/1.1 200 ")


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        (POST + CHUNKED + b"1;" + b"x" * 9, *ENDLESS),  # an extension of a chunk
        (POST + CHUNKED + b"0\r\nX-Trailer: ", *ENDLESS),
        (GET + CHUNKED + b"400000\r\n", *ENDLESS, *ENDLESS),  # a body that nobody reads
        (POST + b"Content-Length: 99999999\r\n\r\n", *ENDLESS),
        (POST + b"Content-Length: 1\r\n\r\n", b"x", *ENDLESS),
        (GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", *ENDLESS),
        ((GET + b"\r\n") * 20_000,),  # more requests than anybody waits for at once
    ],
    ids=["extension", "trailer", "unread", "announced", "beyond", "upgrade", "pipelined"],
)
async def test_a_body_has_a_last_byte(parts):
    async with web(EmptyStore()) as address:
        await answered(address, *parts)


@pytest.fixture
def time_is_over(monkeypatch):
    """The time of a connection ends as soon as it has said something, or nothing."""
    connected, received = BoundedConnection.connection_made, BoundedConnection.data_received
    silent = []

    def connection_made(self, transport):
        connected(self, transport)
        if silent:
            self._too_late()

    def data_received(self, data):
        received(self, data)
        if self._deadline is not None:
            self._too_late()

    monkeypatch.setattr(BoundedConnection, "connection_made", connection_made)
    monkeypatch.setattr(BoundedConnection, "data_received", data_received)
    return silent


async def test_who_owes_a_head_or_a_body_is_not_waited_for_for_ever(time_is_over):
    async with web(EmptyStore()) as address:
        for begun in (GET, b"G", b"\r\n", GET[:-2]):
            assert (await answered(address, begun)).startswith(b"HTTP/1.1 408 "), begun
        for body in (b"Content-Length: 9\r\n\r\nab", CHUNKED + b"5\r\nab"):
            for path in (b"/v1/analyze", b"/v1/events", b"/login", b"/no"):
                head = b"POST " + path + b" HTTP/1.1\r\nHost: a\r\n"
                told = await answered(address, head + b"Content-Type: application/json\r\n" + body)
                assert told.startswith(b"HTTP/1.1 408 "), (path, told)
        time_is_over.append("from the start")
        assert await answered(address) == b""  # nothing was said: nothing is answered


async def test_the_time_of_a_head_does_not_begin_anew_with_each_byte(monkeypatch):
    """The clock is the server's own: its deadline is set once a head."""
    monkeypatch.setattr(bounds, "HEAD_SECONDS", 3_600.0)
    deadlines = []
    expect = bounds.BoundedConnection._expect
    monkeypatch.setattr(
        bounds.BoundedConnection,
        "_expect",
        lambda self, seconds: (deadlines.append(seconds), expect(self, seconds)),
    )
    async with web(EmptyStore()) as address, connected(address) as (reader, writer):
        for byte in GET + b"\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")

    assert deadlines == [bounds.HEAD_SECONDS, bounds.BODY_SECONDS]


async def test_an_answer_that_is_not_read_is_given_up(monkeypatch):
    monkeypatch.setattr(bounds, "READ_SECONDS", 0.05)
    ended = asyncio.Event()

    async def endless(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        watching = asyncio.create_task(receive_end(receive, ended))
        while not ended.is_set():
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)
        await watching

    async with serving(endless) as address, connected(address) as (reader, writer):
        reader._transport.pause_reading()
        writer.write(GET + b"\r\n")
        async with asyncio.timeout(SOON):
            await ended.wait()


async def receive_end(receive, ended):
    while (await receive())["type"] != "http.disconnect":
        pass
    ended.set()


async def test_unfinished_heads_leave_room_for_who_finishes_theirs(monkeypatch):
    monkeypatch.setattr(bounds, "HEAD_SECONDS", 3_600.0)
    monkeypatch.setattr("stream.web.server.Door", lambda: Door(limit=20))
    async with web(EmptyStore()) as address, AsyncExitStack() as stack:
        opened = []
        for _ in range(30):
            opened.append(await stack.enter_async_context(connected(address)))
            opened[-1][1].write(GET)
        told = await answered(address, GET + b"Connection: close\r\n\r\n")
        async with asyncio.timeout(SOON):
            for reader, _ in opened[:11]:
                with suppress(ConnectionError):
                    assert await reader.read() == b""
        opened[-1][1].write(b"\r\n")
        assert (await opened[-1][0].readline()).startswith(b"HTTP/1.1 200 ")

    assert told.startswith(b"HTTP/1.1 200 ")


async def test_the_oldest_that_is_waited_for_makes_way():
    class Cut:
        def __init__(self):
            self.was_cut = False

        def cut(self):
            self.was_cut = True

    door, connections = Door(limit=3), [Cut() for _ in range(5)]
    for each in connections[:3]:
        door.wait_for(each)
    door.wait_for(connections[0])  # it did something: it is not the oldest any more
    door.done_with(connections[2])
    for each in connections[3:]:
        door.wait_for(each)

    assert [each.was_cut for each in connections] == [False, True, False, False, False]
    assert len(door) == 3


async def test_large_bodies_share_a_bound_and_small_ones_pass_by_it():
    """The edge alone, whose callers are as many as the test says, each with as much as it says."""
    arrived, go_on = asyncio.Event(), asyncio.Event()
    app = edge.Edge(reads_its_body)
    share = edge.LARGEST_TOGETHER // (edge.LARGEST_BODY - edge.SMALL_BODY)

    async def statuses(*bodies: list[int]) -> list[int]:
        return await asyncio.gather(*(posted(app, sizes) for sizes in bodies))

    async def posted(app, sizes: list[int], waits: asyncio.Event | None = None) -> int:
        parts = [b"x" * size for size in sizes]
        told: list[int] = []

        async def receive():
            if parts:
                return {"type": "http.request", "body": parts.pop(), "more_body": True}
            if waits is not None:
                arrived.set()
                await waits.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            if message["type"] == "http.response.start":
                told.append(message["status"])

        await app(
            {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""},
            receive,
            send,
        )
        return told[0]

    under_way = []
    for _ in range(share):
        arrived.clear()
        under_way.append(asyncio.create_task(posted(app, [edge.LARGEST_BODY], go_on)))
        await arrived.wait()

    assert await statuses([edge.LARGEST_BODY], [edge.LARGEST_BODY // 2] * 2) == [503, 503]
    assert await statuses([edge.SMALL_BODY], [1], [edge.SMALL_BODY // 2] * 2) == [200] * 3
    go_on.set()
    assert await asyncio.gather(*under_way) == [200] * share
    assert await statuses([edge.LARGEST_BODY], [edge.LARGEST_BODY + 1]) == [200, 413]


async def reads_its_body(scope, receive, send):
    status = 200
    try:
        while (await receive())["more_body"]:
            pass
    except HTTPException as refused:
        status = refused.status_code
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})
