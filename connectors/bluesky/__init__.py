"""Bluesky: posts from Jetstream, which is free and keeps a day, and replies."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from connectors.base import ConnectorError, LiveSource, Replier


def open_sources(
    keywords: Iterable[str],
    handles: Iterable[str],
    *,
    brand: str | None,
    jetstream: str | None,
    public: str | None,
    allow_private: bool,
    told: Callable[[str], None],
) -> list[LiveSource]:
    """Every public post with one of the words, or by, to or about one of the handles."""
    from connectors.bluesky.jetstream import SERVERS, Jetstream
    from connectors.bluesky.people import PUBLIC, People
    from connectors.wanted import Wanted

    try:
        wanted = Wanted(keywords, handles)
    except ValueError as error:
        raise ConnectorError(f"Bluesky: {error}") from None
    people = People(host=public or PUBLIC, allow_private=allow_private, told=told)
    servers = (jetstream,) if jetstream else SERVERS
    return [
        Jetstream(
            wanted, people, servers=servers, brand=brand, allow_private=allow_private, told=told
        )
    ]


def open_replier(
    handle: str | None,
    password: str | None,
    *,
    host: str | None,
    public: str | None,
    allow_private: bool,
) -> Replier:
    """Answers as this account. Raises ConnectorError without one."""
    from connectors.bluesky.people import PUBLIC
    from connectors.bluesky.replies import PDS, BlueskyReplier

    if not handle or not password:
        raise ConnectorError(
            "Bluesky: set EARSHOT_BLUESKY_HANDLE and EARSHOT_BLUESKY_PASSWORD (an app password)"
        )
    return BlueskyReplier(
        handle, password, host=host or PDS, public=public or PUBLIC, allow_private=allow_private
    )
