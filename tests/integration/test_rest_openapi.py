"""The OpenAPI document against the real server: every example runs, every answer is documented,
nothing is a 5xx.
"""

from __future__ import annotations

from collections.abc import Iterator

import aiohttp
import pytest
from documented import HEADERS, answers_of, document_of, on_a_thread
from serving import EmptyStore, web

from models.analyzer import Analyzer
from models.artifact import default_artifact
from models.calls.analyzer import call_reader
from stream.brands import Brands
from stream.triage.judgement import Judge
from stream.web.api.messages import AnalysisOut
from stream.web.api.model import reader


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer(default_artifact(), threads=1)


@pytest.fixture(scope="module")
def site(analyzer) -> Iterator[str]:
    """The whole server with the shipped model."""
    calls = call_reader(analyzer, default_artifact(), whole=True)
    read = reader(Judge(analyzer, Brands(()), calls), analyzer.version)
    with on_a_thread(lambda: web(EmptyStore(), read=read)) as address:
        yield address


@pytest.fixture(scope="module")
def schema(site):
    return document_of(site)


async def test_every_example_of_the_document_runs(site):
    ran = []
    async with aiohttp.ClientSession(site, headers=HEADERS) as session:
        async with session.get("/openapi.json") as answer:
            document = await answer.json()
        for path, methods in document["paths"].items():
            body = (
                methods.get("post", {})
                .get("requestBody", {})
                .get("content", {})
                .get("application/json", {})
            )
            for name, example in body.get("examples", {}).items():
                async with session.post(path, json=example["value"]) as answer:
                    assert answer.status in (200, 202), (path, name, await answer.text())
                    ran.append((path, await answer.json()))

    analyzed = [told for path, told in ran if path == "/v1/analyze"]
    assert [path for path, _ in ran].count("/v1/events") >= 3
    assert analyzed[0]["sentiment"]["label"] == "negative"
    assert analyzed[1]["analyses"][3]["call"]["turns"] == 2


def test_what_is_documented_of_an_analysis_is_what_the_command_line_prints(analyzer):
    told = analyzer(["my line is down"])[0].as_json()

    assert set(AnalysisOut.model_fields) == {*told, "call", "ticket"}


WRONG = pytest.mark.parametrize(
    "wrong", [False, True], ids=["as documented", "as it should not be"]
)


@WRONG
def test_the_server_answers_as_its_document_says_whatever_it_is_sent(schema, site, wrong):
    assert_answers(schema, site, wrong=wrong, most=15)


@pytest.mark.long
@WRONG
def test_the_server_answers_as_its_document_says_for_a_minute(schema, site, wrong):
    assert_answers(schema, site, wrong=wrong, most=200)


def assert_answers(schema, site, *, wrong, most):
    operations = [each.ok() for each in schema.get_all_operations()]
    asked = []
    for operation in operations:
        # Nothing can be wrong with what takes no parameters, or any JSON.
        if not wrong or operation.path in ("/v1/analyze", "/v1/events"):
            asked += answers_of(operation, site, wrong=wrong, most=most)

    assert len(operations) >= 7
    assert {202, 200} <= set(asked) if not wrong else {422} <= set(asked)
