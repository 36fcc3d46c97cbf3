"""The live networks of the settings: what to listen to, and who answers. Nothing is connected
before it is used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from connectors import mastodon as mastodon_network
from connectors import x as x_network
from connectors.base import ConnectorError, LiveSource, Replier
from connectors.catalog import replier, source
from connectors.x.costs import Ledger, Meter, Reached
from stream.brands import Brands
from stream.errors import UserError
from stream.settings import Settings

if TYPE_CHECKING:
    from connectors.mastodon.client import Server
    from connectors.x.client import Api

LIVE = ("x", "bluesky", "mastodon", "imap")


@dataclass(frozen=True, slots=True)
class Wish:
    """What to listen for. brand: what its events are called; None: whatever brand they name."""

    keywords: tuple[str, ...] = ()
    handles: tuple[str, ...] = ()
    brand: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Whom the networks tell: `line` for an operator, `reached` when a budget is spent."""

    line: Callable[[str], None] = field(default=lambda line: None)
    reached: Callable[[Reached], None] = field(default=lambda reached: None)


def wish(
    brands: Brands, network: str, brand: str | None, keywords: Iterable[str], handles: Iterable[str]
) -> Wish:
    """The brand's own words and handles, and those that are given. Raises UserError where there is
    nothing.
    """
    words, names = tuple(keywords), tuple(handle.lstrip("@") for handle in handles)
    if network == "imap":
        return _everything(brands, brand, (*words, *names))
    if brand is None:
        if not words and not names:
            raise UserError(
                f"say what to listen for: `earshot ingest {network} --keyword delta`, --handle or --brand"
            )
        return Wish(words, names)
    known = brands.get(brand)
    if known is None and not words and not names:
        raise UserError(f"there is no brand {brand!r}; see EARSHOT_BRANDS, or give --keyword")
    if known is not None and not known.listens_on(network):
        raise UserError(
            f"{known.name} does not listen on {network}; see `networks` in EARSHOT_BRANDS"
        )
    if known is not None:
        words, names = (*known.words, *words), (*known.handles, *names)
    return Wish(words, names, known.name if known else brand)


def _everything(brands: Brands, brand: str | None, words: tuple[str, ...]) -> Wish:
    """A mailbox is read whole: whoever writes there means the brand."""
    if words:
        raise UserError("a mailbox is read whole: leave --keyword and --handle out")
    if brand is not None and brands.get(brand) is None:
        raise UserError(f"there is no brand {brand!r}; see EARSHOT_BRANDS")
    known = brands.get(brand) if brand is not None else None
    return Wish(brand=known.name if known else None)


@asynccontextmanager
async def listening_to(
    settings: Settings, network: str, wanted: Wish, ledger: Ledger, told: Told
) -> AsyncIterator[list[LiveSource]]:
    """The sources of a network, one of LIVE. Raises ConnectorError where something must be set
    first.
    """
    private, open_sources = settings.allow_private_addresses, source(network)
    async with AsyncExitStack() as stack:
        if network == "x":
            api = _x(settings)
            stack.push_async_callback(api.close)
            yield open_sources(
                api,
                _meter(settings, wanted.brand or "", ledger, told, api),
                wanted.keywords,
                wanted.handles,
                brand=wanted.brand,
                listen=settings.x_listen,
                poll_seconds=settings.x_poll_seconds,
                sample=settings.x_sample,
                told=told.line,
            )
        elif network == "bluesky":
            yield open_sources(
                wanted.keywords,
                wanted.handles,
                brand=wanted.brand,
                jetstream=settings.bluesky_jetstream,
                public=settings.bluesky_public,
                allow_private=private,
                told=told.line,
            )
        elif network == "imap":
            yield open_sources(
                settings.imap_host,
                settings.imap_username,
                _plain(settings.imap_password),
                port=settings.imap_port,
                encryption=settings.imap_encryption,
                mailbox=settings.imap_mailbox,
                days=settings.imap_days,
                poll_seconds=settings.imap_poll_seconds,
                brand=wanted.brand,
                told=told.line,
            )
        else:
            server = _mastodon(settings)
            stack.push_async_callback(server.close)
            yield open_sources(
                server, wanted.keywords, wanted.handles, brand=wanted.brand, told=told.line
            )


def open_replier(
    settings: Settings, network: str, ledger: Ledger, *, brand: str = "", outbox: bool = True
) -> Replier:
    """Who answers on this network: the file of EARSHOT_OUTBOX where it is set (and `outbox`), else
    the account.

    brand: whose budget the costs count for. Raises ConnectorError where something must be set
    first.
    """
    if outbox and settings.outbox is not None:
        return _opened(replier("file")(Path(settings.outbox).expanduser()))
    private = settings.allow_private_addresses
    if network == "x":
        api = _x(settings)
        return _opened(replier("x")(api, _meter(settings, brand, ledger, Told(), api)))
    if network == "bluesky":
        return _opened(
            replier("bluesky")(
                settings.bluesky_handle,
                _plain(settings.bluesky_password),
                host=settings.bluesky_host,
                public=settings.bluesky_public,
                allow_private=private,
            )
        )
    if network == "mastodon":
        return _opened(replier("mastodon")(_mastodon(settings)))
    raise ConnectorError(
        f"nobody can answer on {network}; set EARSHOT_OUTBOX to collect its replies in a file"
    )


def _opened(found: Replier) -> Replier:
    return found


def _x(settings: Settings) -> Api:
    keys = (
        "bearer_token",
        "consumer_key",
        "consumer_secret",
        "access_token",
        "access_token_secret",
    )
    return x_network.open_api(
        {name: _plain(getattr(settings, f"x_{name}")) for name in keys},
        host=settings.x_api,
        allow_private=settings.allow_private_addresses,
    )


def _meter(settings: Settings, brand: str, ledger: Ledger, told: Told, api: Api) -> Meter:
    return Meter(
        brand,
        ledger,
        budget=settings.x_daily_budget,
        on_budget=settings.x_on_budget,
        now=api.clock,
        reached=told.reached,
    )


def _mastodon(settings: Settings) -> Server:
    return mastodon_network.open_server(
        settings.mastodon_server,
        _plain(settings.mastodon_token),
        allow_private=settings.allow_private_addresses,
    )


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None
