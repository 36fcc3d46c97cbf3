"""Every way in from the outside world by its name. A new connector is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from connectors.base import LiveSource, Source

# named, not imported: a connector whose library is not installed must not break the others
SOURCES = {
    "file": "connectors.files:open_file",
}


def source(name: str) -> Callable[..., Source | LiveSource]:
    """The function that opens this source. Raises KeyError for a name that is not in SOURCES."""
    module, _, function = SOURCES[name].partition(":")
    opened: Callable[..., Source | LiveSource] = getattr(import_module(module), function)
    return opened
