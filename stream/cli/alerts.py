"""`earshot alert`: list, show, ack, snooze, send, summary, explain."""

from __future__ import annotations

import asyncio
import getpass
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

import typer
from rich.console import Console
from rich.text import Text

from stream.cli import show
from stream.cli.on_store import run_on_store
from stream.cli.options import By, JsonLines, choice
from stream.cli.plain import quantity
from stream.cli.records import print_json, print_record
from stream.errors import UserError
from stream.observe.logs import set_up_logs
from stream.settings import read_settings

if TYPE_CHECKING:
    from stream.bootstrap.parts import Stores
    from stream.records import AlertRecord

T = TypeVar("T")

Id = Annotated[str, typer.Argument(help="The id that `alert list` prints.")]

_SPAN = re.compile(r"(\d{1,5})\s*([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}

alert = typer.Typer(
    no_args_is_help=True,
    help="What could not wait: list, show, acknowledge, snooze, send, summary, explain.",
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(alert, name="alert")


@alert.command("list")
def alert_list(
    kind: Annotated[
        str | None, typer.Option(help="burst, p1, surge, backlog, spend or drift.")
    ] = None,
    unacknowledged: Annotated[
        bool, typer.Option("--open", help="Only those that nobody has acknowledged.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The latest so many.")] = 50,
    as_json: JsonLines = False,
) -> None:
    """Alerts in the order in which they were raised, the latest last."""
    from stream.records import AlertKind

    chosen_kind = choice("--kind", kind, get_args(AlertKind))
    alerts = _on_stores(
        lambda stores: stores.alerts.list_alerts(
            kind=chosen_kind, unacknowledged=unacknowledged, limit=limit
        )
    )
    console = Console()
    for alert in alerts:
        if as_json:
            print_json([_as_json(alert)])
        else:
            show.print_alert(console, alert)
            show.hanging(console, "", Text(f"{alert.id}{_state(alert)}", style="dim"), indent=6)
    if not alerts:
        print("no alerts", file=sys.stderr)


@alert.command("show")
def alert_show(id: Id, as_json: JsonLines = False) -> None:
    """One alert: its evidence, what its examples say now, and who was told."""

    async def read(stores: Stores) -> dict[str, Any]:
        alert = await stores.alerts.show_alert(id)
        if alert is None:
            raise _no_such(id)
        examples = list(alert.evidence.get("examples", ()))
        return {
            **_as_json(alert),
            "messages": await stores.alerts.example_texts(examples),
            "told": await stores.deliveries.deliveries_of(id),
        }

    row = _on_stores(read)
    if as_json:
        print_json([row])
    else:
        print_record(row)


@alert.command("ack")
def alert_ack(id: Id, by: By = None) -> None:
    """Say that you have seen it. Who is not told yet will not be."""
    name = by or getpass.getuser()
    alert = _on_stores(lambda stores: stores.alerts.acknowledge(id, name))
    if alert is None:
        raise _no_such(id)
    print(f"acknowledged by {alert.acknowledged_by} at {alert.acknowledged_at:%Y-%m-%d %H:%M} UTC")


@alert.command("snooze")
def alert_snooze(
    id: Id,
    span: Annotated[str, typer.Option("--for", help="How long: 30m, 4h, 2d; 0m wakes it.")] = "4h",
    by: By = None,
) -> None:
    """No messages about it, nor about others of its brand and topic (of its ticket), for a
    while.
    """
    parts = _SPAN.fullmatch(span.strip())
    if parts is None:
        raise UserError(f"--for {span}: say it as 30m, 4h or 2d")
    length = timedelta(**{_UNITS[parts[2]]: int(parts[1])})
    until = datetime.now(UTC) + length if length else None
    name = by or getpass.getuser()
    if _on_stores(lambda stores: stores.alerts.snooze(id, name, until)) is None:
        raise _no_such(id)
    print(f"snoozed until {until:%Y-%m-%d %H:%M} UTC" if until else "awake")


@alert.command("send")
def alert_send(
    forever: Annotated[
        bool, typer.Option("--forever", help="Stay, and send what comes, until Ctrl-C.")
    ] = False,
) -> None:
    """Tell the sinks of EARSHOT_ALERTS what they have not been told. A worker does this by
    itself.
    """
    from stream.bootstrap.alerts import SEND_EVERY, notifier
    from stream.bootstrap.duties import every
    from stream.bootstrap.parts import ensure_migrated, parts
    from stream.bootstrap.stopping import until_signal

    settings = read_settings()
    set_up_logs(settings)
    if settings.alerts is None:
        raise UserError("EARSHOT_ALERTS names no file of sinks; see deploy/alerts.example.toml")

    async def send() -> None:
        async with parts(settings, "alerts", broker=False) as running:
            await ensure_migrated(running)
            async with notifier(running) as sinks:
                if forever:
                    await every(SEND_EVERY, sinks.round)
                else:
                    print(f"{await sinks.round()} messages sent")

    asyncio.run(until_signal(send()))


@alert.command("summary")
def alert_summary(
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Which day; yesterday when left out."),
    ] = None,
    zone: Annotated[str, typer.Option("--time-zone", help="Whose day.")] = "UTC",
    brand: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
) -> None:
    """What leads get by mail each day: sinks with `daily` in EARSHOT_ALERTS. Nothing is sent; a
    worker sends it.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from connectors.notices import plain
    from stream.alerts.daily import summary
    from stream.alerts.daily_figures import day_of
    from stream.bootstrap.stores import open_engine_of

    try:
        time_zone = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UserError(f"--time-zone {zone}: there is no such zone; say Europe/Berlin") from None
    local = datetime.now(time_zone).date() - timedelta(days=1) if day is None else day.date()
    notice = run_on_store(
        "alert",
        open_engine_of,
        lambda engine: summary(engine, day_of(local, time_zone), "shown", brand or ()),
    )
    print(plain(notice))


@alert.command("explain")
def alert_explain(
    file: Annotated[Path, typer.Argument(help="A file of messages, as for `replay`.")],
    format: Annotated[
        str | None, typer.Option(help="Its format; found out from its header.")
    ] = None,
    hours: Annotated[
        int, typer.Option(min=1, max=100, help="The busiest hours of each brand.")
    ] = 5,
    as_json: JsonLines = False,
) -> None:
    """Which hours of a file stand out, and why: what was usual, which bursts there were, the words
    that set them apart.

    Reads and judges the file by itself: nothing is stored.
    """
    from connectors.catalog import source
    from stream.bootstrap.loading import load_judge
    from stream.bursts.explain import explain, markdown, read_messages

    settings = read_settings()
    set_up_logs(settings, quiet=True)
    bad_rows: list[Any] = []
    events = source("file")(file, format, on_bad_row=bad_rows.append)
    with Console(stderr=True).status("reading"):
        messages = read_messages(events, load_judge(settings))
    report = explain(messages, hours=hours)
    if as_json:
        print_json([report])
    else:
        print(markdown(report, file.name), end="")
    if bad_rows:
        print(f"{quantity(len(bad_rows), 'row')} could not be read", file=sys.stderr)


def _on_stores(work: Callable[[Stores], Awaitable[T]]) -> T:
    from stream.bootstrap.stores import open_stores

    return run_on_store("alert", open_stores, work)


def _as_json(alert: AlertRecord) -> dict[str, Any]:
    return alert.model_dump(mode="json", exclude_none=True, exclude={"schema_version"})


def _no_such(id: str) -> UserError:
    return UserError(f"there is no alert {id}; see `earshot alert list`")


def _state(alert: AlertRecord) -> str:
    states = []
    if alert.kind in ("burst", "surge", "drift"):
        states.append("over" if alert.recovered_at else "goes on")
    if over := alert.evidence.get("over"):
        states.append(f"taken back: {over}")
    if alert.acknowledged_by:
        states.append(f"acknowledged by {alert.acknowledged_by}")
    if alert.snoozed_until and alert.snoozed_until > datetime.now(UTC):
        states.append(f"snoozed until {alert.snoozed_until:%Y-%m-%d %H:%M} UTC")
    return f"  ({', '.join(states)})" if states else ""
