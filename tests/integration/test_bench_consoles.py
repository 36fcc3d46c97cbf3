"""The benchmark's consoles are pages of the queue that stay open: they get a browser's frames."""

from __future__ import annotations

import asyncio

import pytest
from benchmarks.consoles import ConsoleProcess, arrival_figures
from browsing import PASSWORD
from history import tweet
from people import quick_people
from serving import web

from stream.accounts.sessions import Sessions


@pytest.fixture
async def tokens(engine):
    await quick_people(engine).add("ada", PASSWORD, "agent")
    return [await Sessions(engine).log_in("ada", PASSWORD, "127.0.0.1") for _ in range(3)]


async def test_three_consoles_tell_once_each_when_a_new_ticket_came(simple, postgres_url, tokens):
    async with web(simple, url=postgres_url) as site:
        consoles = await ConsoleProcess.start(site, tokens, "probe-")

        await simple.save([tweet(1, 95, text="probe-7 nobody answers me")])
        await consoles.wait_for(3)

        assert set(consoles.arrivals) == {(7, 0), (7, 1), (7, 2)}
        assert (await asyncio.wait_for(consoles.end(), 60))["lost"] == 0


def test_what_did_not_arrive_is_missed_and_not_within_a_second():
    figures = arrival_figures(
        {0: (100.0, 100.1), 1: (102.0, 102.1)}, {(0, console): 100.4 for console in range(50)}
    )

    assert (figures["p1_tickets"], figures["arrivals"]) == (2, 50)
    assert (figures["missed"], figures["within_1_s"]) == (50, 0.5)
    assert figures["from_before_the_save"]["max_ms"] == pytest.approx(400.0)
    assert figures["from_commit"]["p50_ms"] == pytest.approx(300.0)
