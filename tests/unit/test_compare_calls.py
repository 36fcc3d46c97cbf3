"""Backends side by side on labelled calls, and the figures of calls by what is true of them."""

from __future__ import annotations

import json

import pytest
from llm_server import llm_server
from rich.console import Console
from typer.testing import CliRunner

from models.analysis import Analysis, Call, Outcome, Sentiment
from models.calls.sides import Utterance
from models.evaluation.calls import evaluate_calls
from models.evaluation.compare_calls import LlmCallsAlone, LocalCalls, compare_calls
from models.llm.backend import Llm, Price
from models.llm.calls import CALL_BRIEF
from stream.cli.compare_calls import table_of
from stream.cli.main import app
from stream.cli.matrix import cells_table
from stream.errors import UserError

HAPPY = [Utterance("customer", "It works now, thank you."), Utterance("agent", "Gladly.")]
WAITING = [Utterance("customer", "Still broken."), Utterance("agent", "I will call you back.")]
CALLS = [HAPPY, WAITING, HAPPY, WAITING]
TRUTHS = {
    "sentiment": ["positive", "negative", "positive", "neutral"],
    "outcome": ["resolved", "follow_up", "resolved", None],
}


def judged(sentiment, outcome):
    moods = {name: float(name == sentiment) for name in ("negative", "neutral", "positive")}
    ends = {name: float(name == outcome) for name in ("resolved", "follow_up")}
    call = Call(2, 1, Outcome(outcome, 1.0, ends), ())
    return Analysis("", "en", "local-1", Sentiment(sentiment, 1.0, moods), call=call)


def sunny(calls):
    """A reader that finds every call pleasant and finished."""
    return [judged("positive", "resolved") for _ in calls]


def answer(asked):
    broken = "broken" in json.loads(asked["messages"][1]["content"])["message"]
    mood, end = ("negative", "follow_up") if broken else ("positive", "resolved")
    return json.dumps({"sentiment": mood, "outcome": end})


def shown(table):
    console = Console(width=120, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_backends_are_measured_side_by_side_on_the_same_calls():
    with llm_server(answer) as good, llm_server("500") as bad:
        figures = compare_calls(
            CALLS,
            TRUTHS,
            {
                "local": LocalCalls(sunny, "local-1"),
                "llm:good": LlmCallsAlone(
                    Llm(url=good.url, model="good", brief=CALL_BRIEF, price=Price(1.0, 2.0))
                ),
                "llm:bad": LlmCallsAlone(
                    Llm(url=bad.url, model="bad", brief=CALL_BRIEF, retries=0, concurrency=1)
                ),
            },
        )

    local, good_one, bad_one = figures.values()
    assert (local["sentiment"]["n"], local["sentiment"]["accuracy"]) == (4, 0.5)
    assert (local["outcome"]["n"], local["outcome"]["accuracy"]) == (3, 0.6667)
    assert good_one["outcome"]["macro_f1"] == good_one["outcome"]["weighted_f1"] == 1.0
    assert good_one["sentiment"]["accuracy"] == 0.75
    assert good_one["cost"]["input_tokens"] == 4 * 500
    assert good_one["cost"]["dollars"] == pytest.approx(4 * (500 * 1.0 + 50 * 2.0) / 1e6)
    assert good_one["latency_ms"]["p95"] > 0
    assert (bad_one["unanswered"], bad_one["sentiment"]["accuracy"]) == (4, 0.0)
    assert bad_one["cost"]["failures"] == {"status 500": 4}

    text = shown(table_of(figures))
    assert [line.split() for line in text.splitlines() if "outcome, acc" in line] == [
        ["outcome,", "accuracy", "0.667", "1.000", "0.000"]
    ]
    assert "tokens sent" in text
    assert "llm:bad" in text.splitlines()[0]


def test_a_task_without_labels_has_no_row():
    figures = compare_calls(
        [HAPPY], {"sentiment": ["positive"], "outcome": [None]}, {"local": LocalCalls(sunny, "1")}
    )

    assert "outcome" not in figures["local"]
    assert "outcome" not in shown(table_of(figures))


def test_the_command_reads_labelled_lines_and_prints_json(tmp_path, monkeypatch):
    data = tmp_path / "calls.jsonl"
    turns = [{"speaker": turn.speaker, "text": turn.text} for turn in HAPPY]
    line = {"name": "a", "sentiment": "positive", "outcome": "resolved", "turns": turns}
    data.write_text(json.dumps(line) + "\n")
    with llm_server(answer) as server:
        monkeypatch.setenv("EARSHOT_LLM_URL", server.url)
        command = ["compare", "calls", "local", "llm:tiny", "--data", str(data)]
        done = CliRunner().invoke(app, command, catch_exceptions=False)

    payload = json.loads(done.stdout)
    assert (payload["data"], payload["local_reads"]) == ("calls.jsonl", "customer")
    assert list(payload["backends"]) == ["local", "llm:tiny"]
    assert payload["backends"]["llm:tiny"]["outcome"]["accuracy"] == 1.0
    assert payload["backends"]["local"]["sentiment"]["n"] == 1
    assert server.requests[0]["model"] == "tiny"

    with pytest.raises(UserError, match="no backend 'gpt'"):
        CliRunner().invoke(
            app, ["compare", "calls", "gpt", "--data", str(data)], catch_exceptions=False
        )


def test_calls_are_counted_by_what_is_true_of_them():
    report = evaluate_calls(sunny(CALLS), TRUTHS)

    counts = {"n": 2, "sentiment_right": 2, "outcome_right": 2, "both_right": 2}
    assert report["cells"] == {
        "negative": {"follow_up": dict.fromkeys(counts, 0) | {"n": 1}},
        "positive": {"resolved": counts},
    }
    lines = shown(cells_table(report["cells"])).splitlines()
    assert lines[-1].split() == ["positive", "resolved", "2", "2", "2", "2"]
    assert "cells" not in evaluate_calls(sunny(CALLS), {"sentiment": TRUTHS["sentiment"]})
