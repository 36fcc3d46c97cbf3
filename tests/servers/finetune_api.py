"""A small service that speaks OpenAI's files, fine-tuning jobs and chat completions.

Its models learn by heart: a tuned one answers as the example whose words are most like the message.
A job goes one step on each time that somebody looks at it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from llm_server import in_a_thread

FEWEST = 10


class TuningServer(ThreadingHTTPServer):
    """steps: of each job. moods: what goes wrong once, by its name. key: that it takes, if any."""

    daemon_threads = True

    def __init__(self, steps: int, key: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.steps, self.key = steps, key
        self.moods: list[str] = []
        self.requests: list[str] = []
        self.files: dict[str, list[dict[str, Any]]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.tells_in_words = False  # the loss stands in the message alone
        self.loses_answers = False  # of what is started

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def events(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """The latest first."""
        events = [_event(0, "Validating training file")]
        for step in range(1, job["at"] + 1):
            loss = 4.0 * math.exp(-step / 3)
            words = f"Step {step}/{self.steps}: training loss={loss:.4f}"
            data = {"step": step, "train_loss": loss, "total_steps": self.steps}
            if step == self.steps:
                data["valid_loss"] = loss + 0.1
            events.append(_event(step, words, None if self.tells_in_words else data))
        return events[::-1]


def _event(number: int, message: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "object": "fine_tuning.job.event",
        "id": f"ftevent-{number}",
        "created_at": number,
        "level": "info",
        "message": message,
        "type": "message" if data is None else "metrics",
        "data": data,
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: TuningServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        if not self._may(path):
            return
        if path == "/v1/files":
            self._upload(body)
        elif path == "/v1/fine_tuning/jobs":
            self._start(json.loads(body))
        elif path.endswith("/cancel"):
            job = self.server.jobs[path.split("/")[-2]]
            job["status"] = "cancelled"
            self._send(200, _public(job))
        elif path == "/v1/chat/completions":
            self._complete(json.loads(body))
        else:
            self._refuse(404, "there is no such address")

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if not self._may(path):
            return
        if path == "/v1/fine_tuning/jobs":
            jobs = [_public(job) for job in self.server.jobs.values()][::-1]
            self._send(200, {"object": "list", "data": jobs, "has_more": False})
            return
        parts = path.removeprefix("/v1/fine_tuning/jobs/").split("/")
        job = self.server.jobs.get(parts[0])
        if job is None:
            self._refuse(404, "there is no such job")
        elif parts[1:] == ["events"]:
            self._tell(job, query)
        else:
            self._advance(job)
            self._send(200, _public(job))

    def _may(self, path: str) -> bool:
        self.server.requests.append(f"{self.command} {path}")
        key = self.server.key
        if key is not None and self.headers.get("Authorization") != f"Bearer {key}":
            self._refuse(401, "wrong key")
            return False
        mood = self.server.moods.pop(0) if self.server.moods else ""
        if mood == "hang up":
            self.close_connection = True
            self.connection.close()
        elif mood:
            self._refuse(int(mood), "not now")
        return not mood

    def _upload(self, body: bytes) -> None:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = {
            str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
            for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
        }
        assert form["purpose"] == b"fine-tune"
        rows = [json.loads(line) for line in bytes(form["file"]).splitlines()]
        id = f"file-{len(self.server.files) + 1}"
        self.server.files[id] = rows
        self._send(
            200,
            {
                "id": id,
                "object": "file",
                "bytes": len(form["file"]),
                "created_at": 1,
                "filename": "x.jsonl",
                "purpose": "fine-tune",
                "status": "processed",
            },
        )

    def _start(self, wish: dict[str, Any]) -> None:
        rows = self.server.files.get(wish["training_file"], [])
        if len(rows) < FEWEST:
            self._refuse(400, f"training_file has {len(rows)} examples; it takes {FEWEST}")
            return
        id = f"ftjob-{len(self.server.jobs) + 1}"
        self.server.jobs[id] = {"id": id, "status": "running", "at": 0, "wish": wish}
        if self.server.loses_answers:
            self.close_connection = True
            self.connection.close()
            return
        self._send(200, _public(self.server.jobs[id]))

    def _advance(self, job: dict[str, Any]) -> None:
        if job["status"] == "running":
            job["at"] += 1
            if job["at"] >= self.server.steps:
                job["status"] = "succeeded"
                job["model"] = f"ft:{job['wish']['model']}:1"

    def _tell(self, job: dict[str, Any], query: dict[str, list[str]]) -> None:
        events = self.server.events(job)
        if after := query.get("after"):
            ids = [event["id"] for event in events]
            events = events[ids.index(after[0]) + 1 :]
        page = events[: min(3, int(query.get("limit", ["20"])[0]))]
        more = len(page) < len(events)
        self._send(200, {"object": "list", "data": page, "has_more": more})

    def _complete(self, wish: dict[str, Any]) -> None:
        tuned = [job for job in self.server.jobs.values() if job.get("model") == wish["model"]]
        if not tuned:
            self._refuse(404, f"the model {wish['model']} does not exist")
            return
        said = _words(wish["messages"][-1]["content"])
        examples = self.server.files[tuned[0]["wish"]["training_file"]]
        nearest = max(examples, key=lambda row: len(said & _words(row["messages"][1]["content"])))
        message = {"role": "assistant", "content": nearest["messages"][2]["content"]}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        self._send(
            200,
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": wish["model"],
                "choices": [choice],
            },
        )

    def _refuse(self, status: int, message: str) -> None:
        self._send(status, {"error": {"message": message, "type": "invalid_request_error"}})

    def _send(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


def _words(text: str) -> set[str]:
    return set(text.lower().split())


def _public(job: dict[str, Any]) -> dict[str, Any]:
    wish = job["wish"]
    return {
        "id": job["id"],
        "object": "fine_tuning.job",
        "created_at": 1,
        "model": wish["model"],
        "status": job["status"],
        "fine_tuned_model": job.get("model"),
        "training_file": wish["training_file"],
        "validation_file": wish.get("validation_file"),
        "hyperparameters": wish.get("hyperparameters", {}),
        "organization_id": "org",
        "result_files": [],
        "seed": 1,
        "error": job.get("error"),
    }


@contextmanager
def tuning_server(steps: int = 7, key: str | None = None) -> Iterator[TuningServer]:
    server = TuningServer(steps, key)
    with in_a_thread(server):
        yield server
