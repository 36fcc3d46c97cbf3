"""CSV out and a person's texts away, over the desk's interface."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from desk_client import Office
from history import tweet
from serving import web

from stream.accounts.api_keys import ApiKeys
from stream.kafka import Outgoing
from stream.postgres.database import open_engine
from stream.web.api.export import COLUMNS

published: list[Outgoing] = []


@pytest.fixture
async def office(simple, postgres_url):
    async def publish(messages):
        published.extend(messages)

    published.clear()
    engine = open_engine(postgres_url)
    keys = ApiKeys(engine)
    async with (
        web(simple, url=postgres_url, keys=keys, publish=publish) as address,
        Office(address, engine) as office,
    ):
        yield office
    await engine.dispose()


def rows(told: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(told, newline="")))


async def test_the_files_have_the_documented_columns_and_every_row(simple, office):
    await simple.save(
        [
            tweet(number, 95, author=f"a{number}", text=f'said "{number}",\nthen left')
            for number in range(1, 4)
        ]
    )
    ada = await office.person("ada", "viewer")

    for of, name in (("tickets", "x:1"), ("events", "x:1"), ("alerts", "p1:x:1:1")):
        answer = await ada.get(f"/v1/export?of={of}")
        found = rows(answer.told)
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"].startswith(
            f'attachment; filename="earshot-{of}-'
        )
        assert tuple(found[0]) == COLUMNS[of]
        assert (len(found), found[0]["id"]) == (3, name)
    assert rows((await ada.get("/v1/export?of=events")).told)[1]["text"] == 'said "2",\nthen left'


async def test_the_same_comes_as_parquet_with_types(simple, office):
    await simple.save([tweet(1, 95, text="=1+1"), tweet(2, 70, minute=1)])
    ada = await office.person("ada", "agent")
    await ada.post("/v1/tickets/x%3A1/tags", {"add": ["refund", "vip"]})
    found = {}
    for of in COLUMNS:
        async with ada.session.get(
            f"/v1/export?of={of}&format=parquet", headers=ada.headers
        ) as answer:
            assert answer.content_type == "application/vnd.apache.parquet"
            found[of] = pq.read_table(io.BytesIO(await answer.read()))

    assert {of: tuple(table.column_names) for of, table in found.items()} == dict(COLUMNS)
    events, tickets = found["events"].to_pylist(), found["tickets"].to_pylist()
    assert [events[0][name] for name in ("id", "text", "severity")] == ["x:1", "=1+1", 3]
    assert events[0]["occurred_at"] == datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
    assert tickets[0]["tags"] == ["refund", "vip"]
    assert found["alerts"].num_rows == 1
    async with ada.session.get(
        "/v1/export?of=events&format=parquet&brand=none", headers=ada.headers
    ) as answer:
        assert pq.read_table(io.BytesIO(await answer.read())).num_rows == 0


async def test_what_is_asked_for_is_all_that_comes(simple, office):
    await simple.save(
        [tweet(1, 70), tweet(2, 70, minute=60), tweet(3, 70, brand="Other", minute=90)]
    )
    ada = await office.person("ada", "viewer")

    for asked, expected in (
        ("brand=Other", ["x:3"]),
        ("since=2026-03-12T13:00:00Z", ["x:2", "x:3"]),
        ("until=2026-03-12T13:00:00Z", ["x:1"]),
        ("since=2026-03-12T14:00:00%2B01:00&until=2026-03-12T13:01:00Z", ["x:2"]),
        ("brand=nobody", []),
    ):
        assert [
            each["id"] for each in rows((await ada.get(f"/v1/export?of=events&{asked}")).told)
        ] == expected, asked
    for wrong in (
        "",
        "of=users",
        "of=events&since=yesterday",
        "of=events&since=0001-01-01T00:00:00%2B10:00",
    ):
        assert (await ada.get(f"/v1/export?{wrong}")).status == 422, wrong


async def test_no_cell_is_a_formula(simple, office):
    await simple.save(
        [
            tweet(number, 70, text=f"{sign}cmd|' /C calc'!A0")
            for number, sign in enumerate("=+-@", 1)
        ]
    )
    ada = await office.person("ada", "viewer")

    told = rows((await ada.get("/v1/export?of=events")).told)

    assert [each["text"][:2] for each in told] == ["'=", "'+", "'-", "'@"]


async def test_memory_does_not_grow_with_what_is_exported(simple, office):
    for start in range(0, 4_000, 500):
        await simple.save(
            [tweet(number, 30, text="x" * 900) for number in range(start, start + 500)]
        )
    ada = await office.person("ada", "viewer")
    await ada.get("/v1/export?of=events&brand=nobody")
    tracemalloc.start()
    size = 0
    async with ada.session.get("/v1/export?of=events", headers=ada.headers) as answer:
        async for chunk in answer.content.iter_chunked(65536):
            size += len(chunk)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert size > 4_000_000
    assert peak < 2_500_000  # of both sides: they share this process


async def test_whoever_hangs_up_leaves_his_place_to_the_next(simple, office):
    await simple.save([tweet(number, 30, text="x" * 900) for number in range(400)])
    ada = await office.person("ada", "viewer")
    async with asyncio.timeout(60):  # the server learns a moment later that he is gone
        for _ in range(5):
            while not await begun_and_left(ada):
                await asyncio.sleep(0.05)
        while (await ada.get("/v1/export?of=tickets")).status != 200:
            await asyncio.sleep(0.05)


async def begun_and_left(person) -> bool:
    """Whether an export began, which the person then left."""
    async with person.session.get("/v1/export?of=events", headers=person.headers) as answer:
        await answer.content.readany()
        answer.close()
        return answer.status == 200


async def test_a_person_is_forgotten_by_a_lead_and_what_changed_is_published(simple, office):
    await simple.save([tweet(1, 70, author="eve"), tweet(2, 70, author="bob")])
    lea, ada = await office.person("lea", "lead"), await office.person("ada", "agent")

    refused = await ada.post("/v1/forget", {"author": "eve"})
    gone = await lea.post("/v1/forget", {"author": "eve"})
    again = await lea.post("/v1/forget", {"author": "eve", "network": "x"})

    assert refused.status == 403
    assert gone.told == {"messages": 1, "drafts": 0, "dead_letters": 0}
    assert again.told["messages"] == 0
    assert [
        (each["id"], each["text"]) for each in rows((await lea.get("/v1/export?of=events")).told)
    ] == [
        ("x:1", ""),
        ("x:2", "still waiting"),
    ]
    assert (await lea.get("/v1/tickets/x%3A1")).status == 404
    assert {message.topic for message in published} >= {"tickets", "analyses"}


@pytest.mark.parametrize("of", COLUMNS)
def test_the_guide_names_every_column(of):
    guide = (Path(__file__).parents[2] / "stream/README.md").read_text()
    told = re.search(rf"^\| `{of}` \| (.*)$", guide, re.MULTILINE)[1]

    assert set(COLUMNS[of]) <= set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]*)`", told))))
