"""Commands that look at what was stored: tickets, sql, dead."""

from __future__ import annotations

import asyncio
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from stream.errors import UserError
from stream.observe.logs import set_up_logs
from stream.settings import read_settings


class Format(StrEnum):
    table = "table"
    json = "json"
    csv = "csv"


class Level(StrEnum):
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


dead = typer.Typer(
    no_args_is_help=True, help="Messages that could not be processed: list, show, replay."
)


def add_to(app: typer.Typer) -> None:
    app.command()(tickets)
    app.command()(sql)
    app.add_typer(dead, name="dead")


def tickets(
    brand: Annotated[str | None, typer.Option(help="Only this brand's.")] = None,
    level: Annotated[Level | None, typer.Option(help="Only of this level.")] = None,
    state: Annotated[
        str | None, typer.Option(help="new, open, waiting, snoozed, resolved.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """The queue: who needs an answer most, and why."""
    from stream.bootstrap.parts import ensure_migrated, parts
    from stream.cli import show

    settings = read_settings()
    set_up_logs(settings, quiet=True)

    async def read() -> list[Any]:
        async with parts(settings, "tickets", broker=False) as found:
            await ensure_migrated(found)
            async with found.store() as store:
                return await store.queries.list_tickets(
                    brand=brand, level=level and level.value, state=state, limit=limit
                )

    rows = asyncio.run(read())
    if as_json:
        for row in rows:
            print(json.dumps(row, default=str, ensure_ascii=False))
    elif rows:
        show.tickets(Console(), rows)
    else:
        print("no tickets", file=sys.stderr)


def sql(
    statement: Annotated[
        str, typer.Argument(help="One SQL statement; - reads it from standard input.")
    ],
    format: Annotated[Format, typer.Option(help="How the rows are printed.")] = Format.table,
) -> None:
    """Ask the database, as a role that can only read.

    The views for people are open_tickets, ticket_history, sentiment_hourly and brand_health.
    """
    from stream.bootstrap.parts import ensure_migrated, parts
    from stream.postgres.sql import run_sql, write

    settings = read_settings()
    set_up_logs(settings, quiet=True)
    asked = sys.stdin.read() if statement == "-" else statement

    async def answer() -> Any:
        async with parts(settings, "sql", broker=False) as found:
            if found.embedded:
                await ensure_migrated(found)
            return await run_sql(found.reader_url, asked)

    write(asyncio.run(answer()), format.value, sys.stdout)


@dead.command("list")
def dead_list(
    state: Annotated[
        str | None, typer.Option(help="dead, replayed or resolved; the first two otherwise.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Which messages could not be processed, and why."""

    async def read(store: Any) -> Any:
        return await (
            store.dead_letters.list_dead([state], limit)
            if state
            else store.dead_letters.list_dead(limit=limit)
        )

    letters = asyncio.run(_with_store(read))
    for letter in letters:
        if as_json:
            print(json.dumps(_told(letter)))
        else:
            place = f"{letter.topic}[{letter.partition}]@{letter.offset}"
            print(
                f"{letter.id:>6}  {letter.state:<9} {letter.created_at:%Y-%m-%d %H:%M:%S}  {place}  {letter.reason}"
            )
    if not letters:
        print("no dead letters", file=sys.stderr)


@dead.command("show")
def dead_show(
    id: Annotated[int, typer.Argument(help="The number that `dead list` prints.")],
    raw: Annotated[
        Path | None, typer.Option(help="Write the message's bytes to this file.")
    ] = None,
) -> None:
    """One dead letter, with its bytes as text (what is no UTF-8 is escaped)."""

    async def read(store: Any) -> Any:
        return await store.dead_letters.show_dead(id)

    letter = asyncio.run(_with_store(read))
    if letter is None:
        raise UserError(f"there is no dead letter {id}; see `earshot dead list`")
    print(json.dumps(_told(letter), indent=2))
    value = letter.value or b""
    if raw is not None:
        raw.write_bytes(value)
    else:
        print(
            value[:4000]
            .decode("utf-8", "backslashreplace")
            .encode("unicode_escape")
            .decode("ascii")
        )


@dead.command("replay")
def dead_replay(
    ids: Annotated[
        list[int] | None, typer.Argument(help="Numbers that `dead list` prints.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All that are dead.")] = False,
) -> None:
    """Send dead letters once more, for instance after an upgrade. Doing so twice loses and doubles
    nothing.
    """
    from stream.bootstrap.jobs import replay_dead
    from stream.bootstrap.parts import ensure_migrated, parts

    if not ids and not every:
        raise UserError("say which: `earshot dead replay 3 5`, or `earshot dead replay --all`")
    settings = read_settings()
    set_up_logs(settings, quiet=True)

    async def send() -> int:
        async with parts(settings, "replay") as found:
            await ensure_migrated(found)
            return await replay_dead(found, None if every else ids)

    print(f"{asyncio.run(send())} dead letters sent again")


async def _with_store(read: Any) -> Any:
    from stream.bootstrap.parts import ensure_migrated, parts

    settings = read_settings()
    set_up_logs(settings, quiet=True)
    async with parts(settings, "dead", broker=False) as found:
        await ensure_migrated(found)
        async with found.store() as store:
            return await read(store)


def _told(letter: Any) -> dict[str, Any]:
    return {
        "id": letter.id,
        "state": letter.state,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "bytes": letter.size,
        "created_at": letter.created_at.isoformat(),
    }
