"""Outside text on a terminal: shown, never obeyed; and folders above embedded data stay closed."""

from __future__ import annotations

import io
import os
import stat
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from stream.cli import dead
from stream.cli.main import app
from stream.embedded import let_through
from stream.postgres.sql import Rows, write

ESCAPES = "\x1b]0;pwned\x07 \x1b[2J \x9b31m \x7f bell"


OBEYED = "\x07\x7f\x9b"  # a table's own colours begin with ESC


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_the_answer_of_a_question_moves_no_terminal(form):
    answer = Rows(("text",), ("text",), ((ESCAPES,),), False)
    out = Terminal()

    write(answer, form, out)

    assert "pwned" in out.getvalue()
    assert not {letter for letter in out.getvalue() if letter in OBEYED}
    assert form == "table" or "\x1b" not in out.getvalue()
    assert "\x1b]" not in out.getvalue()


def test_a_file_of_a_question_holds_the_text_as_it_is():
    answer = Rows(("text",), ("text",), ((ESCAPES,),), False)
    out = io.StringIO()

    write(answer, "csv", out)

    assert ESCAPES in out.getvalue()


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_reason_of_a_dead_letter_moves_no_terminal(monkeypatch, options):
    class Letter:
        id, state, topic, partition, offset, attempts = 1, "dead", "tweets", 0, 7, 1
        created_at = datetime(2026, 3, 12, tzinfo=UTC)
        reason = f"not an event: {ESCAPES}"
        cluster, key, value = "c", b"x:1", b"{}"

    monkeypatch.setattr(dead, "run_on_store", lambda *_: [Letter()])
    monkeypatch.setattr(dead, "_as_json", lambda letter: {"reason": letter.reason})

    printed = CliRunner().invoke(app, ["dead", "list", *options]).output

    assert "pwned" in printed
    assert not {letter for letter in printed if letter in "\x1b\x07\x9b\x7f"}


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o711, 0o755, 0o1777, 0o770])
def test_folders_above_embedded_data_may_be_passed_and_not_read(tmp_path, mode):
    folder = tmp_path / "private" / "home"
    folder.mkdir(parents=True)
    folder.parent.chmod(mode)
    above = stat.S_IMODE(tmp_path.stat().st_mode)

    let_through(folder)

    assert stat.S_IMODE(folder.parent.stat().st_mode) == mode | 0o011
    assert stat.S_IMODE(tmp_path.stat().st_mode) == above | 0o011
    assert stat.S_IMODE(folder.stat().st_mode) & 0o777 == 0o777 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL has a user of its own for root alone")
def test_the_embedded_postgres_of_root_leaves_private_folders_private(tmp_path):
    from stream.embedded import Embedded

    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    home = private / "home"
    (home / "postgres").mkdir(parents=True)
    parts = Embedded(home)
    try:
        assert parts._start_postgres().startswith("postgresql://")
        assert stat.S_IMODE(private.stat().st_mode) == 0o711
    finally:
        parts._stop_postgres()
