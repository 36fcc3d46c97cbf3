"""The views that people read, as the read-only login sees them; the README's queries on them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from history import answer, deletion, tweet
from sqlalchemy import text

from stream.postgres.database import reader_url
from stream.postgres.sql import Rows, run_sql
from stream.store.store import Store

README = Path(__file__).resolve().parents[2] / "stream/README.md"
QUERIES = re.findall(r"```sql\n(.*?)```", README.read_text(), re.DOTALL) if README.exists() else []


@pytest.fixture
def ask(postgres_url: str) -> Any:
    async def asked(query: str) -> Rows:
        return await run_sql(reader_url(postgres_url), query)

    return asked


async def run(store: Store, statement: str) -> None:
    async with store._engine.begin() as connection:
        await connection.execute(text(statement))


async def test_the_queue_is_in_order_and_holds_what_is_open(simple, ask):
    await simple.save(
        [tweet(1, 62, author="a"), tweet(2, 95, author="b"), tweet(3, 70, author="c")]
    )
    await simple.save(
        [tweet(4, 99, author="d"), tweet(5, 98, author="e"), tweet(6, 97, author="f"), tweet(7, 71)]
    )
    await simple.save([answer(8, of=7, minute=1)])
    await run(simple, "update tickets set state = 'resolved' where id = 'x:4'")
    await run(
        simple,
        "update tickets set state = 'snoozed', snoozed_until = now() + interval '1 hour'"
        " where id = 'x:5'",
    )
    await run(
        simple,
        "update tickets set state = 'snoozed', snoozed_until = now() - interval '1 hour'"
        " where id = 'x:6'",
    )

    queue = await ask("select id from open_tickets")

    assert [row[0] for row in queue.rows] == ["x:6", "x:2", "x:3", "x:1", "x:7"], (
        "what is answered comes last"
    )


async def test_waiting_raises_the_queue_priority_and_nothing_that_is_stored(simple, ask):
    await simple.save([tweet(1, 65)])
    await run(
        simple,
        "update tickets set received_at = now() - interval '30 minutes',"
        " waiting_since = received_at",
    )
    half = await ask("select priority, queue_priority, sla_left from open_tickets")
    await run(
        simple,
        "update tickets set received_at = now() - interval '3 days', waiting_since = received_at",
    )
    late = await ask("select priority, queue_priority, sla_left < interval '0' from open_tickets")

    assert half.rows[0][:2] == (65, 75)
    assert half.rows[0][2].startswith(("00:29:5", "00:30:00"))
    assert late.rows == ((65, 85, True),)


async def test_the_sla_runs_from_the_receipt_by_level_and_ends_with_the_answer(simple, ask):
    await simple.save([tweet(1, 90), tweet(2, 70), tweet(3, 55), tweet(4, 51, minute=-9000)])
    await simple.save([answer(5, of=3, minute=2)])
    await run(simple, "update tickets set level = 'P4' where id = 'x:4'")

    rows = (
        await ask(
            "select id, sla_due_at - received_at, sla_left is null from open_tickets order by id"
        )
    ).rows

    assert rows == (
        ("x:1", "00:15:00", False),
        ("x:2", "01:00:00", False),
        ("x:3", "04:00:00", True),
        ("x:4", "1 day", False),
    )


async def test_waiting_is_told_in_minutes_since_the_first_message_without_an_answer(simple, ask):
    await simple.save([tweet(1, 70), tweet(2, 70)])
    await simple.save([answer(3, of=2, minute=1)])
    await run(
        simple, "update tickets set waiting_since = now() - interval '42 minutes' where id = 'x:1'"
    )

    assert (await ask("select id, waiting_minutes from open_tickets order by id")).rows == (
        ("x:1", 42),
        ("x:2", None),
    )


async def test_the_authors_other_open_tickets_of_a_week_count(simple, ask):
    await simple.save(
        [
            tweet(1, 70),
            tweet(2, 60),
            tweet(3, 60, author="bob"),
            tweet(4, 55),
            tweet(5, 90, author=None),
        ]
    )
    await simple.save([tweet(6, 90, author=None)])
    await run(simple, "update tickets set received_at = now() - interval '8 days' where id = 'x:4'")

    rows = (await ask("select id, other_contacts from open_tickets order by id")).rows

    assert rows == (("x:1", 1), ("x:2", 1), ("x:3", 0), ("x:4", 2), ("x:5", 0), ("x:6", 0))


async def test_the_queue_priority_is_a_hundred_at_most(simple, ask):
    await simple.save([tweet(1, 99), tweet(2, 98), tweet(3, 97)])
    await run(simple, "update tickets set received_at = now() - interval '2 days'")

    assert {row[0] for row in (await ask("select queue_priority from open_tickets")).rows} == {100}


async def test_the_history_tells_what_happened_to_a_ticket(simple, ask):
    await simple.save([tweet(1, 55)])
    await simple.save([tweet(2, 90, of=1, minute=1)])
    await simple.save([deletion(1), deletion(2, of=1)])

    rows = (
        await ask(
            "select version, kind, who, changes -> 'level' from ticket_history"
            " where ticket_id = 'x:1'"
        )
    ).rows

    assert rows == (
        (1, "created", "earshot", '[null, "P3"]'),
        (2, "changed", "earshot", '["P3", "P1"]'),
        (3, "withdrawn", "earshot", '["P1", null]'),
    )


async def test_sentiment_by_the_hour_counts_live_inbound_messages(simple, ask):
    await simple.save(
        [
            tweet(1, 90),
            tweet(2, 10, minute=59),
            tweet(3, 40, minute=60),
            tweet(4, None),
            tweet(5, 99),
        ]
    )
    await simple.save([deletion(5), answer(6, of=1)])

    rows = (await ask("select * from sentiment_hourly")).rows

    assert [(row[1][11:13], *row[2:6], float(row[6]), float(row[7])) for row in rows] == [
        ("12", 3, 1, 0, 1, 0.5, 50.0),
        ("13", 1, 0, 1, 0, 0.0, 40.0),
    ]


async def test_brand_health_sets_a_brands_last_day_against_its_week(simple, ask):
    days = [
        tweet(number, 90 if number % 2 else 10, minute=-1440 * (number // 10 + 1) - 1)
        for number in range(60)
    ]
    today = [tweet(100 + number, 90) for number in range(5)]
    far = tweet(200, 90, brand="Elsewhere", minute=365000 * 1440)
    await simple.save([*days, *today, far])

    wanted = "brand, messages, negative_share, negative_share_before, open_tickets, open_p1"
    rows = (await ask(f"select {wanted} from brand_health")).rows

    assert [(row[0], int(row[1]), float(row[2]), float(row[3]), *row[4:]) for row in rows] == [
        ("Northwind Air", 5, 1.0, 0.5, 35, 35)
    ]


async def test_a_view_shows_no_more_than_the_readers_rights(simple, ask):
    await simple.save([tweet(1, 70)])
    await run(simple, "revoke select on tickets from earshot_reader")

    with pytest.raises(Exception, match="permission denied for table tickets"):
        await ask("select * from open_tickets")


async def test_the_readme_holds_five_queries_that_a_support_lead_would_ask():
    assert len(QUERIES) >= 5


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_of_the_readme_runs_and_answers(simple, ask, query):
    await simple.save(
        [tweet(number, 95, minute=number % 7, author=f"a{number}") for number in range(20)]
    )
    await run(simple, "update tickets set received_at = now() - interval '2 days'")

    answer = await ask(query)

    assert len(answer.columns) > 1
    assert answer.rows
