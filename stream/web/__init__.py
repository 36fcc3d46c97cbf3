"""What a person sees in a browser and a program asks over HTTP. No model runs in its event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING

import uvicorn

from connectors.webhook import load_hooks
from stream.api_keys import ApiKeys
from stream.database import open_engine
from stream.desk.people import SETUP_MINUTES
from stream.errors import UserError
from stream.incident_answers import Write
from stream.settings import Settings
from stream.web.api.reading import Model, Reading
from stream.web.app import Api, create_web
from stream.web.batcher import Batcher
from stream.web.keyring import KeyRing
from stream.web.outlet import Outlet
from stream.web.parts import desk_parts
from stream.web.sign_on import SignsOn

if TYPE_CHECKING:
    from stream.bootstrap import Parts

__all__ = ["Api", "Server", "create_web", "listen", "serve_web"]


async def serve_web(
    found: Parts, host: str, port: int, *, load: Callable[[], Model], write: Write | None = None
) -> None:
    """Serve until cancelled. load: makes the model; it is made, and run, in a thread of its own.

    write: drafts replies, when a person asks for some.

    Raises UserError when the port is taken.
    """
    settings = found.settings
    hooks = load_hooks(
        settings.hooks, {name: secret.get_secret_value() for name, secret in settings.hook_secrets.items()}
    )
    listening = listen(host, port)
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        model = await asyncio.to_thread(load)
        store = await stack.enter_async_context(found.store())
        engine = open_engine(found.database_url, pool_size=6)
        stack.push_async_callback(engine.dispose)
        batcher = batched(model, stack.enter_context(ThreadPoolExecutor(model.at_once, "model")))
        await stack.enter_async_context(batcher.running())
        ring = KeyRing(ApiKeys(engine).find, rate=settings.api_rate, burst=max(256.0, 2 * settings.api_rate))
        publish = (await stack.enter_async_context(Outlet(found.kafka).open())).publish
        desk = desk_parts(
            engine,
            store,
            ring,
            url=found.database_url,
            reader_url=found.reader_url,
            taxonomy=model.taxonomy,
            publish=publish,
            base_url=settings.base_url,
            lag=found.kafka.lag,
            taught=model.taught,
            write=write,
            provider=_provider(settings),
        )
        await stack.enter_async_context(desk.hub.running())
        api = Api(ring=ring, batcher=batcher, publish=publish, hooks=hooks, taxonomy=model.taxonomy, desk=desk)
        server = Server(configured(create_web(store, api)), leave=desk.hub.end)
        place = f"[{host}]" if ":" in host else host
        listening.listen(socket.SOMAXCONN)  # who reads the address may ask at once
        address = f"http://{place}:{listening.getsockname()[1]}"
        print(f"earshot: {address}", flush=True)
        if code := await desk.people.setup_code():
            told = f"earshot: nobody can log in yet: type {code} into {address}/setup within {SETUP_MINUTES} minutes"
            print(told, flush=True)
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            await serving  # in order, some seconds at most: broken off, it would leave the console's tasks behind


def _provider(settings: Settings) -> SignsOn | None:
    """Of single sign-on, where the settings name one. Raises UserError for what is missing."""
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_client_id is None or settings.oidc_client_secret is None:
        raise UserError("EARSHOT_OIDC_ISSUER needs EARSHOT_OIDC_CLIENT_ID and EARSHOT_OIDC_CLIENT_SECRET beside it")
    try:
        from stream.web.oidc import Client, Provider
    except ModuleNotFoundError:
        raise UserError("EARSHOT_OIDC_ISSUER needs an extra: pip install 'earshot[oidc]'") from None
    secret = settings.oidc_client_secret.get_secret_value()
    return Provider(Client(settings.oidc_issuer, settings.oidc_client_id, secret, settings.oidc_claim))


class Server(uvicorn.Server):
    """leave: called before it waits for requests that are under way, so that endless ones end."""

    def __init__(self, config: uvicorn.Config, leave: Callable[[], None]) -> None:
        super().__init__(config)
        self._leave = leave

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """They are stream.worker.until_signal's."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._leave()
        await super().shutdown(sockets)


def configured(app: object) -> uvicorn.Config:
    """proxy_headers: what a proxy tells of who asks is believed in stream/web/origins.py alone."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # uvicorn's own type of an ASGI application is private
        log_level="warning",
        access_log=False,
        lifespan="on",  # the console starts with it
        ws="websockets-sansio",
        timeout_graceful_shutdown=3,  # seconds; a slow reader of a long answer must not hold the process
        proxy_headers=False,
        server_header=False,
    )


def batched(model: Model, threads: ThreadPoolExecutor) -> Batcher[Reading, str]:
    """Batches for a model that runs in these threads."""

    async def run(readings: list[Reading]) -> Sequence[str]:
        return await asyncio.get_running_loop().run_in_executor(threads, model.read, readings)

    return Batcher(run, runners=model.at_once)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises UserError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only where the protocol is named; else an answer's body waits 40 ms for the
    # acknowledgement of its head.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port") from None
    return listening
