"""What is missing is said before torch is loaded, and an absent hub within two seconds."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading

import pytest

from models.training.lab import offline
from models.training.lab.offline import NoBase, check_base, is_cached, is_reachable

COMMANDS = (
    ("train sentiment missing.toml", "missing.toml: the recipe cannot be read"),
    ("train sentiment away.toml", "OWNER/NAME: there is no such folder"),
    ("train sentiment here.toml --preferences missing.csv", "missing.csv: there is no such file"),
    ("train complaints missing.csv", "missing.csv: there is no such file"),
    ("train replies missing.toml", "missing.toml: the recipe cannot be read"),
    ("train triage missing.csv", "missing.csv: there is no such file"),
    ("train calls missing", "missing: there is no such file"),
    ("explore missing.csv", "missing.csv: there is no such file"),
    ("report missing", "missing: there is no such directory of a run"),
    ("model push missing OWNER/NAME", "missing: there are no weights to send"),
    ("compare sentiment OWNER/NAME shipped --data here.csv", "OWNER/NAME: there is no such folder"),
)
# One process for all of them: it says what each command answered, and whether torch was loaded.
ASK = """
import json, sys
from stream.cli.main import app
from stream.errors import UserError
for line in sys.argv[1:]:
    try:
        app(line.split(), standalone_mode=False)
        said = ""
    except UserError as error:
        said = str(error)
    print(json.dumps([line, said, "torch" in sys.modules or "transformers" in sys.modules]))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("missing")
    (folder / "here.toml").write_text('name = "here"\nway = "full"\ndata = "here.csv"\n')
    (folder / "away.toml").write_text(
        'name = "away"\nway = "full"\nbase = "OWNER/NAME"\ndata = "here.csv"\n'
    )
    (folder / "here.csv").write_text("text,label\ngood,positive\nbad,negative\n")
    done = subprocess.run(
        [sys.executable, "-c", ASK, *(line for line, _ in COMMANDS)],
        cwd=folder,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        line: (said, loaded) for line, said, loaded in map(json.loads, done.stdout.splitlines())
    }


@pytest.mark.parametrize(("command", "line"), COMMANDS)
def test_what_is_missing_is_one_line_before_torch_is_loaded(answers, command, line):
    said, loaded = answers[command]

    assert line in said
    assert "\n" not in said
    assert not loaded


def test_a_hub_that_takes_no_connection_is_away_within_two_seconds(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{full.getsockname()[1]}")
        assert not is_reachable()
        full.listen()
        assert is_reachable(60)

    is_over = threading.Event()

    def slow(*_: object, **__: object) -> None:
        is_over.wait()
        raise OSError

    monkeypatch.setattr(offline.socket, "create_connection", slow)
    assert not is_reachable(0.05)  # though nothing answers before the next line
    is_over.set()


def test_what_is_at_hand_needs_no_hub(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    check_base("all-MiniLM-L6-v2")
    check_base("shipped")
    check_base(str(tmp_path))
    (tmp_path / "hub" / "models--OWNER--NAME").mkdir(parents=True)
    assert is_cached("OWNER/NAME")
    check_base("OWNER/NAME")
    with pytest.raises(NoBase, match="not in the cache"):
        check_base("OWNER/OTHER")
