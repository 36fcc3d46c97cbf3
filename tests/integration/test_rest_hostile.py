"""Hostile bodies for the REST interface: no answer is a 5xx or undocumented, and every event that
is said to be taken is in Kafka.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from documented import HEADERS, on_a_thread
from hostile import nearly
from hypothesis import example, given, settings
from hypothesis import strategies as st
from serving import EmptyStore, web

from connectors.events import decode
from stream.kafka import Outgoing

FEW, MANY = 100, 10_000  # bodies of a route in `make test`, and in `make test-long`

_WHEN = b'"occurred_at": "2026-03-12T12:00:00Z", "author": "ann", "brand": "VoltLine"'
BODIES = {
    "/v1/analyze": (
        b'{"text": "my line is down", "language": "en"}',
        b'{"messages": [{"text": "late"}, {"kind": "tweet", "text": "bag"}]}',
        b'{"kind": "transcript", "turns": [{"speaker": "customer", "text": "hi", "at": 1.5}]}',
        b'{"kind": "complaint", "title": "bag", "text": "lost &amp; gone"}',
    ),
    "/v1/events": (
        b'{"kind": "tweet", "id": "x:1", "conversation": "x:1", "text": "late", ' + _WHEN + b"}",
        b'{"events": [{"kind": "complaint", "title": "bag", "text": "lost", ' + _WHEN + b"}]}",
        b'{"kind": "deleted", "id": "x:1", "conversation": "x:1", "of": "tweet", ' + _WHEN + b"}",
        b'{"events": [{"kind": "transcript", "turns": [{"speaker": "agent", "text": "hi"}]},'
        b' {"kind": "tweet", "text": "on", "revision": 2, "in_reply_to": "x:1"}]}',
        b'{"events": [{"kind": "tweet", "text": "late"}, {"kind": "tweet"}, {"kind": "?"}]}',
    ),
}
NOTHING = b"{}"
TAKEN = {202, 207}  # all of the events, and some of them
# What the bodies above, and none at all, are answered with: every run meets these.
STATUSES = {"/v1/analyze": {200, 422}, "/v1/events": {202, 207, 422}}
KINDS = ("application/json", "application/json; charset=utf-16", "text/plain", "a/b+json", "")


@pytest.fixture(scope="module")
def published() -> list[Outgoing]:
    return []


@pytest.fixture(scope="module")
def site(published) -> Iterator[HTTPConnection]:
    async def publish(messages: Sequence[Outgoing]) -> None:
        published.extend(messages)

    with on_a_thread(lambda: web(EmptyStore(), publish=publish)) as address:
        connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
        yield connection
        connection.close()


def answer(
    site: HTTPConnection, path: str, body: bytes | None, kind: str = KINDS[0]
) -> tuple[int, Any]:
    method = "GET" if body is None else "POST"
    headers = {**HEADERS, "Content-Type": kind} if kind else HEADERS
    site.request(method, path, body, headers)
    response = site.getresponse()
    told = response.status, json.loads(response.read())
    site.close()  # a server ends a connection on which nothing is sent for a while
    return told


def asked(site: HTTPConnection, published: list[Outgoing], path: str, most: int) -> set[int]:
    """The statuses of the answers to this many bodies."""
    _, document = answer(site, "/openapi.json", None)
    documented = {int(status) for status in document["paths"][path]["post"]["responses"]}
    statuses: set[int] = set()

    @example(NOTHING, KINDS[0])
    @settings(max_examples=most)
    @given(nearly(BODIES[path]), st.sampled_from((KINDS[0], KINDS[0], *KINDS)))
    def ask(body: bytes, kind: str) -> None:
        published.clear()
        status, told = answer(site, path, body, kind)
        statuses.add(status)
        assert status in documented
        assert status < 500
        ids = told["ids"] if status in TAKEN else []
        assert [decode(message.value).id for message in published] == ids
        assert bool(told.get("refused")) == (status == 207)

    for body in BODIES[path]:
        ask = example(body, KINDS[0])(ask)
    ask()
    return statuses


@pytest.mark.parametrize("path", BODIES)
def test_every_body_has_an_answer_that_is_documented(site, published, path):
    assert asked(site, published, path, FEW) >= STATUSES[path]


@pytest.mark.long
@pytest.mark.parametrize("path", BODIES)
def test_every_body_of_thousands_has_an_answer_that_is_documented(site, published, path):
    assert asked(site, published, path, MANY) >= STATUSES[path]
