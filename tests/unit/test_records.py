"""`--json` has one shape in every command: an object a line, and nothing else beside it."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
import typer
from rich.console import Console
from typer.main import get_command

from stream.cli.main import application
from stream.cli.options import JsonLines
from stream.cli.records import json_line, print_record

# Commands that print no records, with the reason.
WITHOUT_RECORDS = {
    "demo": "shows",
    "up": "serves",
    "worker": "serves",
    "web": "serves",
    "ingest": "brings in",
    "replay": "brings in",
    "migrate": "acts",
    "rebuild": "acts",
    "forget": "acts",
    "report": "writes a file",
    "explore": "writes a file",
    "bench": "measures: JSON where no terminal reads it",
    "reply edits": "is JSON lines already",
    "alert summary": "is a mail in words",
    "init": "writes two files",
    "model shadow": "judges, and says how far it is",
}
ACTS = {
    *("claim", "resolve", "reopen", "priority", "ack", "snooze", "send", "join", "leave", "answer"),
    *("replay", "add", "role", "password", "disable", "enable", "create", "revoke", "test", "use"),
    *("merge", "split", "link", "stop-shadow"),
    *("approve", "take-back", "discard", "settle", "opt-out", "push", "rollback"),
}
MEASURES = ("train", "evaluate", "export")


def leaves() -> dict[str, typer.core.TyperCommand]:
    """Every command that can be typed, by its words."""

    def below(words, command):
        members = getattr(command, "commands", {})
        if not members:
            yield " ".join(words), command
        for name, member in members.items():
            yield from below((*words, name), member)

    return dict(below((), get_command(application())))


@pytest.mark.parametrize("words", sorted(leaves()))
def test_what_prints_records_prints_them_as_json_lines_when_asked(words):
    command = leaves()[words]
    flags = [option for option in command.params if "--json" in option.opts]
    group, _, last = words.partition(" ")

    if not flags:
        assert words in WITHOUT_RECORDS or last in ACTS or group in MEASURES, f"{words}: no --json"
        return
    (flag,) = flags
    (option,) = JsonLines.__metadata__
    assert flag.is_flag
    assert flag.help == option.help


def test_a_line_holds_one_object_whose_times_are_iso_8601():
    moment = datetime(2026, 3, 12, 11, 13, tzinfo=UTC)

    line = json_line({"at": moment, "text": "two\nlines \u2028 and half: \ud83d"})

    assert "\n" not in line
    assert json.loads(line)["at"] == "2026-03-12T11:13:00+00:00"
    assert json.loads(line)["text"].startswith("two\nlines")


def test_a_record_for_a_person_wraps_at_80_columns_and_loses_nothing():
    out = io.StringIO()
    words = "the whole street is off since noon " * 5
    record = {
        "id": "x:1",
        "call": {"outcome": "open", "soured": None},
        "messages": [{"text": words}, {"text": "short\x1b[2J"}],
        "tags": ["a", "b"],
        "urgent": True,
    }

    print_record(record, Console(file=out, width=80))

    lines = out.getvalue().splitlines()
    printed = " ".join(out.getvalue().split())
    assert max(map(len, lines)) <= 80
    assert printed.count("the whole street") == 5
    for expected in ("call.outcome", "messages 2.text", "a, b"):
        assert expected in printed
    assert "\x1b" not in printed
