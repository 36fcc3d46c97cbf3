"""The REST interface over real HTTP: what it takes, what it answers, and how it refuses."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from typing import ClassVar

import aiohttp
import pytest
from serving import TOKEN, EmptyStore, Keys, echo, web

from connectors.events import decode
from connectors.skipped import TALLY
from stream.errors import BrokerAway
from stream.kafka import MESSAGE_LIMIT
from stream.web.batcher import Batcher
from stream.web.http.edge import LARGEST_BODY

READER = "earshot_" + "r" * 43


async def send(
    address: str,
    path: str,
    body: object,
    *,
    token: str | None = TOKEN,
    method: str = "POST",
    **headers,
):
    """(status, JSON, headers) of a request. body: JSON-able, or bytes as they are."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        given["Authorization"] = f"Bearer {token}"
    given.setdefault("Content-Type", "application/json")
    data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, address + path, data=data, headers=given) as answer,
    ):
        return answer.status, await answer.json(content_type=None), answer.headers


class Broker:
    """Keeps what it is given; away when told so."""

    def __init__(self) -> None:
        self.messages = []
        self.away = False

    async def __call__(self, messages) -> None:
        if self.away:
            raise BrokerAway("cannot reach Kafka at broker:9092: refused")
        self.messages += messages


@pytest.fixture
async def site():
    async with web() as address:
        yield address


# --- analyze


async def test_one_message_is_answered_with_its_analysis_and_several_with_theirs_in_order(site):
    one = await send(site, "/v1/analyze", {"text": "four"})
    call = {
        "kind": "transcript",
        "turns": [{"speaker": "agent", "text": "hi"}, {"speaker": "customer", "text": "abc"}],
    }
    several = [{"text": "a"}, {"kind": "tweet", "text": "ab", "id": "x:1", "author": "ada"}, call]
    several += [{"kind": "complaint", "title": "ab", "text": "cd"}]
    many = await send(site, "/v1/analyze", {"messages": several})

    assert one[:2] == (200, {"length": 4})
    assert many[:2] == (200, {"analyses": [{"length": n} for n in (1, 2, 2, 2)]})


async def test_256_messages_are_taken_and_not_one_more(site):
    status, told, _ = await send(site, "/v1/analyze", {"messages": [{"text": "x"}] * 256})
    assert (status, len(told["analyses"])) == (200, 256)

    status, told, _ = await send(site, "/v1/analyze", {"messages": [{"text": "x"}] * 257})
    assert (status, told["errors"][0]["at"]) == (422, "body.messages")


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ({"text": ""}, 422, "body.text"),
        ({"text": "  \n"}, 422, "body.text"),
        ({"text": 5}, 422, "body.text"),
        ({"texts": ["x"]}, 422, "body.text"),
        ({"messages": []}, 422, "body.messages"),
        ({"messages": [{"text": "x"}, {"text": ""}]}, 422, "body.messages.1.text"),
        ({"kind": "letter", "text": "x"}, 422, "body"),
        ({"kind": "transcript", "turns": [{"speaker": "agent", "text": "x"}]}, 422, "body"),
        (
            {"kind": "transcript", "turns": [{"speaker": "bot", "text": "x"}]},
            422,
            "body.turns.0.speaker",
        ),
        (
            {"kind": "transcript", "turns": [{"speaker": "customer", "text": "x"}] * 257},
            422,
            "body.turns",
        ),
        ({"text": "x" * 100_001}, 422, "body.text"),
        ([1], 422, "body"),
        (b"{", 400, None),
        (b"[" * 100_000, 400, None),
        ({"kind": ["tweet"], "text": "x"}, 422, "body"),
        (b'{"text": "\xff\xfe"}', 400, None),
        (b"", 422, "body"),
        (b" " * (LARGEST_BODY + 1), 413, None),
    ],
    ids=lambda given: str(given)[:40],
)
async def test_what_cannot_be_read_is_told_where_and_never_quoted(site, body, status, where):
    answered, told, headers = await send(site, "/v1/analyze", body)

    assert answered == told["status"] == status
    assert headers["Content-Type"] == "application/problem+json"
    assert told["request_id"] == headers["X-Request-Id"]
    assert [each["at"] for each in told.get("errors", [])][:1] == ([where] if where else [])


async def test_a_body_without_an_announced_length_is_cut_off_where_it_is_too_large(site):
    async def chunks():
        for _ in range(LARGEST_BODY // 65536 + 2):
            yield b" " * 65536

    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession() as session:
        try:
            async with session.post(site + "/v1/analyze", data=chunks(), headers=headers) as answer:
                assert answer.status == 413
        except aiohttp.ClientConnectionError:
            pass  # it hung up on what still came; the answer was lost with it
        async with session.get(site + "/healthz") as answer:
            assert answer.status == 200


async def test_errors_of_the_address_the_method_and_the_type_are_problems_too(site):
    for method, path, given, status in (
        ("POST", "/v1/nothing", {}, 404),
        ("DELETE", "/v1/analyze", {}, 405),
        ("POST", "/v1/analyze/", {}, 404),
        ("POST", "/v1/analyze", {"Content_Type": "text/plain"}, 415),
    ):
        answered, told, headers = await send(site, path, {"text": "x"}, method=method, **given)
        assert (answered, told["status"], headers["Content-Type"]) == (
            status,
            status,
            "application/problem+json",
        )
        if status == 405:
            assert headers["Allow"] == "POST"


async def test_a_fault_of_ours_is_logged_without_what_was_said_and_told_without_a_traceback(caplog):
    def broken(readings):
        raise RuntimeError(f"cannot read {readings}")

    async with web(read=broken) as address:
        with caplog.at_level(logging.ERROR):
            status, told, headers = await send(
                address, "/v1/analyze", {"text": "my secret"}, X_Request_Id="abc-1"
            )

    assert (status, told["request_id"], headers["X-Request-Id"]) == (500, "abc-1", "abc-1")
    assert "secret" not in json.dumps(told) + caplog.text
    assert "abc-1" in caplog.text
    assert "RuntimeError at test_rest.py" in caplog.text


class Watched(Batcher):
    """Keeps the batchers that were made, whose queue a test waits for."""

    made: ClassVar[list[Batcher]] = []

    def __init__(self, *given, **more) -> None:
        super().__init__(*given, **more)
        self.made.append(self)


async def until_waiting(many: int) -> None:
    async with asyncio.timeout(60):
        while Watched.made[-1].waiting != many:
            await asyncio.sleep(0.01)


async def test_more_than_can_be_answered_is_refused_with_the_time_to_wait():
    go, held = threading.Event(), threading.Event()

    def slow(readings):
        held.set()
        go.wait(60)
        return echo(readings)

    async with web(read=slow, waiting=2, batches=Watched) as address:
        first = asyncio.create_task(send(address, "/v1/analyze", {"text": "x"}))
        await asyncio.to_thread(held.wait)
        second = asyncio.create_task(
            send(address, "/v1/analyze", {"messages": [{"text": "x"}] * 2})
        )
        await until_waiting(2)
        status, told, headers = await send(address, "/v1/analyze", {"text": "x"})
        go.set()
        assert (await first)[0] == (await second)[0] == 200

    assert status == told["status"] == 503
    assert int(headers["Retry-After"]) >= 1


async def test_who_hangs_up_costs_the_model_nothing():
    go, held, read = threading.Event(), threading.Event(), []

    def slow(readings):
        held.set()
        go.wait(60)
        read.extend(reading.text for reading in readings)
        return echo(readings)

    async with web(read=slow, batches=Watched) as address:
        first = asyncio.create_task(send(address, "/v1/analyze", {"text": "first"}))
        await asyncio.to_thread(held.wait)
        gone = asyncio.create_task(send(address, "/v1/analyze", {"text": "gone"}))
        await until_waiting(1)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        await until_waiting(0)
        go.set()
        assert (await first)[0] == 200
        assert (await send(address, "/v1/analyze", {"text": "last"}))[0] == 200

    assert read == ["first", "last"]


# --- keys


async def test_who_sends_needs_a_key_with_the_scope_also_on_the_machine_itself():
    keys = Keys(**{READER: ["read"]})
    async with web(keys=keys) as address:
        for path, body in (
            ("/v1/analyze", {"text": "x"}),
            ("/v1/events", {"kind": "tweet", "text": "x"}),
        ):
            for token, expected in (
                (None, 401),
                ("earshot_" + "z" * 43, 401),
                ("x", 401),
                (READER, 403),
            ):
                status, told, headers = await send(address, path, body, token=token)
                assert (status, told["status"]) == (expected, expected)
                assert headers.get("WWW-Authenticate") == ("Bearer" if expected == 401 else None)
                assert str(token) not in json.dumps(told)


async def test_a_key_that_sends_too_much_is_told_how_long_to_wait():
    async with web(rate=10, burst=256, clock=lambda: 0.0) as address:
        assert (await send(address, "/v1/analyze", {"messages": [{"text": "x"}] * 256}))[0] == 200
        status, _, headers = await send(address, "/v1/analyze", {"messages": [{"text": "x"}] * 20})

    assert status == 429
    assert 1 <= int(headers["Retry-After"]) <= 2


async def test_the_database_away_is_a_503_for_an_unknown_key_and_nothing_to_a_known_one():
    keys = Keys()
    async with web(EmptyStore(), keys=keys, clock=lambda: 0.0) as address:
        keys.away = True
        status, _, headers = await send(address, "/v1/analyze", {"text": "x"})
        assert (status, headers["Retry-After"]) == (503, "2")
        keys.away = False
        assert (await send(address, "/v1/analyze", {"text": "x"}))[0] == 200
        keys.away = True
        assert (await send(address, "/v1/analyze", {"text": "x"}))[0] == 200


# --- events


async def test_an_event_goes_to_its_topic_under_its_conversation_and_is_what_the_stream_reads():
    broker = Broker()
    posted = [
        {"kind": "tweet", "text": "where is my bag", "author": "ada"},
        {"kind": "complaint", "id": "form:7", "conversation": "form:1", "text": "my line is dead"},
        {
            "kind": "transcript",
            "id": "calls:1",
            "turns": [{"speaker": "customer", "text": "hello"}],
        },
        {
            "kind": "deleted",
            "id": "x:9",
            "conversation": "x:9",
            "occurred_at": "2026-03-12T11:58:00Z",
        },
    ]
    async with web(publish=broker) as address:
        status, told, _ = await send(address, "/v1/events", {"events": posted})

    events = [decode(message.value) for message in broker.messages]
    assert status == 202
    assert told["ids"] == [event.id for event in events]
    assert told["ids"][1:] == ["form:7", "calls:1", "x:9"]
    assert [message.topic for message in broker.messages] == [
        "tweets",
        "complaints",
        "transcripts",
        "tweets",
    ]
    assert [message.key for message in broker.messages] == [
        told["ids"][0],
        "form:1",
        "calls:1",
        "x:9",
    ]


async def test_the_same_idempotency_key_makes_the_same_ids_and_another_caller_others():
    other = "earshot_" + "o" * 43
    body = {"events": [{"kind": "tweet", "text": "a"}, {"kind": "tweet", "text": "b"}]}
    async with web(publish=Broker(), keys=Keys(**{other: ["events"]})) as address:
        first, again = [
            (await send(address, "/v1/events", body, Idempotency_Key="k1"))[1]["ids"]
            for _ in range(2)
        ]
        theirs = (await send(address, "/v1/events", body, token=other, Idempotency_Key="k1"))[1][
            "ids"
        ]
        later = (await send(address, "/v1/events", body, Idempotency_Key="k2"))[1]["ids"]
        without = [(await send(address, "/v1/events", body))[1]["ids"] for _ in range(2)]

    assert first == again
    assert len({*first, *theirs, *later, *without[0], *without[1]}) == 10


async def test_a_bad_event_is_refused_alone_or_beside_another_that_is_taken():
    broker = Broker()
    good = {"kind": "tweet", "text": "x"}
    async with web(publish=broker) as address:
        for bad, expected in (
            ({"kind": "tweet"}, 422),
            ({"kind": "tweet", "text": "x", "id": "no network"}, 422),
            ({"kind": "tweet", "text": "x", "occurred_at": "2026-03-12T11:58:00"}, 422),
            ({"kind": "tweet", "text": "x", "occurred_at": None}, 422),
            ({"kind": "tweet", "text": "x" * MESSAGE_LIMIT}, 413),
        ):
            assert (await send(address, "/v1/events", {"events": [bad]}))[0] == expected
            assert (await send(address, "/v1/events", bad))[0] == expected
            assert broker.messages == []
            status, told, _ = await send(address, "/v1/events", {"events": [good, bad]})
            assert (status, [entry["index"] for entry in told["refused"]]) == (207, [1])
            assert [decode(broker.messages.pop().value).text] == ["x"]


async def test_a_broker_that_is_away_is_a_503_and_the_server_goes_on():
    broker = Broker()
    broker.away = True
    async with web(publish=broker) as address:
        status, told, headers = await send(address, "/v1/events", {"kind": "tweet", "text": "x"})
        assert (status, headers["Retry-After"]) == (503, "2")
        assert "broker:9092" not in told["detail"]
        broker.away = False
        assert (await send(address, "/v1/events", {"kind": "tweet", "text": "x"}))[0] == 202


async def test_the_taxonomy_names_every_topic_with_its_problems(site):
    status, told, _ = await send(site, "/v1/taxonomy", b"", method="GET")

    assert status == 200
    assert told["other"] == "other"
    assert all(topic["name"] and isinstance(topic["problems"], list) for topic in told["topics"])
    assert any(topic["problems"] for topic in told["topics"])


# --- some of several


HALVES = ("late \ud83d bus", "late \udc00", "\ud83d\x00x")  # cut characters


@pytest.mark.parametrize("half", HALVES)
async def test_half_a_character_is_replaced_wherever_it_stands(half):
    broker = Broker()
    call = {"kind": "transcript", "turns": [{"speaker": "customer", "name": half, "text": half}]}
    post = {"kind": "tweet", "author": half, "brand": half, "text": half}
    letter = {"kind": "complaint", "title": half, "text": half}
    async with web(publish=broker) as site:
        for body in (post, letter, call, {"events": [post, letter, call]}):
            assert (await send(site, "/v1/events", body))[0] == 202
        messages = [{"text": half}, letter, call]
        for body in (*messages, {"messages": messages}):
            assert (await send(site, "/v1/analyze", body))[0] == 200

    texts = [decode(message.value).text for message in broker.messages]
    assert texts == [half.encode("utf-8", "replace").decode()] * 6


async def test_one_bad_event_keeps_none_of_the_others_back():
    broker, letter = Broker(), {"kind": "complaint", "text": "my line is dead"}
    bad = [
        {"kind": "complaint", "text": 5},
        {"kind": "letter", "text": "x"},
        {"kind": "tweet"},
        "nonsense",
        {"kind": "tweet", "text": "x" * MESSAGE_LIMIT},
    ]
    async with web(publish=broker) as site:
        before = TALLY.counts()
        status, told, _ = await send(site, "/v1/events", {"events": [letter, *bad, letter]})

    assert status == 207
    assert len(told["ids"]) == len(broker.messages) == 2
    assert [entry["index"] for entry in told["refused"]] == [1, 2, 3, 4, 5]
    assert all(entry["reason"] for entry in told["refused"])
    assert TALLY.counts(before) == {"event": 5}


async def test_the_same_key_makes_the_same_ids_once_the_bad_event_is_mended():
    letter = {"kind": "complaint", "text": "my line is dead"}
    async with web() as site:
        partly = await send(
            site, "/v1/events", {"events": [{"kind": "tweet"}, letter]}, Idempotency_Key="a"
        )
        whole = await send(site, "/v1/events", {"events": [letter] * 2}, Idempotency_Key="a")

    assert partly[0] == 207
    assert partly[1]["ids"] == whole[1]["ids"][1:]


async def test_where_no_event_can_be_read_each_is_named():
    async with web() as site:
        before = TALLY.counts()
        body = {"events": [{"kind": "tweet"}, {"kind": "tweet", "text": 5}]}
        status, told, _ = await send(site, "/v1/events", body)

    assert (status, TALLY.counts(before)) == (422, {"event": 2})
    assert [fault["at"] for fault in told["errors"]] == ["body.events.0.text", "body.events.1.text"]
