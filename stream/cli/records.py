"""Records on standard output: a JSON object a line for a program, wrapped fields for a person."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from stream.cli.plain import plain

_CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029]")


def json_line(record: Mapping[str, Any]) -> str:
    """One line: times in ISO 8601, and U+FFFD for half a character that an argument may hold.
    What a terminal would obey, or take for an end of the line, is escaped.
    """
    line = json.dumps(dict(record), ensure_ascii=False, default=_plain)
    line = _CONTROLS.sub(lambda control: f"\\u{ord(control[0]):04x}", line)
    return line.encode("utf-8", "replace").decode()


def print_json(records: Iterable[Mapping[str, Any]]) -> None:
    for record in records:
        print(json_line(record))


def print_record(record: Mapping[str, Any], console: Console | None = None) -> None:
    """A line a field, its value wrapped by words; a record in it has the names of both."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _fields(record):
        table.add_row(plain(name), plain(value))
    (console or Console()).print(table)


def print_judgement(judgement: Mapping[str, Any], as_json: bool) -> None:
    """What the model makes of a text: fields for a person at a terminal, JSON for a program."""
    if as_json or not sys.stdout.isatty():
        print_json([judgement])
        return
    print_record(judgement)
    print()


def _fields(record: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for name, value in record.items():
        if isinstance(value, Mapping) and value:
            yield from _fields(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple) and any(isinstance(part, Mapping) for part in value):
            for place, part in enumerate(value, 1):
                yield from _fields({f"{name} {place}": part}, prefix)
        else:
            yield f"{prefix}{name}", _words(value)


def _words(value: Any) -> str:
    if value is None or value in ([], {}):
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(_plain(value) if isinstance(value, date) else value)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
