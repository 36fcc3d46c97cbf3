"""A hub of models on loopback: as much of its HTTP as sending a small model takes."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """What was sent. token: the one that may send."""

    def __init__(self, token):
        self.token, self.created, self.files = token, [], {}


class HubServer(ThreadingHTTPServer):
    def __init__(self, hub):
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub = hub


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(404, {"error": "Repository not found"}, x_error_code="RepoNotFound")

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("authorization") != f"Bearer {self.server.hub.token}":
            self.answer(401, {"error": "Invalid username or password."})
        elif self.path == "/api/repos/create":
            self.create(json.loads(body))
        elif self.path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            self.take_all_as_regular(json.loads(body)["files"])
        elif "/commit/" in self.path:
            self.commit([json.loads(line) for line in body.splitlines()])
        else:
            self.answer(404, {"error": self.path})

    def create(self, request):
        self.server.hub.created.append(request)
        name = f"{request.get('organization', 'me')}/{request['name']}"
        url = f"http://{self.headers['host']}/{name}"
        self.answer(200, {"url": url, "id": name, "name": name})

    def take_all_as_regular(self, files):
        modes = [
            {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in files
        ]
        self.answer(200, {"files": modes})

    def commit(self, operations):
        for operation in operations:
            if operation["key"] == "file":
                file = operation["value"]
                self.server.hub.files[file["path"]] = base64.b64decode(file["content"])
        url = f"http://{self.headers['host']}/me/small/commit/{'0' * 40}"
        self.answer(200, {"success": True, "commitOid": "0" * 40, "commitUrl": url})

    def answer(self, code, payload, **headers):
        body = json.dumps(payload).encode()
        self.send_response(code)
        for name, value in {
            "content-type": "application/json",
            "content-length": len(body),
            **headers,
        }.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def model_hub(token="hub-token"):
    """(address, Hub)."""
    hub = Hub(token)
    server = HubServer(hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", hub
    finally:
        server.shutdown()
        server.server_close()
