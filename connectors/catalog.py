"""Catalog of connectors by name. A new connector is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from connectors.network import Network

# Named, not imported: a connector whose library is not installed must not break the others.
NETWORKS = {
    "x": "connectors.x:XNetwork",
    "bluesky": "connectors.bluesky:BlueskyNetwork",
    "mastodon": "connectors.mastodon:MastodonNetwork",
    "imap": "connectors.imap:ImapNetwork",
}
SOURCES = {
    "demo": "connectors.demo:demo_day",
    "file": "connectors.files:open_file",
}
REPLIERS = {
    "file": "connectors.outbox:open_file",
}
SINKS = {
    "email": "connectors.email_out:open_sink",
    "pagerduty": "connectors.pagerduty:open_sink",
    "slack": "connectors.slack:open_sink",
    "teams": "connectors.teams:open_sink",
    "webhook": "connectors.webhook_out:open_sink",
}

Opener = Callable[..., Any]  # makes an Iterable[SourcedEvent], a Source, a Replier or a Sink


def network(name: str) -> type[Network]:
    """The class of a live network. Raises KeyError for a name that is not in NETWORKS."""
    network_class: type[Network] = _imported(NETWORKS[name])
    return network_class


def source(name: str) -> Opener:
    """The function that opens a source that ends. Raises KeyError for a name not in SOURCES."""
    opener: Opener = _imported(SOURCES[name])
    return opener


def replier(name: str) -> Opener:
    """The function that opens a Replier. Raises KeyError for a name not in REPLIERS."""
    opener: Opener = _imported(REPLIERS[name])
    return opener


def sink(name: str) -> Opener:
    """The function that opens a Sink for alerts. Raises KeyError for a name not in SINKS."""
    opener: Opener = _imported(SINKS[name])
    return opener


def inputs() -> list[str]:
    """The names of every way in."""
    return sorted({*SOURCES, *NETWORKS})


def outputs() -> list[str]:
    """The names of every way to answer."""
    return sorted({*REPLIERS, *(name for name in NETWORKS if network(name).can_answer())})


def _imported(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
