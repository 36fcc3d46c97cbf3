"""Conversations merged, split, linked and heard elsewhere, over REST and in the shell."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from desk_client import Office
from history import tweet
from rows import ask
from serving import web
from typer.testing import CliRunner

from connectors.events import decode
from stream.cli.main import app

T = "/v1/tickets/x%3A1"
INCIDENTS = """
    insert into incidents (id, brand, title, severity, started_at, evidence, version) values
    ('i1', 'Northwind Air', 'bags', 7, now(), '{}', 1),
    ('i2', 'Northwind Air', 'gates', 7, now(), '{}', 1),
    ('other', 'Other', 'bills', 7, now(), '{}', 1)
"""


@pytest.fixture
async def small(simple, postgres_url):
    """Two tickets of a brand, the first with two messages; one of another brand; incidents."""
    await simple.save(
        [
            tweet(1, 95),
            tweet(2, 70, minute=1),
            tweet(3, 80, brand="Other"),
            tweet(4, 60, of=1, minute=2, text="and my seat is broken"),
        ]
    )
    await ask(postgres_url, INCIDENTS)
    return simple


async def test_rest_joins_for_who_may(small, engine, postgres_url):
    heard = []

    async def publish(messages):
        heard.extend(messages)

    async with (
        web(small, url=postgres_url, publish=publish) as address,
        Office(address, engine) as office,
    ):
        ben, vic = await office.person("ben", "agent"), await office.person("vic", "viewer")
        sky = await office.person("sky", "agent", "Other")
        for path, body in (
            ("merge", {"into": "x:2"}),
            ("split", {"messages": ["x:4"]}),
            ("incident", {"incident": "i1"}),
            ("messages", {"text": "she rang", "channel": "phone"}),
        ):
            for asker, status in ((vic, 403), (sky, 404)):
                assert (await asker.post(f"{T}/{path}", body)).status == status, path
            assert (await ben.post(f"/v1/tickets/x%3A77/{path}", body)).status == 404, path
            assert (await ben.post(f"{T}/{path}", {})).status == 422, path
        for path, body, words in (
            ("merge", {"into": "x:1"}, "with itself"),
            ("merge", {"into": "x:3"}, "one brand"),
            ("split", {"messages": ["x:2"]}, "no message of this ticket"),
            ("incident", {"incident": "other"}, "the incident is of Other"),
            ("incident", {"incident": "nowhere"}, "there is no incident nowhere"),
            ("incident", {"incident": None}, "in no incident"),
        ):
            refused = await ben.post(f"{T}/{path}", body)
            assert (refused.status, words in str(refused.told)) == (409, True), refused.told
        assert heard == [], "nothing was done so far"
        stale = await ben.post(f"{T}/incident", {"incident": "i1"}, If_Match='"9.9"')
        assert stale.status == 412

        split = await ben.post(f"{T}/split", {"messages": ["x:4"]})
        assert (split.status, split.told["other"], split.told["ticket"]["messages"]) == (
            200,
            "x:4",
            1,
        )
        merged = await ben.post("/v1/tickets/x%3A4/merge", {"into": "x:2"})
        assert (merged.status, merged.told["ticket"]["id"]) == (200, "x:2")
        assert {message.key for message in heard} >= {"x:1", "x:4", "x:2"}, "the topics are told"
        gone = await ben.post("/v1/tickets/x%3A4/merge", {"into": "x:1"})
        assert (gone.status, "x:4 was merged into x:2" in str(gone.told)) == (404, True)
        foreign = await sky.post("/v1/tickets/x%3A4/merge", {"into": "x:3"})
        assert (foreign.status, "x:2" in str(foreign.told)) == (404, False)
        linked = await ben.post(f"{T}/incident", {"incident": "i1"})
        assert linked.status == 200
        said = await ben.post(f"{T}/messages", {"text": "she rang", "channel": "phone"})
        assert (said.status, decode(heard[-1].value).id) == (202, said.told["id"])
        assert (await ben.post(f"{T}/messages", {"text": " "})).status == 422
        count, hour = len(heard), timedelta(hours=1)
        for moment, status in (
            (datetime.now(UTC) + hour, 422),  # it would be the last word for an hour
            (datetime.now(UTC) - 4_000 * 24 * hour, 422),
            (datetime.now(UTC) - 24 * hour, 202),
        ):
            words = {"text": "she rang", "said_at": moment.isoformat()}
            assert (await ben.post(f"{T}/messages", words)).status == status, moment
        assert len(heard) == count + 1


async def members(url, state="joined"):
    rows = await ask(
        url, "select incident_id i, ticket_id t from incident_tickets where state = $1", state
    )
    return {(row["i"], row["t"]) for row in rows}


async def test_the_shell_merges_splits_and_links(small, postgres_url, tmp_path, monkeypatch):
    monkeypatch.setenv("EARSHOT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))
    monkeypatch.setattr("stream.bootstrap.jobs.join_conversations", without_broker)

    async def run(*words: str) -> str:
        command = ["ticket", *words]
        done = await asyncio.to_thread(CliRunner().invoke, app, command)
        return str(done.exception) if done.exception else done.output

    assert await run("split", "x:1", "x:4") == "x:4 is split off x:1\n"
    assert await run("merge", "x:4", "x:2", "--by", "ada") == (
        "x:4 is merged into x:2: 2 messages\n"
    )
    assert await run("link", "x:2", "i1") == "x:2 belongs to i1\n"
    assert await members(postgres_url) == {("i1", "x:2")}
    assert await run("link", "x:2") == "x:2 is in no incident\n"
    assert await members(postgres_url) == set()
    assert "x:4 was merged into x:2; see `earshot tickets`" in await run("show", "x:4")
    assert "with itself" in await run("merge", "x:1", "x:1")
    assert "there is no incident nowhere" in await run("link", "x:1", "nowhere")
    assert "no ticket x:77; see `earshot tickets`" in await run("split", "x:77", "x:77")


async def without_broker(running, act):
    from stream.desk.joining import Joining

    async with running.engine() as engine:
        return await act(Joining(engine))
