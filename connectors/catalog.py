"""Every way in from the outside world and every way to answer, by name. A new connector is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

# named, not imported: a connector whose library is not installed must not break the others
SOURCES = {
    "demo": "connectors.demo:demo_day",
    "file": "connectors.files:open_file",
}
REPLIERS = {
    "file": "connectors.outbox:open_file",
}

Opener = Callable[..., Any]  # an Iterable[Sourced], a Source or a LiveSource, as the connector says


def source(name: str) -> Opener:
    """The function that opens this source. Raises KeyError for a name that is not in SOURCES."""
    return _opener(SOURCES[name])


def replier(name: str) -> Opener:
    """The function that opens this way to answer (a Replier). Raises KeyError for a name that is not in REPLIERS."""
    return _opener(REPLIERS[name])


def _opener(named: str) -> Opener:
    module, _, function = named.partition(":")
    opener: Opener = getattr(import_module(module), function)
    return opener
