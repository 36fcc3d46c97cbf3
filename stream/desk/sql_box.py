"""SQL page's question: one read-only statement of a person, noted in the audit."""

from __future__ import annotations

import io
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from stream.accounts.audit import note
from stream.postgres.database import storable
from stream.postgres.sql import SECONDS, Rows, SqlRefused, run_sql, write

PAGE_ROWS = 500  # rows on the page
EXPORTED = 10_000  # rows of a CSV file
PAGE_BYTES = 4_000_000  # of an answer on the page
EXPORTED_BYTES = 32_000_000  # of one for a file
LONGEST = 20_000  # characters of a statement
_CONCURRENCY = 4  # questions of all people: each has a connection and its answer in memory


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows. seconds: how long the statement took, connecting included."""

    rows: Rows
    seconds: float


class SqlBox:
    """One question of a person at a time. seconds: what a statement may take."""

    def __init__(self, engine: AsyncEngine, *, seconds: float = SECONDS) -> None:
        self._engine = engine
        self._seconds = seconds
        self._busy: set[str] = set()

    async def ask(
        self,
        actor: str,
        url: Callable[[], Awaitable[str]],
        statement: str,
        *,
        limit: int = PAGE_ROWS,
        bound: bool = False,
    ) -> Answer:
        """Run it at `url`, the person's login. Raises SqlRefused, and DatabaseAway.

        bound: whether the person is bound to brands.
        """
        with self._one_at_a_time(actor):
            return await self._ask(actor, await url(), statement, limit, PAGE_BYTES, bound=bound)

    async def csv(
        self,
        actor: str,
        url: Callable[[], Awaitable[str]],
        statement: str,
        *,
        bound: bool = False,
    ) -> tuple[bytes, bool]:
        """The same as CSV in UTF-8 that no spreadsheet runs, and whether rows are left out.

        Raises as `ask` does.
        """
        with self._one_at_a_time(actor):
            answer = await self._ask(
                actor, await url(), statement, EXPORTED, EXPORTED_BYTES, bound=bound
            )
        out = io.StringIO(newline="")
        write(answer.rows, "csv", out)
        return out.getvalue().encode(), answer.rows.more

    async def _ask(
        self, actor: str, url: str, statement: str, limit: int, max_bytes: int, *, bound: bool
    ) -> Answer:
        if len(statement) > LONGEST:
            raise SqlRefused(f"a statement has {LONGEST:,} characters at most")
        started = time.perf_counter()
        outcome: dict[str, Any] = {}
        try:
            rows = await run_sql(
                url, statement, limit=limit, seconds=self._seconds, max_bytes=max_bytes, bound=bound
            )
            outcome = {"rows": len(rows.rows)}
            return Answer(rows, time.perf_counter() - started)
        except SqlRefused as refused:
            outcome = {"refused": storable(str(refused))[:300]}
            raise
        finally:
            seconds = round(time.perf_counter() - started, 3)
            await note(
                self._engine,
                actor,
                "sql",
                statement=storable(statement),
                seconds=seconds,
                **outcome,
            )

    @contextmanager
    def _one_at_a_time(self, actor: str) -> Iterator[None]:
        if actor in self._busy:
            raise SqlRefused("your last question is still being answered; wait for it")
        if len(self._busy) >= _CONCURRENCY:
            raise SqlRefused("others are asking just now; try again in a few seconds")
        self._busy.add(actor)
        try:
            yield
        finally:
            self._busy.discard(actor)
