"""First commands of a newcomer: grouped in the help, readable at 80 columns, typed as printed."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from stream.cli import show
from stream.cli.main import app, application, main
from stream.cli.panels import MODULE_OF, PANELS, name_of
from stream.postgres.sql import Rows, write

WIDE = Rows(
    ("brand", "as_of", "messages", "what they say"),
    ("text", "timestamptz", "int4", "text"),
    (("VoltLine", "2026-03-12 21:58:00+00", 226, "the whole street is off since noon " * 3),),
)


class Terminal(io.StringIO):
    """A terminal of 80 columns."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")  # no colours
    return Terminal()


def test_every_command_stands_in_one_panel_of_the_help_by_what_one_wants_to_do():
    commands = [name_of(command) for command in (*app.registered_commands, *app.registered_groups)]
    grouped = [name for names in PANELS.values() for name in names]

    assert sorted(commands) == sorted(grouped)
    printed = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).output
    places = [printed.index(f"─ {panel} ─") for panel in PANELS]
    assert places == sorted(places)


def test_a_wide_row_is_a_record_in_a_terminal_and_nothing_of_it_is_cut(terminal):
    write(WIDE, "table", terminal)

    lines = terminal.getvalue().splitlines()
    assert max(len(line) for line in lines) <= 80
    assert "-- row 1 --" in terminal.getvalue()
    assert [
        line.split()[0] for line in lines if line.startswith(("brand", "as_of", "messages"))
    ] == [
        "brand",
        "as_of",
        "messages",
    ]
    words = " ".join(" ".join(lines).split())
    assert words.count("the whole street is off since noon") == 3
    assert lines[-1] == "1 row"


def test_rows_that_fit_are_a_table(terminal):
    write(Rows(("n",), ("int4",), ((1,), (2,))), "table", terminal)

    assert "row 1" not in terminal.getvalue()
    assert terminal.getvalue().splitlines()[-1] == "2 rows"


def test_what_no_terminal_reads_is_a_table_of_any_width():
    out = io.StringIO()

    write(WIDE, "table", out)

    assert "-- row" not in out.getvalue()


@pytest.mark.parametrize("is_command", [True, False])
def test_the_line_after_the_demo_works_as_it_is_typed(tmp_path, monkeypatch, is_command):
    """After `make demo` the environment is not active yet: how to do so is said first."""
    script = tmp_path / ".venv" / "bin" / "activate"
    script.parent.mkdir(parents=True)
    script.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/earshot" if is_command else None)
    out = io.StringIO()

    show.next_steps(Console(file=out, width=80), "demo:260 VoltLine")

    lines = [line.strip() for line in out.getvalue().splitlines() if line.strip()]
    assert lines[0] == "Go on with"
    assert lines[1].startswith("earshot tickets" if is_command else ". .venv/bin/activate")
    assert any(line.startswith("earshot ticket show 'demo:260 VoltLine' ") for line in lines)


def test_without_an_environment_nothing_is_activated(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(sys, "prefix", str(Path("/nowhere")))
    out = io.StringIO()

    show.next_steps(Console(file=out, width=80), "demo:260")

    assert "activate" not in out.getvalue()


def test_a_typed_command_is_made_alone_and_every_name_leads_to_its_module():
    for name in MODULE_OF:
        made = application(name)
        names = {name_of(each) for each in (*made.registered_commands, *made.registered_groups)}
        assert name in names
    assert len(application("tickets").registered_commands) == 1
    assert application("tikcets") is not application("tickets")  # all, for the advice


def test_a_misspelt_command_is_answered_with_what_exists(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["earshot", "tikcets"])

    with pytest.raises(SystemExit) as left:
        main(process_ends=False)

    assert left.value.code == 2
    assert "tickets" in " ".join(capsys.readouterr().err.split())
