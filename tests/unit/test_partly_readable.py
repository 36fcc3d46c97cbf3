"""Input that can be read in part: every command does its work, names the rest, and leaves with exit
code 1, as `replay` does.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from stream.cli.calls import analyze_calls, evaluate_calls
from stream.cli.explore import explore
from stream.settings import read_settings


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A folder of calls, one of which is none."""
    folder = tmp_path / "calls"
    folder.mkdir()
    for number in range(20):
        text = f"Agent: Hello.\nCustomer: My line {number} is dead, call me back.\n"
        (folder / f"call_{number}.txt").write_text(text)
    (folder / "none.txt").write_text("nobody speaks here\n")
    (folder / "labels.csv").write_text("file,outcome\ncall_1,follow_up\ncall_2.txt,follow_up\n")
    return folder


def test_analyze_prints_the_calls_and_names_what_is_none(calls, capsys):
    with pytest.raises(typer.Exit) as left:
        analyze_calls([str(calls)], read_settings(), False, True)

    printed = capsys.readouterr()
    assert left.value.exit_code == 1
    assert len([json.loads(line) for line in printed.out.splitlines()]) == 20
    assert "none.txt: does not say who speaks" in printed.err
    assert "1 calls, rows or lines were left out" in printed.err


def test_evaluate_measures_the_calls_and_names_what_is_none(calls, capsys):
    with pytest.raises(typer.Exit) as left:
        evaluate_calls(calls)

    printed = capsys.readouterr()
    assert left.value.exit_code == 1
    assert json.loads(printed.out)["outcome"]["n"] == 2
    assert "none.txt: does not say who speaks" in printed.err


def test_explore_writes_its_page_and_names_what_is_none(calls, tmp_path, capsys):
    out = tmp_path / "report.html"

    with pytest.raises(typer.Exit) as left:
        explore(calls, out=out, labels=None, limit=1000)

    assert left.value.exit_code == 1
    assert out.exists()
    assert "none.txt: does not say who speaks" in capsys.readouterr().err
