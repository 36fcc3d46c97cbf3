"""Commands around alerts: alert list, show, ack, snooze, send, explain."""

from __future__ import annotations

import asyncio
import getpass
import json
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from stream.errors import UserError
from stream.observe.logs import set_up_logs
from stream.settings import read_settings

Id = Annotated[str, typer.Argument(help="The id that `alert list` prints.")]
Who = Annotated[str | None, typer.Option("--by", help="Your name; that of your login otherwise.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]

_SPAN = re.compile(r"(\d{1,5})\s*([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}

alert = typer.Typer(
    no_args_is_help=True,
    help="What could not wait: list, show, acknowledge, snooze, send, explain.",
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(alert, name="alert")


@alert.command("list")
def alert_list(
    kind: Annotated[str | None, typer.Option(help="burst, p1 or spend.")] = None,
    unacknowledged: Annotated[
        bool, typer.Option("--open", help="Only those that nobody has acknowledged.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The latest so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Alerts in the order in which they were raised, the latest last."""
    from stream.cli import show

    async def read(store: Any) -> Any:
        return await store.alerts.list_alerts(kind=kind, unacknowledged=unacknowledged, limit=limit)

    found = _with_store(read)
    console = Console()
    for each in found:
        if as_json:
            print(each.model_dump_json(exclude_none=True))
        else:
            console.print(show.alert_line(each))
            console.print(
                f"      {each.id}{_standing(each)}", markup=False, highlight=False, style="dim"
            )
    if not found:
        print("no alerts", file=sys.stderr)


@alert.command("show")
def alert_show(id: Id) -> None:
    """One alert: its evidence, what its examples say now, and who was told."""

    async def read(store: Any) -> Any:
        found = await store.alerts.show_alert(id)
        if found is None:
            return None
        examples = await store.alerts.example_texts(list(found.evidence.get("examples", ())))
        return found, examples, await store.deliveries.deliveries_of(id)

    told = _with_store(read)
    if told is None:
        raise _no_such(id)
    found, examples, deliveries = told
    print(
        json.dumps(
            {
                **found.model_dump(mode="json", exclude_none=True, exclude={"schema_version"}),
                "messages": examples,
                "told": deliveries,
            },
            indent=2,
            default=str,
        )
    )


@alert.command("ack")
def alert_ack(id: Id, by: Who = None) -> None:
    """Say that you have seen it. Who is not told yet will not be."""
    who = by or getpass.getuser()

    async def write(store: Any) -> Any:
        return await store.alerts.acknowledge(id, who)

    found = _with_store(write)
    if found is None:
        raise _no_such(id)
    print(f"acknowledged by {found.acknowledged_by} at {found.acknowledged_at:%Y-%m-%d %H:%M} UTC")


@alert.command("snooze")
def alert_snooze(
    id: Id,
    span: Annotated[str, typer.Option("--for", help="How long: 30m, 4h, 2d; 0m wakes it.")] = "4h",
    by: Who = None,
) -> None:
    """No messages about it, nor about others of its brand and topic (of its ticket), for a while."""
    found_span = _SPAN.fullmatch(span.strip())
    if found_span is None:
        raise UserError(f"--for {span}: say it as 30m, 4h or 2d")
    length = timedelta(**{_UNITS[found_span[2]]: int(found_span[1])})
    until = datetime.now(UTC) + length if length else None
    who = by or getpass.getuser()

    async def write(store: Any) -> Any:
        return await store.alerts.snooze(id, who, until)

    if _with_store(write) is None:
        raise _no_such(id)
    print(f"snoozed until {until:%Y-%m-%d %H:%M} UTC" if until else "awake")


@alert.command("send")
def alert_send(
    forever: Annotated[
        bool, typer.Option("--forever", help="Stay, and send what comes, until Ctrl-C.")
    ] = False,
) -> None:
    """Tell the sinks of EARSHOT_ALERTS what they have not been told. A worker does this by itself."""
    from stream.bootstrap.alerts import TELL_EVERY, notifier
    from stream.bootstrap.duties import every, until_signal
    from stream.bootstrap.parts import ensure_migrated, parts

    settings = read_settings()
    set_up_logs(settings)
    if settings.alerts is None:
        raise UserError("EARSHOT_ALERTS names no file of sinks; see deploy/alerts.example.toml")

    async def send() -> None:
        async with parts(settings, "alerts", broker=False) as found:
            await ensure_migrated(found)
            async with notifier(found) as telling:
                if forever:
                    await every(TELL_EVERY, telling.round)
                else:
                    print(f"{await telling.round()} messages sent")

    asyncio.run(until_signal(send()))


@alert.command("explain")
def alert_explain(
    file: Annotated[Path, typer.Argument(help="A file of messages, as for `replay`.")],
    format: Annotated[
        str | None, typer.Option(help="Its format; found out from its header.")
    ] = None,
    hours: Annotated[
        int, typer.Option(min=1, max=100, help="The busiest hours of each brand.")
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Which hours of a file stand out, and why: what was usual, which bursts there were, the words
    that set them apart.

    Reads and judges the file by itself: nothing is stored.
    """
    from connectors.catalog import source
    from stream.bootstrap.loading import load_analyzer, load_brands, load_calls
    from stream.bursts.explain import explain, markdown, read_messages
    from stream.triage.judgement import Judge

    settings = read_settings()
    set_up_logs(settings, quiet=True)
    bad: list[Any] = []
    events = source("file")(file, format, on_bad_row=bad.append)
    with Console(stderr=True).status("reading"):
        analyzer = load_analyzer(settings)
        calls = load_calls(settings, analyzer, whole=True)
        messages = read_messages(events, Judge(analyzer, load_brands(settings), calls))
    report = explain(messages, hours=hours)
    if as_json:
        print(json.dumps(report, indent=2, ensure_ascii=False, default=str))
    else:
        print(markdown(report, file.name), end="")
    if bad:
        print(f"{len(bad)} rows could not be read", file=sys.stderr)


def _with_store(work: Callable[[Any], Awaitable[Any]]) -> Any:
    from stream.bootstrap.parts import ensure_migrated, parts

    settings = read_settings()
    set_up_logs(settings, quiet=True)

    async def run() -> Any:
        async with parts(settings, "alert", broker=False) as found:
            await ensure_migrated(found)
            async with found.store() as store:
                return await work(store)

    return asyncio.run(run())


def _no_such(id: str) -> UserError:
    return UserError(f"there is no alert {id}; see `earshot alert list`")


def _standing(alert: Any) -> str:
    told = []
    if alert.kind == "burst":
        told.append("over" if alert.recovered_at else "goes on")
    if alert.acknowledged_by:
        told.append(f"acknowledged by {alert.acknowledged_by}")
    if alert.snoozed_until and alert.snoozed_until > datetime.now(UTC):
        told.append(f"snoozed until {alert.snoozed_until:%Y-%m-%d %H:%M} UTC")
    return f"  ({', '.join(told)})" if told else ""
