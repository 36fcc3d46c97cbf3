"""Whether a base can be had at all, asked before torch is loaded: folder, cache, reachable hub."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

from models.registry import SHIPPED
from models.training.errors import TrainingError
from models.training.recipes import MINILM

PATIENCE = 1.5  # seconds for the hub to take a connection
_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


class NoBase(TrainingError):
    """No folder, no cache and no hub gives the base."""


def check_base(name: str) -> None:
    """Raises NoBase, within two seconds, for a name that only a hub could give that is away."""
    if name in (MINILM, SHIPPED) or Path(name).expanduser().exists() or is_cached(name):
        return
    if not is_reachable():
        raise NoBase(
            f"{name}: there is no such folder, it is not in the cache and no hub can be reached;"
            f' base = "{MINILM}" comes with the package'
        )


def is_cached(name: str) -> bool:
    """Whether an earlier run left the hub's model here."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    return (cache / f"models--{name.replace('/', '--')}").is_dir()


def is_reachable(seconds: float = PATIENCE) -> bool:
    """Whether the hub takes a connection. Behind a proxy only the proxy could tell: True."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    if any(os.environ.get(name) for name in _PROXIES):
        return True
    address = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    port = address.port or (80 if address.scheme == "http" else 443)
    is_open = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection((address.hostname or "", port), timeout=seconds).close()
        except OSError:
            return
        is_open.set()

    # In a thread: looking a name up knows no time limit.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(seconds)
    return is_open.is_set()
