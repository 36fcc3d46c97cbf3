"""`earshot sql`: one SQL statement as a role that can only read."""

from __future__ import annotations

import asyncio
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from stream.cli.options import JsonLines
from stream.observe.logs import set_up_logs
from stream.settings import read_settings


class Format(StrEnum):
    table = "table"
    json = "json"
    csv = "csv"


def add_to(app: typer.Typer) -> None:
    app.command()(sql)


def sql(
    statement: Annotated[
        str, typer.Argument(help="One SQL statement; - reads it from standard input.")
    ],
    format: Annotated[Format, typer.Option(help="How the rows are printed.")] = Format.table,
    as_json: JsonLines = False,
) -> None:
    """Ask the database, as a role that can only read.

    The views for people are open_tickets, ticket_history, sentiment_hourly and brand_health.
    """
    from stream.bootstrap.parts import ensure_migrated, parts
    from stream.postgres.sql import run_sql, write

    settings = read_settings()
    set_up_logs(settings, quiet=True)
    query = sys.stdin.read() if statement == "-" else statement

    async def answer() -> Any:
        async with parts(settings, "sql", broker=False) as running:
            # A database of your own is migrated by its owner: a reader may not do so.
            if running.embedded:
                await ensure_migrated(running)
            return await run_sql(running.reader_url, query)

    write(asyncio.run(answer()), "lines" if as_json else format.value, sys.stdout)
