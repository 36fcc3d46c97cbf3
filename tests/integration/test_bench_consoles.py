"""The bench's consoles are pages of the queue that stay open: they hear what a browser would be
told.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import pytest
from browsing import PASSWORD
from history import tweet
from serving import web

from stream.accounts.sessions import Sessions
from stream.accounts.users import People
from stream.bench_consoles import PATIENCE, Console, watch
from stream.bench_desk import _figures
from stream.postgres.database import open_engine
from stream.web.http.origins import COOKIE


@pytest.fixture
async def tokens(postgres_url):
    engine = open_engine(postgres_url)
    await People(engine).add("ada", PASSWORD, "agent")
    made = [await Sessions(engine).log_in("ada", PASSWORD, "127.0.0.1") for _ in range(3)]
    await engine.dispose()
    return made


async def test_three_consoles_tell_once_each_when_a_new_ticket_came(simple, postgres_url, tokens):
    async with web(simple, url=postgres_url) as site:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "stream.bench_consoles",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        order = {"site": site, "cookie": COOKIE, "tokens": tokens, "mark": "probe-"}
        process.stdin.write(json.dumps(order).encode() + b"\n")

        # as patient as the process itself, on a machine that does many things at once
        async def line():
            said = await asyncio.wait_for(process.stdout.readline(), 3 * PATIENCE)
            assert said, "the consoles ended; why stands in standard error"
            return json.loads(said)

        assert await line() == {"open": 3}

        await simple.save([tweet(1, 95, text="probe-7 nobody answers me")])

        heard = [await line() for _ in range(3)]
        assert {(each["console"], each["probe"]) for each in heard} == {(0, 7), (1, 7), (2, 7)}
        process.stdin.close()
        assert (await line())["lost"] == 0
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0


async def test_who_is_open_already_is_not_cut_off_while_others_take_their_time(
    simple, postgres_url, tokens, monkeypatch
):
    monkeypatch.setattr(
        "stream.web.console.mount.AWAY", 5.0
    )  # the server pings every 4 s, and waits 2 s for an answer
    opened, told = Console.open, []

    async def slowly(self, session, cookies):
        await asyncio.sleep(8 if cookies[COOKIE] == tokens[1] else 0)
        return await opened(self, session, cookies)

    class Second:
        def read(self):
            time.sleep(1)

    monkeypatch.setattr(Console, "open", slowly)
    monkeypatch.setattr("stream.bench_consoles._say", told.append)
    monkeypatch.setattr(sys, "stdin", Second())
    async with web(simple, url=postgres_url) as site:
        await watch(site, COOKIE, tokens[:2], "probe-")

    assert told[0] == {"open": 2}
    assert told[-1]["lost"] == 0


def test_what_did_not_arrive_is_missed_and_not_within_a_second():
    told = _figures(
        {0: (100.0, 100.1), 1: (102.0, 102.1)}, {(0, console): 100.4 for console in range(50)}
    )

    assert (told["p1_tickets"], told["arrivals"], told["missed"], told["within_1_s"]) == (
        2,
        50,
        50,
        0.5,
    )
    assert told["from_before_the_save"]["max_ms"] == pytest.approx(400.0)
    assert told["from_commit"]["p50_ms"] == pytest.approx(300.0)
