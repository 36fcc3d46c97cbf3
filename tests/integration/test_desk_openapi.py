"""The desk's routes against their own document: whatever they are sent, no 5xx and no answer that is not documented."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import aiohttp
import pytest
import schemathesis
from desk_client import small_desk
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serving import TOKEN

from stream.schema import migrate

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
BOUNDED = settings(
    max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
HEADERS = {"Authorization": f"Bearer {TOKEN}"}  # a key of nobody's with every scope: an agent
ELSEWHERE = {"/v1/analyze", "/v1/events", "/v1/hooks/{name}"}  # tests/integration/test_rest_openapi.py
ENDLESS = "/v1/stream"  # tests/integration/test_desk_live.py


@pytest.fixture(scope="module")
def site(postgres) -> Iterator[str]:
    """On a thread of its own: schemathesis is not asynchronous."""
    ready, done = threading.Event(), threading.Event()
    told: list[str] = []

    async def serve() -> None:
        url = await postgres.create("desk_openapi")
        await migrate(url)
        async with small_desk(url) as address:
            told.append(address)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(60)
    yield told[0]
    done.set()
    thread.join()


@pytest.fixture(scope="module")
def schema(site):
    return schemathesis.openapi.from_url(f"{site}/openapi.json", headers=HEADERS)


def asking(operation, mode, site: str, asked: list[int]) -> Callable[[], None]:
    @BOUNDED
    @given(case=operation.as_strategy(mode))
    def ask(case) -> None:
        asked.append(case.call_and_validate(base_url=site, headers=HEADERS, checks=CHECKS).status_code)

    return ask


@pytest.mark.parametrize("wrong", [False, True], ids=["as documented", "as it should not be"])
def test_the_desk_answers_as_its_document_says_whatever_it_is_sent(schema, site, wrong):
    mode = schemathesis.GenerationMode.NEGATIVE if wrong else schemathesis.GenerationMode.POSITIVE
    operations = [each.ok() for each in schema.get_all_operations()]
    operations = [each for each in operations if each.path.startswith("/v1/") and each.path not in ELSEWHERE]
    asked: list[int] = []
    for operation in operations:
        if operation.path != ENDLESS and (not wrong or operation.body or operation.query):
            asking(operation, mode, site, asked)()

    assert len(operations) >= 25
    assert {200, 404, 422} <= set(asked)


async def test_every_route_but_health_refuses_who_is_unknown(site):
    unknown = {"/healthz", "/readyz", "/metrics", "/v1/hooks/{name}"}  # hooks are known by their signatures
    async with aiohttp.ClientSession(site) as session:
        async with session.get("/openapi.json", headers=HEADERS) as answer:
            document = await answer.json()
        for path, methods in document["paths"].items():
            for method in methods:
                async with session.request(method, path.replace("{", "").replace("}", "")) as answer:
                    assert (answer.status == 401) == (path not in unknown), (method, path, answer.status)


async def test_every_route_says_what_it_is_and_how_it_refuses(site):
    async with aiohttp.ClientSession(site) as session, session.get("/openapi.json", headers=HEADERS) as answer:
        document = await answer.json()

    for path, methods in document["paths"].items():
        for method, told in methods.items():
            assert told["summary"], (method, path)
            if path.startswith("/v1/") and path != "/v1/hooks/{name}":
                assert {"401", "403", "429", "503"} <= set(told["responses"]), (method, path)
