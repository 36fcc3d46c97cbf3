"""What the pages ask of the store."""

from __future__ import annotations

from typing import Any, Protocol

from stream.figures import Figures
from stream.queries import Totals
from stream.records import AlertRecord


class Reads(Protocol):
    """`stream.store.Store` in earnest."""

    async def ping(self) -> None: ...
    async def totals(self, brands: frozenset[str] | None = None) -> Totals: ...
    async def figures(self) -> Figures: ...
    async def list_tickets(self, *, limit: int) -> list[dict[str, Any]]: ...
    async def list_alerts(self, *, limit: int) -> list[AlertRecord]: ...
