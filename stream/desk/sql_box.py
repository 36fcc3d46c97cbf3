"""The SQL page's question: one statement as the person's own login, and a line in the audit of who
asked what.
"""

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

SHOWN = 500  # rows on the page
EXPORTED = 10_000  # rows of a CSV file
LONGEST = 20_000  # characters of a statement
_AT_ONCE = 4  # questions of all people: each has a connection and its answer in memory


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. seconds: how long it took, connecting included."""

    rows: Rows
    seconds: float


class SqlBox:
    """One question of a person at a time. seconds: what a statement may take."""

    def __init__(self, engine: AsyncEngine, *, seconds: float = SECONDS) -> None:
        self._engine = engine
        self._seconds = seconds
        self._asking: set[str] = set()

    async def ask(
        self, who: str, url: Callable[[], Awaitable[str]], statement: str, *, limit: int = SHOWN
    ) -> Answer:
        """Run it at `url`, the person's own login. Raises SqlRefused, and DatabaseAway."""
        with self._one_at_a_time(who):
            return await self._ask(who, await url(), statement, limit)

    async def csv(
        self, who: str, url: Callable[[], Awaitable[str]], statement: str
    ) -> tuple[bytes, bool]:
        """The same as CSV in UTF-8 that no spreadsheet runs, and whether rows are left out. Raises
        as `ask` does.
        """
        with self._one_at_a_time(who):
            answer = await self._ask(who, await url(), statement, EXPORTED)
        out = io.StringIO(newline="")
        write(answer.rows, "csv", out)
        return out.getvalue().encode(), answer.rows.more

    async def _ask(self, who: str, url: str, statement: str, limit: int) -> Answer:
        if len(statement) > LONGEST:
            raise SqlRefused(f"a statement has {LONGEST:,} characters at most")
        started = time.perf_counter()
        told: dict[str, Any] = {}
        try:
            rows = await run_sql(url, statement, limit=limit, seconds=self._seconds)
            told = {"rows": len(rows.rows)}
            return Answer(rows, time.perf_counter() - started)
        except SqlRefused as refused:
            told = {"refused": storable(str(refused))[:300]}
            raise
        finally:
            seconds = round(time.perf_counter() - started, 3)
            await note(
                self._engine, who, "sql", statement=storable(statement), seconds=seconds, **told
            )

    @contextmanager
    def _one_at_a_time(self, who: str) -> Iterator[None]:
        if who in self._asking:
            raise SqlRefused("your last question is still being answered; wait for it")
        if len(self._asking) >= _AT_ONCE:
            raise SqlRefused("others are asking just now; try again in a few seconds")
        self._asking.add(who)
        try:
            yield
        finally:
            self._asking.discard(who)
