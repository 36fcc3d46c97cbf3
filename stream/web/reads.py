"""What the pages ask of the store."""

from __future__ import annotations

from typing import Any, Protocol

from stream.postgres.gauges import Figures
from stream.records import AlertRecord
from stream.store.queries import Totals


class Reads(Protocol):
    """`stream.store.store.Store` in earnest."""

    async def ping(self) -> None: ...
    async def totals(self, brands: frozenset[str] | None = None) -> Totals: ...
    async def figures(self) -> Figures: ...
    async def list_tickets(self, *, limit: int) -> list[dict[str, Any]]: ...
    async def list_alerts(self, *, limit: int) -> list[AlertRecord]: ...
