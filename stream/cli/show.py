"""Results on a terminal. Texts of customers are data: never markup, never control characters."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors.skipped import in_words
from stream.cli.plain import plain, quantity

if TYPE_CHECKING:
    from stream.bootstrap.replay import Summary

_QUIET = timedelta(hours=3)  # after its last ticket an incident is over

_LEVEL_STYLE = {"P1": "bold white on red", "P2": "bold red", "P3": "yellow", "P4": "dim"}


def figures(values: Mapping[str, Any]) -> None:
    """A table for a person, JSON for a program."""
    if not sys.stdout.isatty():
        print(json.dumps(values, indent=2))
        return
    from stream.cli.matrix import CELLS, cells_table, matrix_table, without_matrices

    console = Console()
    rest, matrices = without_matrices(values)
    cells = rest.pop(CELLS, None)
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, value in _flat(rest):
        table.add_row(name, f"{value:.4f}" if isinstance(value, float) else str(value))
    console.print(table)
    for title, matrix in matrices:
        console.print()
        console.print(matrix_table(title, matrix))
    if cells:
        console.print()
        console.print(cells_table(cells))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def summary(console: Console, replayed: Summary) -> None:
    """The result of a replay, and what the store holds now."""
    from stream.bootstrap.older_models import remark

    rate = replayed.sent / max(replayed.seconds, 1e-6)
    console.print()
    console.print(
        plain(
            f"{replayed.source}: {replayed.sent:,} events in {replayed.seconds:.1f} s"
            f" ({rate:,.0f} a second)"
        ),
        style="bold",
    )
    for line in replayed.note.splitlines():
        console.print(plain(f"  {line}"), style="yellow")
    for line in _losses(replayed):
        console.print(f"  {line}", style="yellow")
    for line in _stored(replayed):
        console.print(f"  {line}")
    if older := remark(replayed.older):
        console.print(plain(f"  {older}"), style="yellow")
    if replayed.after.dead_letters:
        console.print(
            f"  {replayed.after.dead_letters:,} dead letters: `earshot dead list`", style="yellow"
        )
    if replayed.first_ticket_seconds is not None:
        console.print(f"  first ticket {replayed.first_ticket_seconds:.1f} s after the start")
    if replayed.tickets:
        console.print("\nMost urgent", style="bold")
        tickets(console, replayed.tickets)
    if replayed.alerts:
        console.print("\nAlerts", style="bold")
        for alert in replayed.alerts:
            print_alert(console, alert)
    if replayed.incidents:
        console.print("\nIncidents", style="bold")
        for incident in replayed.incidents:
            hanging(console, "  ", incident_line(incident))


def _losses(replayed: Summary) -> Iterator[str]:
    if replayed.left_out:
        yield in_words(replayed.left_out)
    if replayed.too_large:
        yield f"{replayed.too_large:,} were too large for a message: `earshot dead list`"
    for reason, messages in replayed.skipped.most_common():
        yield f"{messages:,} were not taken: {plain(reason)}"


def _stored(replayed: Summary) -> Iterator[str]:
    before, after = replayed.before, replayed.after
    if replayed.waited:
        new = after.events + after.deleted - before.events - before.deleted
        yield f"{new:,} new in the store, {replayed.sent - new:,} repeated there or known already"
    yield f"the store holds {quantity(after.events, 'event')}, {after.scored:,} scored"
    own = after.tickets if replayed.levels is None else replayed.levels
    levels = ", ".join(f"{count:,} {level}" for level, count in sorted(own.items()))
    count, in_all = sum(own.values()), sum(after.tickets.values())
    of_all = f" of {in_all:,} in the store" if count != in_all else ""
    alerts = sum(after.alerts.values())
    yield f"{quantity(count, 'ticket')}{of_all} ({levels or 'none'}), {quantity(alerts, 'alert')}"


def tickets(console: Console, rows: Sequence[Any]) -> None:
    """Tickets with the reasons for their priority."""
    table = Table(box=None, padding=(0, 1), show_header=True, header_style="dim")
    table.add_column("", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("brand", no_wrap=True)
    table.add_column("what they say, and why it matters")
    for row in rows:
        level = Text(f" {row['level']} ", style=_LEVEL_STYLE.get(row["level"], ""))
        text = Text.assemble(
            plain(row["excerpt"], 200),
            *("\n", (reasons(row["factors"]), "cyan")),
            *("\n", plain(row["id"]), _unread(row.get("unread_language"))),
        )
        table.add_row(level, str(row["priority"]), plain(row["brand"] or "–"), text)
    console.print(table)


def _unread(language: str | None) -> str:
    return f"  (unread language: {plain(language).plain})" if language else ""


def reasons(factors: Sequence[Any], limit: int = 4) -> str:
    """The weightiest factors of a priority with the points that each adds; the rest is counted."""
    weighty = [factor for factor in factors if abs(factor["points"]) >= 1]
    weighty.sort(key=lambda factor: -abs(factor["points"]))
    words = [f"{plain(factor['words']).plain} ({factor['points']:+.0f})" for factor in weighty]
    if len(words) > limit:
        words[limit:] = [f"{len(words) - limit} more"]
    return " · ".join(words)


def hanging(console: Console, mark: str | Text, text: Text, *, indent: int = 4) -> None:
    """A line that goes on under its own beginning where the terminal ends, and is never cut."""
    row = Table.grid()
    row.add_column(width=indent, no_wrap=True)
    row.add_column(overflow="fold")
    row.add_row(mark, text)
    console.print(row)


def print_alert(console: Console, alert: Any) -> None:
    style = "bold red" if alert.severity >= 8 else "red"
    hanging(console, Text("  ! ", style=style), alert_line(alert))


def alert_line(alert: Any) -> Text:
    brand = alert.brand or "no brand"
    if alert.kind == "burst":
        from stream.alerts.burst_words import sentence

        text = f"{brand}: {sentence(alert)}"
    elif alert.kind == "p1":
        text = f"{brand}: P1 ticket {alert.ticket_id}"
    else:
        from stream.alerts.notifier import title

        text = title(alert, recovered=alert.recovered_at is not None)
    when = f"{alert.started_at:%Y-%m-%d %H:%M}Z"
    return plain(f"{when}  {text} (severity {alert.severity})")


def incident_line(row: Mapping[str, Any]) -> Text:
    """An incident with its live count of tickets."""
    # A worker writes down that it is over; what a replay brought is over at once.
    is_quiet = datetime.now(UTC) - row["last_at"] > _QUIET
    ended = row["ended_at"] or (row["last_at"] if is_quiet else None)
    state = f"over since {ended:%H:%M}" if ended else "goes on"
    count = f"{quantity(row['tickets'], 'ticket')}, {row['open']} open, {row['p1']} P1"
    when = f"{row['started_at']:%Y-%m-%d %H:%M}Z"
    title = f"{row['brand']}: {row['title']}"
    return plain(f"{when}  {title}  ({count}; severity {row['severity']}, {state})")


def _activation() -> str | None:
    """What makes `earshot` a command of this shell; None where it is one."""
    if shutil.which("earshot") is not None:
        return None
    script = Path(sys.prefix) / "bin" / "activate"
    if not script.exists():
        return None
    folder = Path.cwd()
    return f". {script.relative_to(folder) if script.is_relative_to(folder) else script}"


def next_steps(console: Console, ticket_id: str) -> None:
    """What to type next, each as it works. ticket_id: one that is there."""
    console.print("\nGo on with", style="bold")
    steps = [
        ("earshot tickets --level P1", "the queue, with reasons"),
        (
            f"earshot ticket show {shlex.quote(ticket_id)}",
            "one ticket; claim and resolve do the rest",
        ),
        ("earshot incident list", "tickets that tell of one event"),
        ('earshot sql "select * from brand_health"', "ask the database anything"),
        ("earshot up", "a worker and the console: prints its address and a code"),
        ('earshot analyze "my line has been down all day"', "what the model makes of it"),
        ("earshot replay FILE --wait", "your own tweets, complaints or calls"),
    ]
    if activate := _activation():
        steps.insert(0, (activate, "once, in this shell"))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="green")
    table.add_column(overflow="fold")
    for command, help in steps:
        table.add_row(f"  {command}", help)
    console.print(table)
