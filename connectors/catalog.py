"""Every way in from the outside world and every way to answer, by name. A new connector is a file
and a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

# named, not imported: a connector whose library is not installed must not break the others
SOURCES = {
    "demo": "connectors.demo:demo_day",
    "file": "connectors.files:open_file",
    "x": "connectors.x:open_sources",
    "bluesky": "connectors.bluesky:open_sources",
    "mastodon": "connectors.mastodon:open_sources",
    "imap": "connectors.imap:open_sources",
}
REPLIERS = {
    "file": "connectors.outbox:open_file",
    "x": "connectors.x:open_replier",
    "bluesky": "connectors.bluesky:open_replier",
    "mastodon": "connectors.mastodon:open_replier",
}
SINKS = {
    "email": "connectors.email_out:open_sink",
    "pagerduty": "connectors.pagerduty:open_sink",
    "slack": "connectors.slack:open_sink",
    "teams": "connectors.teams:open_sink",
    "webhook": "connectors.webhook_out:open_sink",
}

Opener = Callable[
    ..., Any
]  # an Iterable[Sourced], a Source, LiveSources or a Replier, as the connector says


def source(name: str) -> Opener:
    """The function that opens this source. Raises KeyError for a name that is not in SOURCES."""
    return _opener(SOURCES[name])


def replier(name: str) -> Opener:
    """The function that opens this way to answer (a Replier). Raises KeyError for a name that is
    not in REPLIERS.
    """
    return _opener(REPLIERS[name])


def sink(name: str) -> Opener:
    """The function that opens this way out for alerts (an OpenSink). Raises KeyError for a name not
    in SINKS.
    """
    return _opener(SINKS[name])


def _opener(named: str) -> Opener:
    module, _, function = named.partition(":")
    opener: Opener = getattr(import_module(module), function)
    return opener
