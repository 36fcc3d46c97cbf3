"""The README's commands that need neither a broker nor a network, as printed, on a small desk."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path

import pytest
from history import SEVERE, tweet
from rows import do
from typer.testing import CliRunner

from connectors.events import Tweet
from stream.cli.main import app

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"^```console\n(.*?)^```", README, re.M | re.S)
LINES = re.findall(r"^\$ earshot (.*)$", "".join(BLOCKS), re.M)
PRINTED = [tuple(shlex.split(line, comments=True)) for line in LINES]

# What the answer holds, by the command's beginning.
OFFLINE = {
    ("analyze",): ('"negative"', '"level"'),
    ("tickets", "--level"): ("demo:099", "alarm pendant"),
    ("ticket", "show"): ("P1", "alarm pendant", "ada on demo"),
    ("sql",): ("brand,count", "Northwind Air,1"),
    ("alert", "list"): ("Northwind Air",),
    ("incident", "list"): ("lines down",),
}


@pytest.fixture
async def desk(simple, postgres_url, tmp_path, monkeypatch):
    """A P1 ticket with the id that the README shows, its alert, and an incident."""
    scored = tweet(99, 95, text=SEVERE)
    event = Tweet(**(scored.event.model_dump() | {"id": "demo:099", "conversation": "demo:099"}))
    await simple.save([type(scored)(event, SEVERE, scored.brand, scored.analysis)])
    await do(
        postgres_url,
        "insert into incidents (id, brand, title, severity, started_at, evidence, version)"
        " values ('i1', 'Northwind Air', 'lines down', 7, now(), '{}', 1);"
        " insert into incident_tickets (incident_id, ticket_id, who)"
        " values ('i1', 'demo:099', 'earshot')",
    )
    monkeypatch.setenv("EARSHOT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))


async def test_what_the_readme_prints_works_as_it_prints_it(desk):
    for beginning, answer in OFFLINE.items():
        [command] = [words for words in PRINTED if words[: len(beginning)] == beginning]
        done = await asyncio.to_thread(CliRunner().invoke, app, list(command))

        assert done.exit_code == 0, (command, done.output, done.exception)
        assert [words for words in answer if words not in done.output] == [], (
            command,
            done.output,
        )
