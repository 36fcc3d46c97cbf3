"""Live networks: the query of a brand, the open sources, and the replier of a network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from connectors.base import ConnectorError, LiveSource, Replier
from connectors.catalog import NETWORKS, network, replier
from connectors.network import Context, ListenQuery, Network
from stream.brands import Brands
from stream.errors import UserError


def listen_query(
    brands: Brands, name: str, brand: str | None, keywords: Iterable[str], handles: Iterable[str]
) -> ListenQuery:
    """The brand's own words and handles on the network `name`, and those that are given.

    Raises UserError where there is nothing to listen for.
    """
    words, accounts = tuple(keywords), tuple(handle.lstrip("@") for handle in handles)
    known = brands.get(brand) if brand is not None else None
    if not network(name).is_filtered:
        if brand is not None and known is None:
            raise UserError(f"there is no brand {brand!r}; see EARSHOT_BRANDS")
        return ListenQuery(words, accounts, known.name if known else None)
    if known is not None:
        if not known.listens_on(name):
            raise UserError(
                f"{known.name} does not listen on {name}; see `networks` in EARSHOT_BRANDS"
            )
        return ListenQuery((*known.words, *words), (*known.handles, *accounts), known.name)
    if words or accounts:
        return ListenQuery(words, accounts, brand)
    if brand is not None:
        raise UserError(f"there is no brand {brand!r}; see EARSHOT_BRANDS, or give --keyword")
    raise UserError(
        f"say what to listen for: `earshot ingest {name} --keyword delta`, --handle or --brand"
    )


@asynccontextmanager
async def open_sources(
    settings: Network, query: ListenQuery, context: Context
) -> AsyncIterator[list[LiveSource]]:
    """The sources of a network, closed at the end. Raises ConnectorError as they do."""
    sources = settings.open_sources(query, context)
    try:
        yield sources
    finally:
        for source in sources:
            await source.close()


def open_replier(
    name: str, context: Context, *, brand: str = "", outbox: Path | None = None
) -> Replier:
    """The way to answer on a network: the file `outbox` where there is one, else the account.

    brand: its budget bears the costs. Raises ConnectorError when a setting is missing.
    """
    if outbox is not None:
        file_replier: Replier = replier("file")(outbox.expanduser())
        return file_replier
    if name not in NETWORKS or not network(name).can_answer():
        raise ConnectorError(
            f"nobody can answer on {name}; set EARSHOT_OUTBOX to collect its replies in a file"
        )
    return network(name).from_environment().open_replier(brand, context)
