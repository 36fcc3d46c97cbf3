"""What the pages ask of the store."""

from __future__ import annotations

from typing import Protocol

from stream.postgres.gauges import Figures
from stream.store.queries import Totals


class Reads(Protocol):
    """`stream.store.queries.Queries` in earnest."""

    async def ping(self) -> None: ...
    async def totals(self, brands: frozenset[str] | None = None) -> Totals: ...
    async def figures(self) -> Figures: ...
