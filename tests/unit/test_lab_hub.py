"""Sending a model to a hub: the real client against a small server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from servers.model_hub import model_hub


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def pushed(folder, endpoint, token, name="me/small"):
    """The command in a process of its own: the client reads its address when it is imported."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment |= {"HF_ENDPOINT": endpoint, "HF_TOKEN": token, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, "-m", "stream.cli", "model", "push", str(folder), name]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_a_model_goes_to_the_hub_whole_and_private(model):
    with model_hub() as (address, hub):
        done = pushed(model, address, hub.token)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("/me/small")
    assert hub.created[0]["private"] is True
    assert hub.files == {"config.json": b"{}", "model.safetensors": b"weights"}


def test_a_refused_token_an_absent_hub_and_no_weights_are_one_line_each(model, tmp_path):
    with model_hub() as (address, _):
        refused = pushed(model, address, "hub-other")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        away = pushed(model, f"http://127.0.0.1:{held.getsockname()[1]}", "hub-token")
    empty = pushed(tmp_path, "http://127.0.0.1:1", "hub-token")

    assert (refused.returncode, away.returncode, empty.returncode) == (2, 2, 2)
    assert "hf auth login" in refused.stderr
    assert "hub-other" not in refused.stderr
    assert "cannot be reached" in away.stderr
    assert "no weights to send" in empty.stderr
    assert all(done.stderr.count("\n") == 1 for done in (refused, away, empty)), (
        refused.stderr,
        away.stderr,
    )
