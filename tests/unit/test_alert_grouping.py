"""Which P1 tickets alert by themselves, and which alert as one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stream.alerts.grouping import FEWEST, Alarm, OpenAlert, Past, place

NOW = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


def alarm(ticket: str, author: str | None = "ada", *, brand="VoltLine", ago=timedelta(minutes=1)):
    return Alarm(ticket, 1, "x", author, brand, 9, NOW - ago)


def kinds(placed) -> list[tuple[str, bool]]:
    return [(place.kind, place.is_new) for place in placed]


def test_a_person_alerts_once_however_many_conversations_they_begin():
    placed = place([alarm("x:1"), alarm("x:2"), alarm("x:3", "bob")], [], {}, NOW)

    assert [place.alert_id for place in placed] == ["p1:x:1:1", "p1:x:1:1", "p1:x:3:1"]
    assert kinds(placed) == [("p1", True), ("p1", False), ("p1", True)]


def test_a_conversation_alerts_once_whoever_writes_in_it():
    standing = [OpenAlert("p1:x:1:1", "p1", "VoltLine", {"x:1"}, {("x", "ada")})]

    [placed] = place([alarm("x:1", "bob")], standing, {}, NOW)

    assert (placed.alert_id, placed.is_new) == ("p1:x:1:1", False)


def test_nobody_is_taken_for_somebody_else():
    """No name, the same name on another network, the same person at another brand."""
    standing = [OpenAlert("p1:x:1:1", "p1", "VoltLine", {"x:1"}, {("y", "ada")})]

    placed = place(
        [alarm("x:2"), alarm("x:3", None), alarm("x:4", None), alarm("x:5", brand="Northwind Air")],
        standing,
        {},
        NOW,
    )

    assert kinds(placed) == [("p1", True)] * 4


@pytest.mark.parametrize(
    ("past", "at_least", "at_most"),
    [
        (Past(), 8, 12),  # nothing is known of the brand
        (Past(before=0, hours=27 * 24), FEWEST, FEWEST),
        (Past(before=10, hours=27 * 24), FEWEST, FEWEST),
        (Past(before=5 * 27 * 24, hours=27 * 24), 20, 30),  # five an hour, day and night
    ],
)
def test_what_strays_is_measured_by_the_brands_own_past(past, at_least, at_most):
    assert at_least <= past.limit <= at_most


def test_a_hundred_p1_tickets_of_a_brand_are_a_few_alerts_and_one_surge():
    alarms = [alarm(f"x:{n}", f"author {n}") for n in range(100)]

    placed = place(alarms, [], {"VoltLine": Past(before=2, hours=600)}, NOW)

    assert sum(place.is_new for place in placed) == FEWEST
    assert kinds(placed)[FEWEST - 1] == ("surge", True)
    assert {place.kind for place in placed[FEWEST:]} == {"surge"}


def test_another_brand_alerts_as_ever_while_one_surges():
    surge = OpenAlert("surge:VoltLine:1", "surge", "VoltLine")

    placed = place([alarm("x:1"), alarm("x:2", "bob", brand="Northwind Air")], [surge], {}, NOW)

    assert kinds(placed) == [("surge", False), ("p1", True)]


def test_old_messages_of_a_brand_are_one_summary_and_no_surge():
    old = [alarm(f"x:{n}", f"author {n}", ago=timedelta(days=30)) for n in range(100)]

    placed = place([*old, alarm("x:new", "eve")], [], {}, NOW)

    assert kinds(placed)[:2] == [("backlog", True), ("backlog", False)]
    assert len({place.alert_id for place in placed[:-1]}) == 1
    assert kinds(placed)[-1] == ("p1", True)


def test_a_day_is_the_limit_of_old():
    placed = place(
        [alarm("x:1", ago=timedelta(hours=23)), alarm("x:2", "bob", ago=timedelta(hours=25))],
        [],
        {},
        NOW,
    )

    assert kinds(placed) == [("p1", True), ("backlog", True)]
