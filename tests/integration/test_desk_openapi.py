"""The desk's routes against their own document: whatever they are sent, no 5xx and no answer that
is not documented.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from desk_client import small_desk
from documented import HEADERS, answers_of, document_of, on_a_thread

from stream.postgres.schema import migrate

ELSEWHERE = {
    "/v1/analyze",
    "/v1/events",
    "/v1/hooks/{name}",
}  # tests/integration/test_rest_openapi.py
ENDLESS = "/v1/stream"  # tests/integration/test_desk_live.py


@asynccontextmanager
async def desk(postgres) -> AsyncIterator[str]:
    url = await postgres.create("desk_openapi")
    await migrate(url)
    async with small_desk(url) as address:
        yield address


@pytest.fixture(scope="module")
def site(postgres) -> Iterator[str]:
    with on_a_thread(lambda: desk(postgres)) as address:
        yield address


@pytest.fixture(scope="module")
def schema(site):
    return document_of(site)


WRONG = pytest.mark.parametrize(
    "wrong", [False, True], ids=["as documented", "as it should not be"]
)


@WRONG
def test_the_desk_answers_as_its_document_says_whatever_it_is_sent(schema, site, wrong):
    assert_answers(schema, site, wrong=wrong, most=6)


@pytest.mark.long
@WRONG
def test_the_desk_answers_as_its_document_says_for_a_minute(schema, site, wrong):
    assert_answers(schema, site, wrong=wrong, most=40)


def assert_answers(schema, site, *, wrong, most):
    operations = [each.ok() for each in schema.get_all_operations()]
    operations = [
        each for each in operations if each.path.startswith("/v1/") and each.path not in ELSEWHERE
    ]
    asked: list[int] = []
    for operation in operations:
        if operation.path != ENDLESS and (not wrong or operation.body or operation.query):
            asked += answers_of(operation, site, wrong=wrong, most=most)

    assert len(operations) >= 25
    assert {200, 404, 422} <= set(asked)


async def test_every_route_but_health_refuses_who_is_unknown(site):
    unknown = {
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/hooks/{name}",
    }  # hooks are known by their signatures
    async with aiohttp.ClientSession(site) as session:
        async with session.get("/openapi.json", headers=HEADERS) as answer:
            document = await answer.json()
        for path, methods in document["paths"].items():
            for method in methods:
                async with session.request(
                    method, path.replace("{", "").replace("}", "")
                ) as answer:
                    assert (answer.status == 401) == (path not in unknown), (
                        method,
                        path,
                        answer.status,
                    )


async def test_every_route_says_what_it_is_and_how_it_refuses(site):
    async with (
        aiohttp.ClientSession(site) as session,
        session.get("/openapi.json", headers=HEADERS) as answer,
    ):
        document = await answer.json()

    for path, methods in document["paths"].items():
        for method, told in methods.items():
            assert told["summary"], (method, path)
            if path.startswith("/v1/") and path != "/v1/hooks/{name}":
                assert {"401", "403", "429", "503"} <= set(told["responses"]), (method, path)
