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


@contextmanager
def model_hub(token="hub-token"):
    """(address, Hub)."""
    hub = Hub(token)

    class Handler(BaseHTTPRequestHandler):
        def answer(self, code, told, **headers):
            body = json.dumps(told).encode()
            self.send_response(code)
            for name, value in {
                "content-type": "application/json",
                "content-length": len(body),
                **headers,
            }.items():
                self.send_header(name.replace("_", "-"), str(value))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.answer(404, {"error": "Repository not found"}, x_error_code="RepoNotFound")

        do_HEAD = do_GET

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.headers.get("authorization") != f"Bearer {hub.token}":
                self.answer(401, {"error": "Invalid username or password."})
            elif self.path == "/api/repos/create":
                told = json.loads(body)
                hub.created.append(told)
                name = f"{told.get('organization', 'me')}/{told['name']}"
                self.answer(
                    200, {"url": f"http://{self.headers['host']}/{name}", "id": name, "name": name}
                )
            elif self.path == "/api/validate-yaml":
                self.answer(200, {"errors": [], "warnings": []})
            elif "/preupload/" in self.path:
                asked = json.loads(body)["files"]
                modes = [
                    {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for one in asked
                ]
                self.answer(200, {"files": modes})
            elif "/commit/" in self.path:
                for line in body.splitlines():
                    told = json.loads(line)
                    if told["key"] == "file":
                        hub.files[told["value"]["path"]] = base64.b64decode(
                            told["value"]["content"]
                        )
                commit = f"http://{self.headers['host']}/me/small/commit/{'0' * 40}"
                self.answer(200, {"success": True, "commitOid": "0" * 40, "commitUrl": commit})
            else:
                self.answer(404, {"error": self.path})

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", hub
    finally:
        server.shutdown()
        server.server_close()
