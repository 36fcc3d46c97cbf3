"""What a person sees in a browser: the queue, live enough to watch. No model runs here."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import uvicorn

from stream.errors import UserError
from stream.web.app import create_web

if TYPE_CHECKING:
    from stream.bootstrap import Parts

__all__ = ["create_web", "serve_web"]


async def serve_web(found: Parts, host: str, port: int) -> None:
    """Serve until cancelled. Raises UserError when the port is taken."""
    listening = _listen(host, port)
    async with found.store() as store:
        print(f"earshot: http://{host}:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(create_web(store), log_level="warning", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        try:
            await server.serve(sockets=[listening])
        finally:
            server.should_exit = True
            listening.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port") from None
    return listening
