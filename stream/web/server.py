"""HTTP server: its socket, its limits, and the batches of the model."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import uvicorn

from connectors.events import TextEvent
from stream.errors import UserError
from stream.web.api.model import Model
from stream.web.batcher import Batcher
from stream.web.http.connection import IDLE_SECONDS, Door
from stream.web.http.edge import LARGEST_BODY


class Server(uvicorn.Server):
    """leave: called before it waits for running requests, so that endless ones end."""

    def __init__(self, config: uvicorn.Config, leave: Callable[[], None]) -> None:
        super().__init__(config)
        self._leave = leave

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """They are stream.bootstrap.stopping.until_signal's."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._leave()
        await super().shutdown(sockets)


def configured(app: object) -> uvicorn.Config:
    """proxy_headers: off, as stream/web/http/origins.py alone believes a proxy's headers."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # uvicorn's own type of an ASGI application is private
        log_level="warning",
        access_log=False,
        lifespan="on",  # the console starts with it
        http=Door().opened,  # type: ignore[arg-type]  # a class to uvicorn, which only calls it
        timeout_keep_alive=IDLE_SECONDS,
        ws="websockets-sansio",
        ws_max_size=LARGEST_BODY,
        # seconds; a slow reader of a long answer must not hold the process
        timeout_graceful_shutdown=3,
        proxy_headers=False,
        server_header=False,
    )


def batched(model: Model, threads: ThreadPoolExecutor) -> Batcher[TextEvent, str]:
    """Batches for a model that runs in these threads."""

    async def run(readings: list[TextEvent]) -> Sequence[str]:
        return await asyncio.get_running_loop().run_in_executor(threads, model.read, readings)

    return Batcher(run, runners=model.concurrency)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises UserError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only where the protocol is named; else an answer's body
    # waits 40 ms for the acknowledgement of its head.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise UserError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --port"
        ) from None
    return listening
