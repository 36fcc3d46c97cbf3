"""What a save does to one ticket, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stream.store.changes import Change, arrival, change, columns, severity
from stream.triage.ticket import Factor, Ticket

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)

TICKET = Ticket(
    id="x:1",
    network="x",
    brand="Northwind Air",
    author="ada",
    priority=70,
    level="P2",
    factors=(Factor("dissatisfaction", 70.0, "is very unhappy"),),
    needs_look=False,
    topic="delay",
    problem=None,
    sentiment="negative",
    dissatisfaction=70.0,
    excerpt="still waiting",
    messages=1,
    first_at=NOON,
    last_inbound_at=NOON,
    answered_at=None,
)


def event(
    minute: int, direction: str = "inbound", received: int | None = None
) -> dict[str, object]:
    return {
        "direction": direction,
        "received_at": NOON + timedelta(minutes=minute if received is None else received),
    }


def last(made: Change) -> dict[str, object]:
    """The change as its row, the latest of a ticket that is not there."""
    return {"version": made.version, "kind": made.kind, "changes": made.changes}


ARRIVED = arrival([event(0)])
STORED = columns(TICKET) | {
    "id": "x:1",
    "version": 3,
    "received_at": NOON,
    "waiting_since": NOON,
    "state": "new",
    "owner": None,
    "tags": [],
    "notes": [],
    "snoozed_until": None,
}


def test_what_is_stored_already_needs_no_new_version():
    assert change(STORED, None, TICKET, ARRIVED, new_inbound=True) is None
    assert change(None, None, None, None, new_inbound=True) is None


def test_a_new_ticket_begins_with_version_one_and_a_returning_one_goes_on():
    first = change(None, None, TICKET, ARRIVED, new_inbound=True)
    assert (first.version, first.kind, first.people) == (1, "created", {})

    gone = change(STORED | {"owner": "grace", "state": "open"}, None, None, None, new_inbound=False)
    assert (gone.version, gone.kind, gone.values) == (4, "withdrawn", None)

    back = change(None, last(gone), TICKET, ARRIVED, new_inbound=False)
    assert (back.version, back.people) == (5, {"owner": "grace", "state": "open"})


def test_a_ticket_that_slept_when_it_was_withdrawn_sleeps_on_when_it_returns():
    asleep = STORED | {
        "state": "snoozed",
        "snoozed_until": NOON + timedelta(days=1),
        "notes": [{"text": "called"}],
    }
    gone = change(asleep, None, None, None, new_inbound=False)

    back = change(None, last(gone), TICKET, ARRIVED, new_inbound=False)

    assert back.people == {name: asleep[name] for name in ("state", "snoozed_until", "notes")}


@pytest.mark.parametrize(
    ("state", "new_inbound", "becomes"),
    [
        ("resolved", True, "open"),
        ("waiting", True, "open"),
        ("snoozed", True, "open"),
        ("resolved", False, None),
        ("new", True, None),
        ("open", True, None),
    ],
)
def test_only_a_new_message_of_the_customer_reopens(state, new_inbound, becomes):
    longer = replace(TICKET, messages=2)

    made = change(STORED | {"state": state}, None, longer, ARRIVED, new_inbound)

    assert made.people.get("state") == becomes


def test_a_change_names_what_changed_and_quotes_nobody():
    worse = replace(
        TICKET,
        priority=90,
        level="P1",
        excerpt="a secret",
        factors=(Factor("safety", 90.0, "says: a secret"),),
        answered_at=NOON,
    )

    made = change(STORED, None, worse, ARRIVED, new_inbound=False)

    assert made.becomes_p1
    assert made.reason == "the brand answered"
    assert made.changes["level"] == ["P2", "P1"]
    assert made.changes["factors"] == [{"dissatisfaction": 70.0}, {"safety": 90.0}]
    assert made.changes["answered_at"] == [None, "2026-03-12T12:00:00+00:00"]
    assert "secret" not in str(made.changes)


def test_a_customer_waits_since_the_first_message_after_the_last_answer():
    history = [event(0), event(1, "outbound"), event(2, received=50), event(3, received=40)]

    assert arrival(history).received_at == NOON
    assert arrival(history).waiting_since == NOON + timedelta(minutes=40)
    assert arrival(history[:2]).waiting_since is None


@pytest.mark.parametrize(
    ("priority", "expected"), [(0, 1), (10, 1), (11, 2), (80, 8), (81, 9), (100, 10)]
)
def test_the_severity_of_an_alert_is_a_tenth_of_the_priority(priority, expected):
    assert severity(priority) == expected
