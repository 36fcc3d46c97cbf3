"""Promises run by the brand's working hours, in its own time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from history import tweet
from rows import ask

from stream.brands import Brand, Shift
from stream.desk.working_hours import set_clocks

# Monday to Friday 9 to 17, Saturday 10 to 12, in Chicago: UTC-6 in January, UTC-5 from 8 March 2026
# on.
DESK = Brand(
    "Northwind Air",
    time_zone=ZoneInfo("America/Chicago"),
    hours=(*(Shift(day, 9 * 60, 17 * 60) for day in range(5)), Shift(5, 10 * 60, 12 * 60)),
)


@pytest.mark.parametrize(
    ("since", "hours", "due"),
    [
        ("2026-01-12T15:30Z", 4, "2026-01-12T19:30Z"),  # Monday 9:30, within the day
        (
            "2026-01-12T22:00Z",
            4,
            "2026-01-13T18:00Z",
        ),  # Monday 16:00: one hour today, three tomorrow
        ("2026-01-13T03:00Z", 1, "2026-01-13T16:00Z"),  # at night: from nine on
        (
            "2026-01-16T22:30Z",
            4,
            "2026-01-19T16:30Z",
        ),  # Friday 16:30: Saturday's two hours, the rest on Monday
        ("2026-03-06T22:30Z", 4, "2026-03-09T15:30Z"),  # the same over the change of the clocks
        ("2026-01-12T15:30Z", 24, "2026-01-15T15:30Z"),  # a day's work is three days
    ],
)
async def test_a_promise_runs_while_the_desk_is_staffed(engine, postgres_url, since, hours, due):
    await set_clocks(engine, [DESK])
    moment = datetime.fromisoformat(since)

    [row] = await ask(
        postgres_url,
        "select working_time_after('Northwind Air', $1, make_interval(hours => $2)) as mine,"
        " working_time_after('Other', $1, make_interval(hours => $2)) - $1 as others",
        moment,
        hours,
    )

    assert row["mine"].astimezone(UTC) == datetime.fromisoformat(due)
    assert row["others"].total_seconds() == hours * 3600


async def test_new_hours_move_the_promises_of_open_tickets(simple, engine, postgres_url):
    await simple.save([tweet(1, 90), tweet(2, 90, brand="Other")])
    query = "select sla_due_at - received_at as promised from tickets where id = $1"
    [before] = await ask(postgres_url, query, "x:1")
    assert before["promised"].total_seconds() == 15 * 60

    night = Brand("Northwind Air", hours=(Shift(0, 0, 1),))  # one minute a week: fifteen weeks
    assert await set_clocks(engine, [night]) == ["Northwind Air"]
    assert await set_clocks(engine, [night]) == []

    [after] = await ask(postgres_url, query, "x:1")
    assert 14 * 7 <= after["promised"].days <= 15 * 7
    [other] = await ask(postgres_url, query, "x:2")
    assert other["promised"].total_seconds() == 15 * 60
    assert await set_clocks(engine, []) == ["Northwind Air"]
    [again] = await ask(postgres_url, query, "x:1")
    assert again["promised"] == before["promised"]
