"""Previews of tickets: `analyze` says which priority a text would get, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream.cli.main import app

CALLS = Path(__file__).parents[1] / "data" / "calls"
P1 = "there is smoke coming out of your router and my baby is asleep"


def analyzed(*words: str) -> list[dict[str, object]]:
    done = CliRunner().invoke(app, ["analyze", *words])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_text_is_printed_with_the_priority_that_it_would_get_and_why():
    urgent, praise = analyzed(P1, "thanks, lovely crew today")

    assert urgent["ticket"]["level"] == "P1"
    assert (
        sum(factor["points"] for factor in urgent["ticket"]["why"]) == urgent["ticket"]["priority"]
    )
    assert "smoke" in urgent["ticket"]["why"][0]["words"]
    assert praise["ticket"] is None


@pytest.mark.parametrize("name", ["airline_follow_up.vtt", "telecom_sour.json"])
def test_a_call_is_printed_with_the_priority_that_it_would_get_and_why(name):
    [call] = analyzed("--calls", str(CALLS / name))

    assert call["ticket"]["level"] == {"airline_follow_up.vtt": "P3"}.get(name, "P2")


def test_a_call_that_ended_well_needs_nobody():
    [call] = analyzed("--calls", str(CALLS / "health_resolved.txt"))

    assert call["ticket"] is None
