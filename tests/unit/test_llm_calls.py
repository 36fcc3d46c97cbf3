"""Calls read by a language model: sentiment and outcome are its, the rest the local reader's."""

from __future__ import annotations

import json

import pytest
from llm_server import llm_server
from typer.testing import CliRunner

from models.analysis import Analysis, Call, Outcome, Sentiment
from models.calls.sides import Utterance
from models.llm.backend import Llm
from models.llm.calls import CALL_BRIEF, LONGEST, LlmCalls, transcript
from models.llm.prompt import QUESTIONS, Unusable
from stream.bootstrap.llm import fallback_of
from stream.cli.main import app

CALL = [
    Utterance("customer", "Hello, my card is lost, call me at 415-555-0133."),
    Utterance("agent", "A new one is on its way."),
    Utterance("customer", "Wonderful."),
]
UPSET = Sentiment("negative", 0.6, {"negative": 0.6, "neutral": 0.3, "positive": 0.1})


class Local:
    """Takes every call for an unhappy one that nobody finished."""

    version = "local-1"

    def __call__(self, calls):
        outcome = Outcome("follow_up", 0.7, {"resolved": 0.3, "follow_up": 0.7})
        call = Call(3, 2, outcome, ())
        return [Analysis("", "en", self.version, UPSET, call=call) for _ in calls]


def reader(server, **options):
    return LlmCalls(Local(), Llm(url=server.url, model="tiny", brief=CALL_BRIEF, **options))


def test_a_call_gets_the_language_models_sentiment_and_outcome():
    with llm_server(lambda _: '{"sentiment": "positive", "outcome": "resolved"}') as server:
        read = reader(server)
        [analysis] = read([CALL])

    assert (analysis.sentiment.label, analysis.call.outcome.label) == ("positive", "resolved")
    assert analysis.call.turns == 3
    assert analysis.model == read.version == "tiny+local-1"
    [request] = server.requests
    schema = request["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["outcome"]["enum"] == ["resolved", "follow_up"]
    assert "one telephone call" in request["messages"][0]["content"]
    sent = json.loads(request["messages"][1]["content"])["message"]
    assert "Agent: A new one is on its way." in sent
    assert "555" not in sent
    assert fallback_of(read) is None


def test_a_call_without_an_answer_is_the_local_readers_and_that_is_said_in_one_line():
    with llm_server("401") as server:
        read = reader(server, retries=0)
        analyses = read([CALL, CALL[:2]])

    assert [analysis.model for analysis in analyses] == ["local-1", "local-1"]
    assert analyses[0].call.outcome.label == "follow_up"
    line = fallback_of(read)
    assert line.startswith("2 judged by the local model alone, without tiny (")
    assert "status 401: " in line


@pytest.mark.parametrize(
    "answer",
    [
        'Of course! Here it is: {"sentiment": "neutral", "outcome": "follow_up"}',
        '```json\n{"sentiment": "neutral", "outcome": "follow_up"}\n```\nAnything else?',
        'He says {"no"}. So: {"sentiment": "neutral", "outcome": "follow_up"} I think.',
        '{"sentiment": "positive", "outcome": "resolved"} no, rather'
        ' {"sentiment": "neutral", "outcome": "follow_up"}',
        ' \n{"outcome": "follow_up", "sentiment": "neutral", "why": {"a": 1}}',
    ],
)
def test_json_beside_words_is_read(answer):
    read = CALL_BRIEF.read(answer, "")
    assert read == {"sentiment": "neutral", "outcome": "follow_up"}


@pytest.mark.parametrize("answer", ["{" * 3000, '{"sentiment": "neutral"', "[1]", "{}", "none"])
def test_an_answer_without_such_json_is_no_use(answer):
    with pytest.raises(Unusable):
        CALL_BRIEF.read(answer, "")


def test_a_long_call_keeps_its_beginning_and_its_end_and_messages_are_asked_no_outcome():
    long = [*CALL, *[Utterance("agent", "la la la " * 40)] * 40, Utterance("customer", "The end.")]

    text = transcript(long)
    assert len(text) < LONGEST + 20
    assert text.startswith("Customer: Hello")
    assert text.endswith("Customer: The end.")
    assert "outcome" not in QUESTIONS


def test_the_commands_take_the_backend(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text(
        "Member: It is broken again.\nAgent: Try now.\nMember: Works!\n"
    )
    (tmp_path / "labels.csv").write_text("file,sentiment,outcome\na.txt,positive,resolved\n")
    with llm_server(lambda _: '{"sentiment": "positive", "outcome": "resolved"}') as server:
        monkeypatch.setenv("EARSHOT_LLM_URL", server.url)
        monkeypatch.setenv("EARSHOT_LLM_MODEL", "tiny")

        def run(*command):
            return CliRunner().invoke(app, list(command), catch_exceptions=False)

        shown = json.loads(
            run("analyze", "--calls", str(tmp_path / "a.txt"), "--backend", "llm").stdout
        )
        figures = json.loads(
            run("evaluate", "calls", "--data", str(tmp_path), "--backend", "llm").stdout
        )
    assert shown["outcome"]["label"] == "resolved"
    assert shown["model"].startswith("tiny+")
    assert figures["outcome"]["accuracy"] == figures["sentiment"]["accuracy"] == 1.0
