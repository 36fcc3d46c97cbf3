"""`/v1/export`: tickets, messages or alerts as CSV or Parquet, streamed in constant memory."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable, storable
from stream.postgres.sql import harmless
from stream.web.auth.callers import Viewer
from stream.web.desk_services import Services
from stream.web.http.problems import documented, refusal
from stream.web.http.streamed import Streamed

Table = Literal["tickets", "events", "alerts"]
Form = Literal["csv", "parquet"]

LONGEST = 900.0  # seconds that one may take
CHUNK = 64 * 1024  # bytes
ROWS = 200  # that are fetched at once


def _names(columns: str) -> tuple[str, ...]:
    return tuple(columns.split())


# The columns of each file, in order; stream/README.md says what they hold.
COLUMNS: Mapping[Table, tuple[str, ...]] = {
    "tickets": _names("""
        id network brand author level priority state owner topic problem sentiment
        dissatisfaction needs_look messages excerpt tags first_at last_inbound_at received_at
        answered_at sla_due_at snoozed_until created_at updated_at version unread_language
    """),
    "events": _names("""
        id revision kind network conversation direction author brand language text occurred_at
        received_at sentiment severity dissatisfaction topic problem abstained model_version
    """),
    "alerts": _names("""
        id kind brand topic ticket_id severity started_at peak_at ended_at recovered_at
        acknowledged_by acknowledged_at snoozed_by snoozed_until created_at version
    """),
}
_BY: Mapping[Table, str] = {
    "tickets": "received_at",
    "events": "occurred_at",
    "alerts": "created_at",
}


def _query(table: Table, columns: Sequence[str]) -> TextClause:
    moment = _BY[table]
    return text(f"""
        select {", ".join(columns)} from {table}
        where (cast(:brands as text[]) is null or brand = any(cast(:brands as text[])))
          and (cast(:brand as text) is null or brand = :brand)
          and (cast(:since as timestamptz) is null or {moment} >= :since)
          and (cast(:until as timestamptz) is null or {moment} < :until)
        order by {moment}, id
    """)  # noqa: S608  our own words


_QUERIES = {table: _query(table, columns) for table, columns in COLUMNS.items()}
PARQUET = "application/vnd.apache.parquet"
_NO_PARQUET = (
    "query.format: this server writes CSV alone; Parquet needs pip install 'earshot[parquet]' there"
)
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "CSV after RFC 4180 in UTF-8, the first line names the columns. "
        "Times are ISO 8601 in UTC. "
        "A text that a spreadsheet would run begins with an apostrophe.",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            PARQUET: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


router = APIRouter(tags=["desk"])


@router.get(
    "/v1/export",
    summary="Everything of a kind, as CSV or Parquet",
    response_class=Response,
    responses=_ANSWER | documented(401, 403, 422, 429, 503),
)
async def export(
    desk: Services,
    caller: Viewer,
    of: Annotated[Table, Query(examples=["tickets"])],
    form: Annotated[Form, Query(alias="format")] = "csv",
    brand: Annotated[str | None, Query(max_length=300)] = None,
    since: Annotated[
        AwareDatetime | None,
        Query(description="tickets: received; events: said; alerts: raised; then or later"),
    ] = None,
    until: Annotated[AwareDatetime | None, Query(description="and before then")] = None,
) -> Response:
    """Of the brands that the caller may see, oldest first. Deleted messages have no text."""
    if desk.exports.locked():
        raise refusal(503, "two exports are under way already; try again later", retry_after=10)
    values = {
        "brands": None if caller.brands is None else sorted(caller.brands),
        "brand": brand if brand is None else storable(brand),
        "since": utc(since),
        "until": utc(until),
    }
    chunks = _chunks(desk.of(caller).reads, of, values, desk.exports, _file(form, COLUMNS[of]))
    first = await anext(chunks)  # an error comes while the status can still say so
    name = f"earshot-{of}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    kind = "text/csv; charset=utf-8" if form == "csv" else PARQUET
    return Streamed(_then(first, chunks), media_type=kind, headers=headers, seconds=LONGEST)


def _file(form: Form, columns: Sequence[str]) -> File:
    """Raises a 422 where the server cannot write this form."""
    if form == "csv":
        return CsvFile(columns)
    try:
        from stream.web.api.parquet import ParquetFile
    except ModuleNotFoundError:
        raise refusal(422, _NO_PARQUET) from None
    return ParquetFile(columns)


async def _chunks(
    engine: AsyncEngine, of: Table, values: Mapping[str, Any], places: asyncio.Semaphore, file: File
) -> AsyncGenerator[bytes, None]:
    async with places, reachable(), engine.connect() as connection:
        rows = await connection.stream(
            _QUERIES[of], dict(values), execution_options={"max_row_buffer": ROWS}
        )
        async for row in rows:
            file.add(row)
            if file.is_full:
                yield await asyncio.to_thread(file.take)
    yield await asyncio.to_thread(file.end)


async def _then(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        async for chunk in rest:
            yield chunk


class File(Protocol):
    """Rows in, bytes out. Bytes that were taken are not kept."""

    @property
    def is_full(self) -> bool: ...
    def add(self, row: Sequence[Any]) -> None: ...
    def take(self) -> bytes: ...
    def end(self) -> bytes: ...


class CsvFile:
    """After RFC 4180, with a line that names the columns; no cell is a formula."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._page = io.StringIO()
        self._writer = csv.writer(self._page, lineterminator="\r\n")
        self._writer.writerow(columns)

    @property
    def is_full(self) -> bool:
        return self._page.tell() >= CHUNK

    def add(self, row: Sequence[Any]) -> None:
        self._writer.writerow([_cell(value) for value in row])

    def take(self) -> bytes:
        chunk = self._page.getvalue().encode()
        self._page.seek(0)
        self._page.truncate()
        return chunk

    def end(self) -> bytes:
        return self.take()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, list):
        return harmless(" ".join(value))
    return harmless(value) if isinstance(value, str) else str(value)


def utc(moment: datetime | None) -> datetime | None:
    """In UTC. Raises a 422 for one that lies outside of every calendar then."""
    try:
        return moment and moment.astimezone(UTC)
    except OverflowError:
        raise refusal(422, "query: no such moment") from None
