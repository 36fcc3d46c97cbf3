"""SQL page: one read-only statement at a time, noted with the person who ran it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import nicegui.elements.echart  # noqa: F401  its charts are a module that ours imports
from nicegui import ui
from nicegui.events import GenericEventArguments
from sqlalchemy import text

from stream.desk.example_queries import QUESTIONS
from stream.desk.saved_queries import CHARTS, SavedQueries
from stream.desk.sql_box import EXPORTED, PAGE_ROWS, SqlBox
from stream.errors import DatabaseAway
from stream.postgres.database import reachable
from stream.postgres.sql import SECONDS, SqlRefused
from stream.web.auth.callers import Caller
from stream.web.console.acts import guarded, text_of
from stream.web.console.shell import Visit, add_page, say
from stream.web.console.updates import View
from stream.web.desk_services import DeskServices

LONGEST_CELL = 2_000  # characters that are sent to the browser; the file has all of them

_COLUMNS = text("""
    select relname as view, array_agg(attname::text order by attnum) as columns
    from pg_class join pg_attribute on attrelid = pg_class.oid
    where relname = any(array['open_tickets', 'ticket_history', 'sentiment_hourly', 'brand_health',
                              'tickets', 'events', 'alerts', 'incidents', 'replies', 'corrections'])
      and relnamespace = current_schema()::regnamespace and attnum > 0 and not attisdropped
    group by relname, relkind order by relkind desc, relname
""")


class SqlView(View, component="desk_sql.js"):
    """The box in the browser."""


class SqlPage:
    """One browser's questions."""

    def __init__(self, visit: Visit, box: SqlBox) -> None:
        self._visit, self._box = visit, box
        statement = visit.request.query_params.get("q", "")
        self.view = SqlView(
            questions=[list(question) for question in QUESTIONS],
            limits={"seconds": round(SECONDS), "rows": PAGE_ROWS, "exported": EXPORTED},
            statement=statement[:5_000],
            login=visit.caller.name,
            views=[],
            answer=None,
            refused="",
            running=False,
            saved=[],
            keeps=visit.caller.may("agent"),
            leads=visit.caller.may("lead") and visit.caller.brands is None,
            chosen=visit.request.query_params.get("saved", "")[:200],
        )
        self.view.on("ask", self._ask)
        self.view.on("csv", self._csv)
        self._again = asyncio.Event()
        for name, act in (("save", self._save), ("remove", self._remove)):
            self.view.on(name, guarded(visit, self.view, self._again, act, "agent"))

    async def start(self) -> None:
        await self._tell_saved()
        async with reachable(), self._visit.services.engine.connect() as connection:
            rows = await connection.execute(_COLUMNS)
            self.view.tell(views=[{"name": row.view, "columns": list(row.columns)} for row in rows])

    async def _tell_saved(self) -> None:
        saved = await SavedQueries(self._visit.services.engine).list(
            only_of=self._visit.caller.only_own
        )
        self.view.tell(
            saved=[
                {"name": q.name, "statement": q.statement, "chart": q.chart, "by": q.created_by}
                for q in saved
            ]
        )

    async def _save(self, caller: Caller, payload: Any) -> None:
        chart = next((c for c in CHARTS if c == text_of(payload, "chart")), CHARTS[0])
        await SavedQueries(self._visit.services.engine).put(
            text_of(payload, "name"),
            text_of(payload, "statement"),
            chart,
            caller.name,
            leads=caller.may("lead") and caller.brands is None,
        )
        await self._tell_saved()
        say("Saved." if caller.brands is not None else "Saved for everybody.")

    async def _remove(self, caller: Caller, name: Any) -> None:
        await SavedQueries(self._visit.services.engine).remove(
            str(name), caller.name, leads=caller.may("lead") and caller.brands is None
        )
        await self._tell_saved()

    async def _ask(self, event: GenericEventArguments) -> None:
        caller = await self._visit.still()
        if caller is None:
            return
        self.view.tell(running=True, refused="")
        try:
            answer = await self._box.ask(
                caller.name,
                lambda: self._visit.services.reader_url(caller),
                str(event.args),
                bound=caller.brands is not None,
            )
            rows = answer.rows
            self.view.tell(
                answer={
                    "columns": rows.columns,
                    "kinds": rows.kinds,
                    "more": rows.more,
                    "seconds": answer.seconds,
                    "rows": [_cells(row) for row in rows.rows],
                }
            )
        except SqlRefused as refused:
            self.view.tell(refused=str(refused), answer=None)
        except DatabaseAway:
            self.view.tell(
                refused="The database cannot be reached just now; try again.", answer=None
            )
        finally:
            self.view.tell(running=False)

    async def _csv(self, event: GenericEventArguments) -> None:
        caller = await self._visit.still()
        if caller is None:
            return
        self.view.tell(running=True, refused="")
        try:
            file, more = await self._box.csv(
                caller.name,
                lambda: self._visit.services.reader_url(caller),
                str(event.args),
                bound=caller.brands is not None,
            )
            ui.download.content(
                file, f"earshot-{datetime.now(UTC):%Y%m%d-%H%M%S}.csv", "text/csv; charset=utf-8"
            )
            if more:
                say(f"The file holds the first {EXPORTED:,} rows; there are more.")
        except SqlRefused as refused:
            self.view.tell(refused=str(refused))
        except DatabaseAway:
            self.view.tell(refused="The database cannot be reached just now; try again.")
        finally:
            self.view.tell(running=False)


def _cells(row: Sequence[Any]) -> list[Any]:
    return [_cell(value) for value in row]


def _cell(value: Any) -> Any:
    """As JSON holds it; a number that JavaScript would round is its digits."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53:
        return str(value)
    if isinstance(value, list):
        return [_cell(element) for element in value[:200]]
    return value[:LONGEST_CELL] if isinstance(value, str) else value


def add_sql(services: DeskServices) -> None:
    """The page `/sql`."""
    box = SqlBox(services.engine)

    async def build(visit: Visit) -> None:
        await SqlPage(visit, box).start()

    add_page(services, "/sql", "SQL", build)
