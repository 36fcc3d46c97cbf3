"""Open-loop HTTP client: requests leave on time, whatever the server does.

`python -m stream.benchmark.client` reads one JSON object from standard input (`host`, `port`,
`path`, `key`, `rate`, `seconds`, `bodies`) and prints one: the statuses, the latencies, and the
processor time of the client itself.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from typing import Any

PATIENCE = 30.0  # seconds that an answer may take
MOST_CONNECTIONS = 1_000


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        """A server closes what is idle for some seconds."""
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, request: bytes) -> asyncio.Future[int]:
        """The status of the answer, once all of it is here; 0 when the connection broke."""
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            self._answer.set_result(0)
        else:
            self._transport.write(request)
        return self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  of TCP it is one
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and len(body) >= _length(head):
            self._received = b""
            self._done(int(head[9:12]))

    def connection_lost(self, _: Exception | None) -> None:
        self._done(0)

    def _done(self, status: int) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


async def load(
    host: str, port: int, path: str, key: str, rate: float, seconds: float, bodies: list[str]
) -> Any:
    """Send `rate` requests a second for `seconds`. Latencies count from when a request was due."""
    requests = [_request(host, path, key, body.encode()) for body in bodies]
    free: list[Connection] = []
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    connections = 0

    async def send(due: float, request: bytes) -> None:
        nonlocal connections
        while free and not free[-1].is_open:
            free.pop()
            connections -= 1
        if free:
            connection = free.pop()
        elif connections < MOST_CONNECTIONS:
            connections += 1
            _, connection = await asyncio.get_running_loop().create_connection(
                Connection, host, port
            )
        else:
            statuses[0] += 1
            return
        try:
            status = await asyncio.wait_for(connection.ask(request), PATIENCE)
        except TimeoutError:
            status = 0
        statuses[status] += 1
        if status == 200:
            latencies.append(time.perf_counter() - due)
        if status:
            free.append(connection)
        else:
            connections -= 1
            connection.close()

    started, used = time.perf_counter(), _processor()
    under_way = []
    for number in range(int(rate * seconds)):
        due = started + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        under_way.append(asyncio.create_task(send(due, requests[number % len(requests)])))
    await asyncio.gather(*under_way)
    took = time.perf_counter() - started
    for connection in free:
        connection.close()
    return {
        "rate": rate,
        "sent": len(under_way),
        "answered_per_s": round(statuses[200] / took, 1),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        **_percentiles(latencies),
        "client_cores": round((_processor() - used) / took, 3),
    }


def _request(host: str, path: str, key: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _percentiles(seconds: list[float]) -> dict[str, float | None]:
    if not seconds:
        return {f"p{part}_ms": None for part in (50, 95, 99)}
    ranked = sorted(seconds)
    last = len(ranked) - 1
    return {
        f"p{part}_ms": round(1000 * ranked[min(last, len(ranked) * part // 100)], 1)
        for part in (50, 95, 99)
    }


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    print(json.dumps(asyncio.run(load(**json.load(sys.stdin)))))
