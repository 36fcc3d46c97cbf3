"""Who judges, as the settings say."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from llm_server import GOOD, llm_server
from prometheus_client import CollectorRegistry
from serving import web

from models.analysis import Analysis
from models.taxonomy.classifier import read_taxonomy
from stream.bootstrap.llm import llm_figures, watch_llm, with_llm
from stream.errors import UserError
from stream.settings import Settings


class Local:
    """A model that knows nothing."""

    version = "local-1"
    taxonomy = read_taxonomy()

    def __call__(self, texts, languages=None):
        return [Analysis(text, "en", self.version) for text in texts]


def test_the_settings_make_a_language_model_beside_the_local_one():
    with llm_server(GOOD | {"topic": "other", "problem": None}) as server:
        settings = Settings(
            llm_url=server.url, llm_model="tiny", llm_key="sk-secret", llm_input_price=2.0
        )
        judge = with_llm(settings, Local())
        told = judge(["my line is down"])[0]

    registry = CollectorRegistry()
    watch_llm(registry, judge)
    assert registry.get_sample_value("earshot_llm_tokens_total", {"direction": "input"}) == 500
    assert registry.get_sample_value("earshot_llm_dollars_total") == pytest.approx(0.001)
    assert (told.model, told.topic.label) == ("tiny+local-1", "other")
    assert server.requests[0]["model"] == "tiny"
    assert server.keys == ["Bearer sk-secret"]
    assert judge.llm.usage.dollars == pytest.approx(500 * 2.0 / 1e6)
    assert "sk-secret" not in repr(settings)


async def test_the_web_tells_what_its_language_model_costs_and_how_often_it_is_silent():
    with llm_server("401") as server:
        judge = with_llm(Settings(llm_url=server.url, llm_model="tiny"), Local())
        await asyncio.to_thread(judge, ["my line is down"])

    async with web(collectors=llm_figures(judge)) as site, httpx.AsyncClient() as client:
        metrics = (await client.get(f"{site}/metrics")).text

    assert 'earshot_llm_failures_total{kind="status 401"} 1.0' in metrics
    assert "earshot_llm_requests_total 1.0" in metrics
    assert llm_figures(Local()) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "EARSHOT_LLM_URL"),
        ({"llm_url": "localhost:8000"}, "EARSHOT_LLM_URL"),
        ({"llm_url": "http://127.0.0.1:1/v1"}, "EARSHOT_LLM_MODEL"),
        (
            {"llm_url": "http://127.0.0.1:1/v1", "llm_model": "m", "llm_brief": "nothing.json"},
            "no such file",
        ),
    ],
)
def test_what_is_missing_is_named_in_one_line(given, told):
    with pytest.raises(UserError, match=told):
        with_llm(Settings(**given), Local())
