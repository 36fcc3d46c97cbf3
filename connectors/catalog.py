"""Every way in from the outside world by its name. A new connector is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

# named, not imported: a connector whose library is not installed must not break the others
SOURCES = {
    "demo": "connectors.demo:demo_day",
    "file": "connectors.files:open_file",
}

Opener = Callable[..., Any]  # an Iterable[Sourced], a Source or a LiveSource, as the connector says


def source(name: str) -> Opener:
    """The function that opens this source. Raises KeyError for a name that is not in SOURCES."""
    module, _, function = SOURCES[name].partition(":")
    opener: Opener = getattr(import_module(module), function)
    return opener
