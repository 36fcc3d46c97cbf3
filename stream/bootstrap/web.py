"""Web server with its real parts: the console, the REST interface, and the model behind them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from functools import cache
from typing import Any

from connectors.webhook import load_hooks
from models.replier.draft import Draft, ReplyRequest
from stream.accounts.api_keys import ApiKeys
from stream.accounts.users import SETUP_MINUTES
from stream.bootstrap.controls import CONTROLS_EVERY, FollowedBrands
from stream.bootstrap.duties import every
from stream.bootstrap.llm import llm_figures
from stream.bootstrap.loading import (
    artifact_in_use,
    judge_with,
    load_backend,
    load_brands,
    load_replier,
)
from stream.bootstrap.parts import Parts
from stream.brands import Brands
from stream.controls.defaults import read_defaults
from stream.controls.store import ControlStore
from stream.errors import UserError
from stream.incidents.answers import Write
from stream.monitor.records import TrainingMix
from stream.postgres.database import open_engine
from stream.replies.drafting import with_trades
from stream.settings import Settings
from stream.web.api.model import Model, reader
from stream.web.app import Api, create_web
from stream.web.auth.keyring import KeyRing
from stream.web.auth.sign_on import IdentityProvider
from stream.web.desk_services import desk_services
from stream.web.lazy_publisher import LazyPublisher
from stream.web.server import Server, batched, configured, listen


async def serve_console(parts: Parts, host: str, port: int) -> None:
    """Serve the console and the REST interface until cancelled.

    Raises UserError when the port is taken.
    """
    settings = parts.settings
    secrets = {name: secret.get_secret_value() for name, secret in settings.hook_secrets.items()}
    hooks = load_hooks(settings.hooks, secrets)
    listening = listen(host, port)
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        brands = await asyncio.to_thread(load_brands, settings)
        model = await asyncio.to_thread(load_model, settings, brands)
        store = await stack.enter_async_context(parts.store())
        engine = open_engine(parts.database_url, pool_size=6)
        stack.push_async_callback(engine.dispose)
        batcher = batched(
            model, stack.enter_context(ThreadPoolExecutor(model.concurrency, "model"))
        )
        await stack.enter_async_context(batcher.running())
        defaults = await asyncio.to_thread(read_defaults, settings)
        followed = FollowedBrands(ControlStore(engine).stored, defaults, brands)
        await stack.enter_async_context(_running(every(CONTROLS_EVERY, followed.look)))
        ring = KeyRing(
            ApiKeys(engine).find, rate=settings.api_rate, burst=max(256.0, 2 * settings.api_rate)
        )
        publish = (await stack.enter_async_context(LazyPublisher(parts.kafka).open())).publish
        desk = desk_services(
            engine,
            store.queries,
            ring,
            url=parts.database_url,
            reader_url=parts.reader_url,
            taxonomy=model.taxonomy,
            publish=publish,
            base_url=settings.base_url,
            proxies=settings.trusted_proxies,
            lag=parts.kafka.lag,
            training_mix=model.training_mix,
            write=_writer(settings),
            provider=_provider(settings),
            defaults=defaults,
            send_delay=timedelta(seconds=settings.send_delay),
        )
        await stack.enter_async_context(desk.hub.running())
        api = Api(
            ring=ring,
            batcher=batcher,
            publish=publish,
            hooks=hooks,
            taxonomy=model.taxonomy,
            desk=desk,
            collectors=model.collectors,
        )
        server = Server(configured(create_web(store.queries, api)), leave=desk.hub.end)
        listening.listen(socket.SOMAXCONN)  # before the address is printed
        address = _address(host, listening.getsockname()[1])
        print(f"earshot: {address}", flush=True)
        if code := await desk.people.setup_code():
            print(
                f"earshot: nobody can log in yet: type {code} into {address}/setup"
                f" within {SETUP_MINUTES} minutes",
                flush=True,
            )
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            # In order, some seconds at most: cancelled, it would leave the console's tasks behind.
            await serving


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def _running(duty: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """The duty runs beside what is done within."""
    running = asyncio.ensure_future(duty)
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def load_model(settings: Settings, brands: Brands) -> Model:
    """The model that answers requests, which judges as a worker does. Raises ArtifactError."""
    # Requests come in small batches, of which two on a core each take less time than two on both
    # cores. A language model limits its own concurrency.
    concurrency = 1 if settings.backend == "llm" else settings.threads
    analyzer = load_backend(settings, threads=1)
    read = reader(judge_with(settings, analyzer, brands), analyzer.version)
    artifact = artifact_in_use(settings)
    mix = TrainingMix(artifact.version, artifact.mix.get("sentiment", {}))
    return Model(read, analyzer.taxonomy, mix, concurrency, llm_figures(analyzer))


def _writer(settings: Settings) -> Write:
    """Drafts replies with a model that is loaded when the first one is asked for."""
    loaded = cache(lambda: (load_replier(settings), load_brands(settings)))

    def write(requests: Sequence[ReplyRequest], lately: Collection[str]) -> Sequence[Draft]:
        replier, brands = loaded()
        drafts: Sequence[Draft] = replier(with_trades(requests, brands), recent=lately)
        return drafts

    return write


def _provider(settings: Settings) -> IdentityProvider | None:
    """The provider of single sign-on, where the settings name one. Raises UserError."""
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_client_id is None or settings.oidc_client_secret is None:
        raise UserError(
            "EARSHOT_OIDC_ISSUER needs EARSHOT_OIDC_CLIENT_ID and"
            " EARSHOT_OIDC_CLIENT_SECRET beside it"
        )
    try:
        from stream.web.auth.oidc import Client, Provider
    except ModuleNotFoundError:
        raise UserError("EARSHOT_OIDC_ISSUER needs an extra: pip install 'earshot[oidc]'") from None
    secret = settings.oidc_client_secret.get_secret_value()
    return Provider(Client(settings.oidc_issuer, settings.oidc_client_id, secret))
