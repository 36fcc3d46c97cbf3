"""Mastodon: posts from a server's streaming interface, and replies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from connectors.base import ConnectorError, LiveSource, Replier

if TYPE_CHECKING:
    from connectors.mastodon.client import Server


def open_server(url: str | None, token: str | None, *, allow_private: bool) -> Server:
    """Raises ConnectorError where something must be set first."""
    from connectors.mastodon.client import Server

    if not url:
        raise ConnectorError(
            "Mastodon: set EARSHOT_MASTODON_SERVER to your server, such as https://mastodon.social"
        )
    try:
        return Server(url, token, allow_private=allow_private)
    except ValueError as error:
        raise ConnectorError(f"EARSHOT_MASTODON_SERVER: {url} {error}") from None


def open_sources(
    server: Server,
    keywords: Iterable[str],
    handles: Iterable[str],
    *,
    brand: str | None,
    told: Callable[[str], None],
) -> list[LiveSource]:
    """Every public post that the server sees with one of the words or handles, and mentions of the
    token's account.
    """
    from connectors.mastodon.source import Mastodon
    from connectors.wanted import Wanted

    try:
        return [Mastodon(server, Wanted(keywords, handles), brand=brand, told=told)]
    except ValueError as error:
        raise ConnectorError(f"Mastodon: {error}") from None


def open_replier(server: Server) -> Replier:
    """Answers as the token's account. Raises ConnectorError without one."""
    from connectors.mastodon.replies import MastodonReplier

    if not server.has_token:
        raise ConnectorError(
            "Mastodon: set EARSHOT_MASTODON_TOKEN, with the scopes read and write:statuses"
        )
    return MastodonReplier(server)
