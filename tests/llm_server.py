"""A small server that speaks the protocol of OpenAI's chat completions, with its bad days."""

from __future__ import annotations

import json
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GOOD = {
    "sentiment": "negative",
    "complaint": True,
    "severity": 3,
    "dissatisfaction": 80,
    "topic": "network",
    "problem": "line down",
    "words": ["down"],
}


LONGEST = 60.0  # seconds that a slow answer waits for its asker to give up


class LlmServer(ThreadingHTTPServer):
    """Answers GOOD, unless `moods` says something else: one for each request, in order, the last
    one for ever.

    A mood is a function of the request that returns the answer's content, or one of the strings
    below.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.moods: list[Any] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.under_way = 0
        self.most_under_way = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def mood(self) -> Any:
        with self.lock:
            return (
                self.moods.pop(0) if len(self.moods) > 1 else self.moods[0] if self.moods else GOOD
            )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LlmServer

    def do_POST(self) -> None:
        server = self.server
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.requests.append(asked)
            server.keys.append(self.headers.get("Authorization"))
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        try:
            self._answer(asked, server.mood())
        finally:
            with server.lock:
                server.under_way -= 1

    def _answer(self, asked: dict[str, Any], mood: Any) -> None:
        match mood:
            case "429":
                self._send(429, {"error": {"message": "slow down"}}, **{"Retry-After": "0.1"})
            case "429 for an hour":
                self._send(429, {"error": {"message": "quota"}}, **{"Retry-After": "3600"})
            case "500" | "401":
                self._send(int(mood), {"error": {"message": "no"}})
            case "slow":
                # Until who asked has hung up: slower than any patience, on a slow machine too.
                select.select([self.connection], [], [], LONGEST)
                self.close_connection = True
            case "cut":
                self.wfile.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    b"Content-Length: 900\r\n\r\n{"
                )
                self.close_connection = True
            case "not a completion":
                self._send(200, {"hello": "world"})
            case "html":
                self._send(200, b"<html>a proxy's login page</html>", content_type="text/html")
            case "cut short":
                self._say('{"sentiment": "nega', finish_reason="length")
            case "only json_object" if (
                asked.get("response_format", {}).get("type") == "json_schema"
            ):
                self._send(
                    400, {"error": {"message": "response_format json_schema is not supported"}}
                )
            case "only json_object":
                self._say(json.dumps(GOOD))
            case _ if callable(mood):
                self._say(mood(asked))
            case _:
                self._say(json.dumps(mood))

    def _say(self, content: str, finish_reason: str = "stop") -> None:
        choice = {
            "index": 0,
            "finish_reason": finish_reason,
            "message": {"role": "assistant", "content": content},
        }
        usage = {"prompt_tokens": 500, "completion_tokens": 50, "total_tokens": 550}
        self._send(
            200,
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": [choice],
                "usage": usage,
            },
        )

    def _send(
        self, status: int, body: Any, content_type: str = "application/json", **headers: str
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": content_type,
            "Content-Length": str(len(data)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def in_a_thread(server: ThreadingHTTPServer) -> Iterator[None]:
    """The server answers while inside."""
    running = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    running.start()
    try:
        yield
    finally:
        server.shutdown()
        running.join()
        server.server_close()


@contextmanager
def llm_server(*moods: Any) -> Iterator[LlmServer]:
    """A server that runs. moods: see LlmServer."""
    server = LlmServer()
    server.moods = list(moods)
    with in_a_thread(server):
        yield server
