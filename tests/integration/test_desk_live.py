"""What changes, told as it changes: server-sent events over real HTTP, and the hub under them."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import pytest
from desk_client import Office
from history import deletion, tweet
from people import quick_people
from serving import web
from sqlalchemy import text

from stream.accounts.api_keys import ApiKeys
from stream.accounts.sessions import Sessions
from stream.postgres.database import open_engine
from stream.web.api.changes import MAX_OF_ONE
from stream.web.http.streamed import Streamed
from stream.web.live import WAITING, Change, Changes, Hub, seen_by


@pytest.fixture
async def office(simple, postgres_url):
    engine = open_engine(postgres_url)
    async with (
        web(simple, url=postgres_url, keys=ApiKeys(engine)) as address,
        Office(address, engine) as office,
    ):
        yield office
    await engine.dispose()


class EndOfStream(Exception):
    """The server said no more."""


@asynccontextmanager
async def reading(asker, **headers):
    """A function that gives the next event: (id, name, ids)."""
    given = asker.headers | {name.replace("_", "-"): value for name, value in headers.items()}
    async with asker.session.get("/v1/stream", headers=given) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"

        async def following():
            told: dict[str, str] = {}
            while True:
                line = (await asyncio.wait_for(answer.content.readline(), 60)).decode()
                if not line:
                    raise EndOfStream
                line = line.rstrip("\n")
                name, _, value = line.partition(": ")
                if line and name:
                    told[name] = value
                elif "event" in told:
                    return told["id"], told["event"], json.loads(told["data"])["ids"]

        yield following


async def settled(following):
    """Past what is told at the beginning, when the hub begins to listen."""
    assert (await following())[1] == "hello"


async def test_a_change_is_told_with_its_rows_and_only_to_who_may_see_them(simple, office):
    ada, bob = await office.person("ada", "viewer"), await office.person("bob", "viewer", "Other")
    async with reading(ada) as all_of_it, reading(bob) as theirs:
        await settled(all_of_it)
        await settled(theirs)
        await simple.save([tweet(1, 70)])
        assert (await all_of_it())[1:] == ("tickets", ["x:1"])
        await simple.save([tweet(2, 70, brand="Other")])
        assert (await all_of_it())[1:] == ("tickets", ["x:2"])
        assert (await theirs())[1:] == ("tickets", ["x:2"])
        await simple.save([deletion(1)])
        assert (await all_of_it())[1:] == ("tickets", ["x:1"])
        assert (await theirs())[1:] == ("tickets", [])


async def test_who_comes_back_is_told_what_was_missed_or_to_read_everything_again(simple, office):
    ada = await office.person("ada", "viewer")
    async with reading(ada) as following:
        await settled(following)
        await simple.save([tweet(1, 70)])
        seen, *_ = await following()
    await simple.save([tweet(2, 70)])
    await simple.save([tweet(3, 70)])
    await asyncio.sleep(0.5)

    async with reading(ada, Last_Event_ID=seen) as following:
        missed = [(await following())[2]]
        if "x:3" not in missed[0]:
            missed.append((await following())[2])
    async with reading(ada, Last_Event_ID="0badcafe-7") as following:
        stranger = await following()

    assert sorted(id for ids in missed for id in ids) == ["x:2", "x:3"]
    assert stranger[1:] == ("missed", [])


async def test_a_stream_ends_with_its_session(monkeypatch, simple, office, postgres_url):
    monkeypatch.setattr("stream.web.api.changes.HEARTBEAT", 0.2)
    ada = await office.person("ada", "viewer")
    engine = open_engine(postgres_url)
    async with ada.session.get("/v1/stream", headers=ada.headers) as answer:
        await answer.content.readline()
        async with engine.begin() as connection:
            await connection.execute(text("delete from sessions"))
        await asyncio.wait_for(
            answer.content.read(), 60
        )  # to its end, once the session is no longer remembered
    await engine.dispose()


@pytest.mark.parametrize("end", ["log out", "disable", "role", "brand"])
async def test_a_stream_to_which_there_is_always_something_to_tell_ends_with_its_session(
    simple, office, postgres_url, end
):
    """It was looked after only while nothing changed."""
    ada = await office.person("ada", "viewer")
    engine = open_engine(postgres_url)
    people = quick_people(engine)
    ends = {
        "log out": lambda: Sessions(engine).log_out(ada.headers["Cookie"].partition("=")[2]),
        "disable": lambda: people.disable("ada"),
        "role": lambda: people.set_role("ada", "agent", None),
        "brand": lambda: people.set_role("ada", "viewer", ["Other"]),
    }
    async with reading(ada) as following:
        await settled(following)
        await ends[end]()
        numbers = itertools.count(1)

        async def read_to_the_end():
            while True:
                await simple.save([tweet(next(numbers), 70)])
                await following()

        with pytest.raises(EndOfStream):
            await asyncio.wait_for(read_to_the_end(), 60)
    await engine.dispose()


async def test_a_stream_of_a_key_goes_on_until_the_key_is_revoked(
    monkeypatch, simple, office, postgres_url
):
    monkeypatch.setattr("stream.web.api.changes.HEARTBEAT", 0.1)
    monkeypatch.setattr("stream.web.auth.keyring.REMEMBERED", 0.0)
    robot = await office.key("robot", "read")
    engine = open_engine(postgres_url)
    async with robot.session.get("/v1/stream", headers=robot.headers) as answer:
        heartbeats = 0
        while heartbeats < 5:
            heartbeats += await asyncio.wait_for(answer.content.readline(), 60) == b":\n"
        await ApiKeys(engine).revoke("robot")
        await asyncio.wait_for(answer.content.read(), 60)
    await engine.dispose()


async def test_a_server_that_stops_ends_its_streams(simple, postgres_url, caplog):
    engine = open_engine(postgres_url)
    stopped = AsyncExitStack()
    address = await stopped.enter_async_context(web(simple, url=postgres_url, keys=ApiKeys(engine)))
    async with Office(address, engine) as office:
        ada = await office.person("ada", "viewer")
        async with ada.session.get("/v1/stream", headers=ada.headers) as answer:
            await answer.content.readline()
            _, rest = await asyncio.gather(stopped.aclose(), answer.content.read())
    await engine.dispose()

    assert b"event: hello" in rest  # to its proper end, not broken off
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


async def test_a_stream_of_so_many_seconds_ends_by_itself(office):
    ada = await office.person("ada", "viewer")

    assert "event: hello" in (await ada.get("/v1/stream?seconds=0.3")).told


async def test_the_hub_goes_on_when_the_database_comes_back(own_postgres):
    from stream.postgres.schema import migrate

    await migrate(own_postgres.url)
    engine = open_engine(own_postgres.url)
    hub = Hub(own_postgres.url, engine)
    async with hub.running():
        await asyncio.wait_for(hub.listens.wait(), 60)
        with hub.subscribe(None) as changes:
            own_postgres.stop()
            while hub.listens.is_set():
                await asyncio.sleep(0.05)
            own_postgres.start()
            assert (await asyncio.wait_for(anext(changes), 60)).table == ""
    await engine.dispose()


def test_a_reader_who_is_too_slow_is_told_to_read_everything_again():
    changes = Changes(None)
    for number in range(WAITING + 1):
        changes.put(Change("tickets", (f"x:{number}",), number))

    assert list(changes._waiting) == [Change("", (), WAITING)]


@pytest.mark.parametrize(
    ("ids", "brands", "seen"),
    [
        (("a",), {"a": "Other"}, None),
        (("a",), {"a": None}, None),
        (("a", "b"), {"a": "Ours", "b": "Other"}, ("a",)),
        (("a", "b"), {"b": "Other"}, ()),  # a is gone: nobody knows whose it was
        ((), {}, ()),
    ],
)
def test_who_is_bound_to_a_brand_hears_of_its_rows_alone(ids, brands, seen):
    told = seen_by(frozenset({"Ours"}), Change("tickets", ids, 7), brands)

    assert told == (None if seen is None else Change("tickets", seen, 7))


async def test_one_reader_may_have_so_many_streams_and_leaves_the_others_theirs(office):
    ada, bob = await office.person("ada", "viewer"), await office.person("bob", "viewer")
    async with AsyncExitStack() as stack:
        for _ in range(MAX_OF_ONE):
            await settled(await stack.enter_async_context(reading(ada)))
        async with ada.session.get("/v1/stream", headers=ada.headers) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "10")
            assert "20 streams of ada are open" in (await answer.json())["detail"]
        async with reading(bob) as theirs:
            await settled(theirs)


async def test_a_reader_who_is_gone_before_the_first_line_gives_the_place_back():
    """Such a source never begins, and so never came to the end of its own that counted it out."""
    begun, ended = [], []

    async def lines():
        begun.append(True)
        yield b"retry: 2000\n"

    async def gone():
        return {"type": "http.disconnect"}

    async def unheard(message):
        await asyncio.sleep(0)

    answer = Streamed(lines(), media_type="text/event-stream", on_end=lambda: ended.append(True))
    await answer({"type": "http", "asgi": {"spec_version": "2.3"}}, gone, unheard)

    assert (begun, ended) == ([], [True])


async def test_readers_who_hang_up_at_once_keep_nobody_out(office):
    ada = await office.person("ada", "viewer")
    place = urlsplit(office.address)
    head = "".join(f"{name}: {value}\r\n" for name, value in ada.headers.items())
    request = f"GET /v1/stream HTTP/1.1\r\nHost: {place.netloc}\r\n{head}\r\n".encode()
    for _ in range(2 * MAX_OF_ONE):
        _, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(request)
        await writer.drain()
        writer.transport.abort()

    async with asyncio.timeout(120):
        while True:
            async with ada.session.get("/v1/stream", headers=ada.headers) as answer:
                if answer.status == 200:
                    break
            await asyncio.sleep(0.1)
