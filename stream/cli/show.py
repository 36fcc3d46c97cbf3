"""How results read on a terminal. Texts of customers are data: never markup, never control
characters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from stream.cli.replaying import Summary

_LEVEL_STYLE = {"P1": "bold white on red", "P2": "bold red", "P3": "yellow", "P4": "dim"}


def plain(text: object, longest: int | None = None) -> Text:
    """`text` with nothing in it that a terminal would obey, on one line."""
    said = "".join(
        " " if unicodedata.category(letter) in ("Cc", "Cf") else letter for letter in str(text)
    )
    said = " ".join(said.split())
    return Text(said if longest is None or len(said) <= longest else said[: longest - 1] + "…")


def summary(console: Console, told: Summary) -> None:
    """What a replay did and what the store holds now."""
    before, after = told.before, told.after
    rate = told.sent / max(told.seconds, 1e-6)
    console.print()
    console.print(
        plain(
            f"{told.source}: {told.sent:,} events in {told.seconds:.1f} s ({rate:,.0f} a second)"
        ),
        style="bold",
    )
    if told.bad_rows:
        console.print(f"  {told.bad_rows:,} rows could not be read", style="yellow")
    if told.too_large:
        console.print(
            f"  {told.too_large:,} were too large for a message: `earshot dead list`",
            style="yellow",
        )
    if told.waited:
        new = after.events + after.deleted - before.events - before.deleted
        console.print(
            f"  {new:,} new in the store, {told.sent - new:,} repeated there or known already"
        )
    levels = ", ".join(f"{count:,} {level}" for level, count in sorted(after.tickets.items()))
    console.print(f"  the store holds {after.events:,} events, {after.scored:,} scored")
    console.print(
        f"  {sum(after.tickets.values()):,} tickets ({levels or 'none'}), {sum(after.alerts.values()):,} alerts"
    )
    if after.dead_letters:
        console.print(f"  {after.dead_letters:,} dead letters: `earshot dead list`", style="yellow")
    if told.first_ticket_seconds is not None:
        console.print(f"  first ticket {told.first_ticket_seconds:.1f} s after the start")
    if told.tickets:
        console.print("\nMost urgent", style="bold")
        tickets(console, told.tickets)
    if told.alerts:
        console.print("\nAlerts", style="bold")
        for alert in told.alerts:
            console.print(alert_line(alert))


def tickets(console: Console, rows: Sequence[Any]) -> None:
    """Tickets with the reasons for their priority."""
    table = Table(box=None, padding=(0, 1), show_header=True, header_style="dim")
    table.add_column("", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("brand", no_wrap=True)
    table.add_column("what they say, and why it matters")
    for row in rows:
        level = Text(f" {row['level']} ", style=_LEVEL_STYLE.get(row["level"], ""))
        said = Text.assemble(plain(row["excerpt"], 200), "\n", (reasons(row["factors"]), "cyan"))
        table.add_row(level, str(row["priority"]), plain(row["brand"] or "–"), said)
    console.print(table)


def reasons(factors: Sequence[Any], most: int = 4) -> str:
    """The weightiest factors of a priority in words, with the points that each adds; the others are
    counted.
    """
    weighty = sorted(
        (each for each in factors if abs(each["points"]) >= 1),
        key=lambda each: -abs(each["points"]),
    )
    told = [f"{plain(each['words']).plain} ({each['points']:+.0f})" for each in weighty[:most]]
    return " · ".join([*told, f"{len(weighty) - most} more"] if len(weighty) > most else told)


def alert_line(alert: Any) -> Text:
    style = "bold red" if alert.severity >= 8 else "red"
    if alert.kind == "burst":
        told = alert.evidence
        text = (
            f"{alert.brand or 'no brand'}: {told['negative']} negative messages where {told['expected']:g} were usual, "
            f"mostly about {alert.topic or 'other'}"
        )
    else:
        text = f"{alert.brand or 'no brand'}: P1 ticket {alert.ticket_id}"
    when = f"{alert.started_at:%Y-%m-%d %H:%M}Z"
    return Text.assemble(("  ! ", style), plain(f"{when}  {text} (severity {alert.severity})"))


def next_steps(console: Console, *, demo: bool = False) -> None:
    console.print("\nGo on with", style="bold")
    for command, what in (
        ("earshot tickets --level P1", "the queue, with reasons"),
        ('earshot sql "select * from brand_health"', "ask the database anything"),
        (
            "earshot up",
            "a worker and the desk: open the address that it prints, and log in with its code",
        ),
        ('earshot analyze "my line has been down all day"', "what the model makes of a text"),
        ("earshot replay FILE --wait", "your own tweets, complaints or calls"),
    ):
        console.print(Text.assemble("  ", (command, "green"), f"   {what}"))
