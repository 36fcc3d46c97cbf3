"""`POST /v1/hooks/{name}` over real HTTP: what is taken, what is refused, and what is confirmed
before it is.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import json
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
import uvicorn
from fastapi import FastAPI

from connectors.events import decode
from connectors.skipped import TALLY
from connectors.webhook import Hook
from stream.errors import BrokerAway
from stream.web.api.hooks import hooks_routes
from stream.web.http.edge import Edge
from stream.web.http.problems import tell_problems
from stream.web.server import configured

SHOP = Hook("shop", b"a secret of the shop", "shop", paths={"text": (("text",),), "id": (("id",),)})


class Kafka(list):
    """Confirms what it is given, unless it is away."""

    away = False

    async def publish(self, messages):
        if self.away:
            raise BrokerAway("cannot reach Kafka")
        self += messages


@pytest.fixture
def kafka():
    return Kafka()


@asynccontextmanager
async def web(kafka, hook=SHOP):
    app = FastAPI()
    app.add_middleware(Edge)
    tell_problems(app)
    app.include_router(hooks_routes({"shop": hook}, kafka.publish))
    config = configured(app)
    config.port = 0
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:

        async def send(message, *, name="shop", secret=b"a secret of the shop", at=None):
            body = message if isinstance(message, bytes) else json.dumps(message).encode()
            stamp = str(int(time.time() if at is None else at))
            mark = hmac.new(secret, f"msg_1.{stamp}.".encode() + body, hashlib.sha256).digest()
            head = {
                "webhook-id": "msg_1",
                "webhook-timestamp": stamp,
                "webhook-signature": f"v1,{base64.b64encode(mark).decode()}",
            }
            async with client.post(
                f"/v1/hooks/{name}", data=io.BytesIO(body), headers=head
            ) as answer:
                return answer.status, await answer.json(content_type=None), answer.headers

        yield send
    server.should_exit = True
    await running


@pytest.fixture
async def send(kafka):
    async with web(kafka) as sending:
        yield sending


async def test_a_signed_message_is_taken_once_kafka_has_it(send, kafka):
    status, told, _ = await send({"id": 7, "text": "my line is down"})

    assert (status, told) == (202, {"ids": ["shop:7"]})
    assert [(each.topic, each.key) for each in kafka] == [("complaints", "shop:7")]
    assert decode(kafka[0].value).text == "my line is down"


async def test_one_bad_event_keeps_none_of_the_others_back(kafka):
    each = replace(SHOP, list_path=("all",))
    body = {"all": [{"id": 1, "text": "dead"}, {"id": 2}, {"id": 3, "text": "a" * 300_000}]}

    async with web(kafka, each) as send:
        status, told, _ = await send(body)

    assert (status, told["ids"]) == (207, ["shop:1"])
    assert [entry["index"] for entry in told["refused"]] == [1, 2]
    assert [message.key for message in kafka] == ["shop:1"]


async def test_a_message_of_which_nothing_is_taken_is_counted_and_said(kafka, caplog):
    each = replace(SHOP, list_path=("all",))
    before = TALLY.counts()

    async with web(kafka, each) as send:
        assert (await send({"all": [{"id": 1}, {"id": 2}]}))[0] == 422
        assert (await send({"id": 3}))[0] == 422
        assert (await send({"all": [{"id": 4, "text": "a" * 300_000}]}))[0] == 413

    assert TALLY.counts(before) == {"hook_event": 4}
    assert "hook shop: 2 events were refused, 0 taken" in caplog.messages
    assert kafka == []


async def test_nothing_is_promised_while_kafka_is_away(send, kafka):
    kafka.away = True

    status, told, head = await send({"id": 7, "text": "my line is down"})

    assert status == 503
    assert "Retry-After" in head
    assert kafka == []
    assert "my line" not in json.dumps(told)


async def test_what_is_forged_old_unknown_wrong_or_too_large_is_refused(send, kafka):
    good = {"id": 7, "text": "my line is down"}

    assert (await send(good, secret=b"another secret altogether"))[0] == 401
    assert (await send(good, at=time.time() - 400))[0] == 401
    assert (await send(good, name="nobody"))[0] == 404
    assert (await send({"id": 7}))[0] == 422
    assert (await send({"id": 7, "text": "a" * 300_000}))[0] == 413
    assert (await send({"id": 7, "text": "a" * 1_200_000}))[0] == 413
    assert kafka == []
