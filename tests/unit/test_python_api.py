"""`import earshot` does in a notebook what the commands do, and the notebooks run as they stand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import earshot
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "models" / "notebooks").glob("*.ipynb"))
DANGER = "there is smoke coming out of your router and it is hot"


@pytest.fixture(scope="module")
def ear():
    return earshot.load(threads=1)


def test_texts_come_back_analysed_in_their_order(ear):
    texts = [f"text {number}: your app is down" for number in range(70)]

    assert [analysis.text for analysis in ear.analyze(texts)] == texts
    assert ear.analyze("one text alone")[0].language is not None
    assert ear.analyze([]) == []
    assert ear.version in repr(ear)


def test_a_ticket_has_a_level_reasons_that_add_up_and_redacted_words(ear):
    ticket, nobody = ear.triage([f"{DANGER}, call me on 020 7946 0958", "what a lovely day"])

    assert ticket["level"] == "P1"
    assert sum(reason["points"] for reason in ticket["why"]) == ticket["priority"]
    assert "0958" not in ticket["text"]
    assert "[phone]" in ticket["text"]
    assert nobody is None


def test_the_command_line_says_the_same(ear):
    command = [sys.executable, "-m", "stream.cli", "analyze", DANGER]
    said = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    ticket = ear.triage([DANGER])[0]
    assert said["ticket"] == {name: ticket[name] for name in said["ticket"]}
    assert said["sentiment"] == ear.analyze([DANGER])[0].as_json()["sentiment"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda ear: ear.analyze(["a", None]), "text 1 is no text"),
        (lambda ear: ear.triage([3]), "text 0 is no text"),
        (lambda ear: earshot.load(ROOT / "tests"), "artifact.json is missing"),
        (lambda ear: earshot.evaluate("nowhere.csv"), "nowhere.csv: there is no such file"),
        (lambda ear: earshot.train("nowhere.toml"), "nowhere.toml: the recipe cannot be read"),
    ],
)
def test_what_is_wrong_is_one_line(ear, wrong, told):
    with pytest.raises(earshot.EarshotError, match=told) as error:
        wrong(ear)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_any_folder(notebook, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cells = json.loads(notebook.read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] for cell in cells if cell["cell_type"] == "code")

    names: dict[str, object] = {}
    for cell in code:
        exec(compile(cell, notebook.name, "exec"), names)

    assert len(code) >= 3
    if notebook.name.startswith("1"):
        assert "P1" in capsys.readouterr().out
    if notebook.name.startswith("3"):
        assert names["story"]["release"]["validation"]["macro_f1"] > 0.8


def test_there_are_three_notebooks():
    assert [path.name[0] for path in NOTEBOOKS] == ["1", "2", "3"]
