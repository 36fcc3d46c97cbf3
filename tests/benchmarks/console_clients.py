"""Open consoles in a process of their own: websocket clients that speak as the queue's page does.

Run as a script, it reads one JSON object from standard input (`site`, `cookie`, `tokens`, `mark`)
and opens the queue once for each token as a browser would: the page, then its socket, compressed,
acknowledging each frame. It prints a line of JSON when all are open, and one for each arrival of a
text with `mark` and a number in it. It ends with its standard input.

The frames are those of NiceGUI's own page, which promises them to nobody. Pages in a real Chromium
would be sturdier, and were measured on the same two busy cores: twenty took 0.8 of a core to paint
and fell three seconds behind, fifty lost messages. Fifty of these take 0.01 of a core.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sys
import time
import uuid
from typing import Any

import aiohttp

PATIENCE = 60.0  # seconds for a console to open
_CLIENT = re.compile(r"client_id['\"]?: *['\"]([0-9a-f-]+)")
_NEXT = re.compile(r"next_message_id['\"]?: *(\d+)")
_NUMBER = re.compile(r'"_id":(\d+)')
_PING, _PONG, _CONNECT, _ACKNOWLEDGE = "2", "3", "40", '42["ack",'


class OpenConsole:
    """One page of the queue that stays open, with its number."""

    def __init__(self, site: str, mark: str, number: int) -> None:
        self._site, self._number = site, number
        self._mark = re.compile(rf"{re.escape(mark)}(\d+)")
        self._seen: set[int] = set()
        self._early: list[str] = []  # frames from before the server's word that it is connected
        self.bytes = 0
        self.frames = 0

    async def open(
        self, session: aiohttp.ClientSession, cookies: dict[str, str]
    ) -> aiohttp.ClientWebSocketResponse:
        """The socket, once the server has taken it for the page's own."""
        async with session.get(
            f"{self._site}/", headers={"Accept": "text/html"}, cookies=cookies
        ) as response:
            page = await response.text()
        client, following = _CLIENT.search(page), _NEXT.search(page)
        if response.status != 200 or client is None or following is None:
            raise RuntimeError(
                f"console {self._number}: the queue was not shown ({response.status})"
            )
        self._client, self.tab = client[1], str(uuid.uuid4())
        socket = await session.ws_connect(
            f"{self._site}/_nicegui_ws/socket.io/",
            params={
                "client_id": client[1],
                "next_message_id": following[1],
                "implicit_handshake": "true",
                "document_id": str(uuid.uuid4()),
                "tab_id": self.tab,
                "EIO": "4",
                "transport": "websocket",
            },
            headers={
                "Origin": self._site,
                "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            },
            compress=15,  # as browsers do
            max_msg_size=0,
        )
        await socket.send_str(_CONNECT)
        while True:
            frame = await socket.receive_str(timeout=PATIENCE)
            if frame.startswith(_CONNECT):
                return socket
            self._early.append(frame)

    async def listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Print each number behind the mark once. The server cuts a socket off that answers no
        ping.
        """
        for frame in self._early:
            await self._receive(frame, socket)
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            await self._receive(message.data, socket)

    async def _receive(self, frame: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.frames += 1
        self.bytes += len(frame)
        if frame == _PING:
            await socket.send_str(_PONG)
            return
        at = time.time()
        for probe in {int(number) for number in self._mark.findall(frame)} - self._seen:
            self._seen.add(probe)
            _print({"console": self._number, "probe": probe, "at": at})
        numbers = _NUMBER.findall(frame[-200:])
        if numbers:
            payload = {"client_id": self._client, "next_message_id": int(numbers[-1]) + 1}
            await socket.send_str(f"{_ACKNOWLEDGE}{json.dumps(payload)}]")


async def watch(site: str, cookie: str, tokens: list[str], mark: str) -> None:
    """Open a console for each token, and listen until standard input ends."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        consoles = [OpenConsole(site, mark, number) for number in range(len(tokens))]
        listening = []
        for console, token in zip(consoles, tokens, strict=True):
            async with asyncio.timeout(PATIENCE):
                socket = await console.open(session, {cookie: token})
            # at once: the next ones may take their time
            listening.append(asyncio.create_task(console.listen(socket)))
        _print({"open": len(listening)})
        started, used = time.perf_counter(), _processor()
        await asyncio.to_thread(sys.stdin.read)
        took = time.perf_counter() - started
        lost = sum(task.done() for task in listening)
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        frames = sum(console.frames for console in consoles)
        kilobytes = sum(console.bytes for console in consoles) / 1024
        _print(
            {
                "lost": lost,
                "frames_per_s": round(frames / took, 1),
                "kilobytes_per_s": round(kilobytes / took, 1),
                "client_cores": round((_processor() - used) / took, 3),
            }
        )


def _print(payload: dict[str, Any]) -> None:
    print(json.dumps(payload), flush=True)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    try:
        asyncio.run(watch(**json.loads(sys.stdin.readline())))
    except (RuntimeError, OSError, aiohttp.ClientError) as error:
        raise SystemExit(f"earshot: {error or type(error).__name__}") from None
