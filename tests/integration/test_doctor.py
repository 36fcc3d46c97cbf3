"""`earshot doctor`: a line for each thing that earshot needs, and an exit code for a script."""

from __future__ import annotations

import json
import socket

import pytest
from typer.testing import CliRunner

from stream.cli.main import app
from stream.embedded import Embedded

NAMES = ["versions", "disk", "ports", "broker", "database", "model", "levels", "brands", "alerts"]


@pytest.fixture
def home(tmp_path, monkeypatch, postgres_url):
    for name, value in {"HOME": tmp_path, "DATABASE_URL": postgres_url, "PORT": _free()}.items():
        monkeypatch.setenv(f"EARSHOT_{name}", str(value))
    monkeypatch.setenv("EARSHOT_WORKER_PORT", str(_free()))
    return monkeypatch


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def examined(*words: str) -> tuple[int, dict[str, dict[str, object]]]:
    done = CliRunner().invoke(app, ["doctor", "--json", *words])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return done.exit_code, {row["name"]: row for row in rows}


def test_a_whole_installation_is_ok_line_by_line(home):
    code, rows = examined()

    assert list(rows) == NAMES
    assert {name for name, row in rows.items() if not row["fine"]} == set()
    assert code == 0
    assert "schema 0" in rows["database"]["words"]
    lines = CliRunner().invoke(app, ["doctor"]).stdout.splitlines()
    assert [line.split()[1].rstrip(":") for line in lines if line.startswith("ok")] == NAMES


def test_each_fault_is_named_with_what_to_do_and_the_rest_is_still_checked(home, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        home.setenv("EARSHOT_PORT", str(other.getsockname()[1]))
        home.setenv("EARSHOT_BROKER", f"127.0.0.1:{_free()}")
        home.setenv("EARSHOT_MODEL", str(tmp_path / "nowhere"))
        home.setenv("EARSHOT_BRANDS", str(tmp_path / "none.toml"))
        code, rows = examined()

    assert code == 1
    assert {name for name, row in rows.items() if not row["fine"]} == {
        *("ports", "broker", "model", "levels", "brands"),
    }
    assert "EARSHOT_PORT" in rows["ports"]["words"]


def test_a_database_that_is_away_or_not_migrated_is_said(home, postgres_url):
    home.setenv("EARSHOT_DATABASE_URL", f"postgresql://nobody@127.0.0.1:{_free()}/none")
    code, rows = examined()

    assert code == 1
    assert not rows["database"]["fine"]
    assert "cannot be reached" in rows["database"]["words"]


def test_an_embedded_database_that_was_never_made_is_no_fault_and_is_not_made(home, tmp_path):
    home.delenv("EARSHOT_DATABASE_URL")

    code, rows = examined()

    assert (code, rows["database"]["words"]) == (0, "embedded, made by the first command")
    assert not (tmp_path / "postgres").exists()


def test_a_broker_without_a_login_is_said(home, tmp_path):
    home.setenv("EARSHOT_HOME", str(tmp_path / "embedded"))
    embedded = Embedded(tmp_path / "embedded")
    broker = embedded.acquire("test", postgres=False).broker
    try:
        _, of_home = examined()
        home.setenv("EARSHOT_BROKER", broker)
        _, of_others = examined()
    finally:
        embedded.release(lambda at: True)

    assert "no login: every program of this machine" in of_home["broker"]["words"]
    assert "no login, unencrypted" in of_others["broker"]["words"]
    assert "EARSHOT_KAFKA_SECURITY_PROTOCOL" in of_others["broker"]["words"]
