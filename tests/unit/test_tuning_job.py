"""Fine-tuning as a job of a service: uploaded, started, followed, used; and what goes wrong."""

from __future__ import annotations

import json

import pytest
from own_history import history
from servers.finetune_api import tuning_server
from typer.testing import CliRunner

from models.llm import tuning
from models.llm.tuning import TuningError
from models.training.custom.chat_export import export_finetune
from stream.cli.main import app
from stream.errors import UserError


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(tuning, "ASK_EVERY", 0.0)


@pytest.fixture
def folder(tmp_path):
    export_finetune(history(tmp_path / "history.csv"), tmp_path / "tuned")
    return tmp_path / "tuned"


def job(folder, server, key=None, base="base-1"):
    return tuning.Tuning(folder, url=server.url, key=key, base=base, pause=0.0)


def losses(folder):
    return [json.loads(line) for line in (folder / "train.log").read_text().splitlines()]


def earshot(*words):
    return CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False)


@pytest.fixture
def service(monkeypatch, tmp_path):
    with tuning_server(key="secret-key") as server:
        monkeypatch.setenv("EARSHOT_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("EARSHOT_LLM_URL", server.url)
        monkeypatch.setenv("EARSHOT_LLM_KEY", "secret-key")
        monkeypatch.setenv("EARSHOT_LLM_MODEL", "base-1")
        yield server


def test_a_history_is_uploaded_tuned_followed_reported_and_used(service, folder, monkeypatch):
    told = earshot("train", "llm", folder, "--epochs", "2")

    assert "ft:base-1:1: EARSHOT_LLM_MODEL=ft:base-1:1" in told.stdout
    assert [line["step"] for line in losses(folder)] == list(range(1, service.steps + 1))
    assert losses(folder)[0]["loss"] > 5 * losses(folder)[-1]["loss"]
    assert losses(folder)[-1].keys() == {"step", "loss", "of", "validation_loss"}
    [started] = service.jobs.values()
    assert started["wish"]["hyperparameters"] == {"n_epochs": 2}
    assert started["wish"]["validation_file"] in service.files
    assert "secret-key" not in told.output + (folder / "job.json").read_text()

    monkeypatch.setenv("EARSHOT_LLM_MODEL", "ft:base-1:1")
    monkeypatch.setenv("EARSHOT_LLM_BRIEF", str(folder / "brief.json"))
    used = json.loads(earshot("analyze", "--backend", "llm", "the line is down again").stdout)
    assert (used["topic"]["label"], used["problem"]["label"]) == ("Network", "Line down")
    page = earshot("report", folder, "--out", folder / "page.html")
    assert "page.html" in page.stdout
    assert "validation loss" in (folder / "page.html").read_text().lower()


def test_an_interrupted_command_goes_on_with_the_same_files_and_the_same_job(folder):
    with tuning_server() as server:
        first = []

        def dies(line):
            first.append(line)
            if json.loads(line).get("step") == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            job(folder, server).run(dies)
        rest = []
        assert job(folder, server).run(rest.append) == "ft:base-1:1"
        assert job(folder, server).run(rest.append) == "ft:base-1:1"  # and once it is done

    assert len(server.jobs) == 1
    assert len(server.files) == 2
    assert [line["step"] for line in losses(folder)] == list(range(1, 8))
    assert [json.loads(line)["step"] for line in rest] == [4, 5, 6, 7]


def test_a_job_whose_answer_was_lost_is_found_again_and_not_paid_twice(folder):
    with tuning_server() as server:
        server.loses_answers = True
        with pytest.raises(TuningError, match="cannot be reached; the same command goes on"):
            job(folder, server).run(print)
        server.loses_answers = False
        assert job(folder, server).run(print) == "ft:base-1:1"
    assert len(server.jobs) == 1


def test_a_service_that_tells_the_loss_in_words_is_followed_as_well(folder):
    with tuning_server(steps=4) as server:
        server.tells_in_words = True
        job(folder, server).run(print)

    assert [(line["step"], line["of"]) for line in losses(folder)] == [(n, 4) for n in range(1, 5)]


def test_what_goes_wrong_is_one_line_each(folder, tmp_path):
    with tuning_server(key="right") as server:
        with pytest.raises(TuningError, match="refuses the key: set EARSHOT_LLM_KEY") as refused:
            job(folder, server, key="wrong-key").run(print)
        assert "wrong-key" not in str(refused.value)
        server.moods = ["404"]
        with pytest.raises(TuningError, match="knows no fine-tuning of base-1"):
            job(folder, server, key="right").run(print)
        server.moods = ["500", "500", "503"]  # tried again, and then given up
        with pytest.raises(TuningError, match=r"refused it \(503\)"):
            job(folder, server, key="right").run(print)
        server.moods = ["hang up", "500"]  # tried again
        assert job(folder, server, key="right").run(print) == "ft:base-1:1"
        with pytest.raises(TuningError, match="tells of a job for base-1"):
            job(folder, server, key="right", base="base-2").run(print)
    with pytest.raises(TuningError, match="cannot be reached"):
        job(folder, server, key="right").run(print)
    (tmp_path / "empty").mkdir()
    with pytest.raises(TuningError, match=r"train\.jsonl is missing; `earshot export finetune"):
        job(tmp_path / "empty", server).run(print)


def test_a_job_that_failed_says_why_and_one_is_cancelled(folder, service):
    with pytest.raises(UserError, match="no job was started from it"):
        earshot("train", "llm", folder, "--cancel")
    asked = []

    def ends(line):
        asked.append(line)
        if json.loads(line).get("step") == 2:
            [one] = service.jobs.values()
            one |= {"status": "failed", "error": {"code": "x", "message": "bad line 7"}}

    with pytest.raises(TuningError, match=r"has failed: bad line 7; mend it, remove .*job\.json"):
        job(folder, service, key="secret-key").run(ends)
    assert "ftjob-1 is asked to end" in earshot("train", "llm", folder, "--cancel").stdout
    assert service.jobs["ftjob-1"]["status"] == "cancelled"
    with pytest.raises(UserError, match="there is no such folder"):
        earshot("train", "llm", folder / "none")


def test_without_an_address_or_a_model_the_setting_is_named(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))
    with pytest.raises(UserError, match="needs EARSHOT_LLM_URL"):
        earshot("train", "llm", folder)
    monkeypatch.setenv("EARSHOT_LLM_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(UserError, match="needs EARSHOT_LLM_MODEL"):
        earshot("train", "llm", folder)
