"""Many open consoles in a process of their own: websocket clients that speak as the page of the
queue does.

`python -m stream.bench_consoles` reads one JSON object from standard input (`site`, `cookie`,
`tokens`, `mark`), opens the queue once for each token as a browser would (the page, then its
socket, compressed, acknowledging what comes), and prints a line of JSON for each thing that
happens: that all are open, and each arrival of a text that has `mark` and a number in it. It draws
nothing: what a browser needs to paint is not in these times. Ends with its standard input.
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


class Console:
    """One page of the queue that stays open. number: which one."""

    def __init__(self, site: str, mark: str, number: int) -> None:
        self._site, self._number = site, number
        self._mark = re.compile(rf"{re.escape(mark)}(\d+)")
        self._seen: set[int] = set()
        self._early: list[str] = []  # what came before the server's word that the page is connected
        self.bytes = 0
        self.frames = 0

    async def open(
        self, session: aiohttp.ClientSession, cookies: dict[str, str]
    ) -> aiohttp.ClientWebSocketResponse:
        """The socket, once the server has taken it for the page's own."""
        async with session.get(
            f"{self._site}/", headers={"Accept": "text/html"}, cookies=cookies
        ) as answer:
            page = await answer.text()
        client, following = _CLIENT.search(page), _NEXT.search(page)
        if answer.status != 200 or client is None or following is None:
            raise RuntimeError(f"console {self._number}: the queue was not shown ({answer.status})")
        self._client = client[1]
        told = {
            "client_id": client[1],
            "next_message_id": following[1],
            "implicit_handshake": "true",
        }
        told |= {"document_id": str(uuid.uuid4()), "tab_id": str(uuid.uuid4())}
        socket = await session.ws_connect(
            f"{self._site}/_nicegui_ws/socket.io/",
            params={**told, "EIO": "4", "transport": "websocket"},
            headers={
                "Origin": self._site,
                "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            },
            compress=15,  # as browsers do
            max_msg_size=0,
        )
        await socket.send_str("40")
        while not (said := await socket.receive_str(timeout=PATIENCE)).startswith("40"):
            self._early.append(said)
        return socket

    async def listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Tell each number behind the mark once, when it comes first. A socket that nobody listens
        to is cut off: the server's pings want an answer.
        """
        for said in self._early:
            await self._hear(said, socket)
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            await self._hear(message.data, socket)

    async def _hear(self, said: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.frames += 1
        self.bytes += len(said)
        if said == "2":  # ping
            await socket.send_str("3")
            return
        at = time.time()
        for probe in {int(number) for number in self._mark.findall(said)} - self._seen:
            self._seen.add(probe)
            _say({"console": self._number, "probe": probe, "at": at})
        if numbers := _NUMBER.findall(said[-200:]):
            told = {"client_id": self._client, "next_message_id": int(numbers[-1]) + 1}
            await socket.send_str(f'42["ack",{json.dumps(told)}]')


async def watch(site: str, cookie: str, tokens: list[str], mark: str) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        consoles = [Console(site, mark, number) for number in range(len(tokens))]
        listening = []
        for console, token in zip(consoles, tokens, strict=True):
            async with asyncio.timeout(PATIENCE):
                socket = await console.open(session, {cookie: token})
            listening.append(
                asyncio.create_task(console.listen(socket))
            )  # at once: the others may take their time
        _say({"open": len(listening)})
        started, used = time.perf_counter(), _processor()
        await asyncio.to_thread(sys.stdin.read)  # until whoever started it closes it
        took = time.perf_counter() - started
        lost = sum(task.done() for task in listening)
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        _say({
            "lost": lost,
            "frames_per_s": round(sum(each.frames for each in consoles) / took, 1),
            "kilobytes_per_s": round(sum(each.bytes for each in consoles) / took / 1024, 1),
            "client_cores": round((_processor() - used) / took, 3),
        })  # fmt: skip


def _say(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    try:
        asyncio.run(watch(**json.loads(sys.stdin.readline())))
    except (RuntimeError, OSError, aiohttp.ClientError) as error:
        raise SystemExit(f"earshot: {error or type(error).__name__}") from None
