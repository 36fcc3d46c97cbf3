"""What people may do to a ticket, and what it changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from stream.desk.actions import (
    Action,
    Assign,
    Claim,
    NotAllowed,
    Note,
    Reopen,
    Resolve,
    Snooze,
    Tag,
    Wait,
    apply,
)

NOW = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)


def ticket(state: str = "new", owner: str | None = None, **more: object) -> dict:
    return {"state": state, "owner": owner, "tags": [], "notes": [], "snoozed_until": None} | more


@pytest.mark.parametrize(
    ("before", "action", "values"),
    [
        (ticket(), Claim(), {"owner": "ada", "state": "open"}),
        (
            ticket("snoozed", snoozed_until=LATER),
            Claim(),
            {"owner": "ada", "state": "open", "snoozed_until": None},
        ),
        (ticket("resolved", "bob"), Claim(force=True), {"owner": "ada"}),
        (ticket(), Assign(owner="bob"), {"owner": "bob", "state": "open"}),
        (ticket("open", "bob"), Assign(owner=None), {"owner": None}),
        (ticket("open", "ada"), Wait(), {"state": "waiting"}),
        (ticket("open", "ada"), Snooze(until=LATER), {"state": "snoozed", "snoozed_until": LATER}),
        (ticket(), Resolve(), {"state": "resolved", "owner": "ada"}),
        (ticket("open", "bob"), Resolve(), {"state": "resolved"}),
        (ticket("resolved", "bob"), Reopen(), {"state": "open"}),
        (
            ticket(tags=["vip"]),
            Tag(add=("Refund", "vip"), remove=("nothing",)),
            {"tags": ["vip", "refund"]},
        ),
    ],
)
def test_an_action_writes_only_what_it_changes(before, action, values):
    edit = apply(before, action, "ada", NOW)

    assert edit is not None
    assert edit.values == values
    assert set(edit.changes) == set(values)


@pytest.mark.parametrize(
    ("before", "action"),
    [
        (ticket("open", "ada"), Claim()),
        (ticket("waiting", "ada"), Wait()),
        (ticket("resolved", "ada"), Resolve()),
        (ticket(tags=["vip"]), Tag(add=("vip",))),
    ],
)
def test_what_is_so_already_is_no_edit(before, action):
    assert apply(before, action, "ada", NOW) is None


@pytest.mark.parametrize(
    ("before", "action", "why"),
    [
        (ticket("open", "bob"), Claim(), "bob has this ticket"),
        (ticket("resolved", "bob"), Wait(), "re-open it"),
        (ticket("resolved", "bob"), Snooze(until=LATER), "re-open it"),
        (ticket("open", "ada"), Snooze(until=NOW), "still to come"),
        (ticket(), Tag(add=("<b>",)), "is no tag"),
        (ticket(tags=[f"t{n}" for n in range(20)]), Tag(add=("one-more",)), "20 tags at most"),
    ],
)
def test_what_does_not_fit_says_why(before, action, why):
    with pytest.raises(NotAllowed, match=why):
        apply(before, action, "ada", NOW)


def test_a_note_is_kept_with_who_and_when_and_the_history_counts_it_without_its_words():
    edit = apply(ticket(notes=[{"text": "first"}]), Note(text=" called her back "), "ada", NOW)

    assert edit is not None
    assert edit.values["notes"][1] == {
        "at": "2026-03-12T12:00:00+00:00",
        "who": "ada",
        "text": "called her back",
    }
    assert edit.changes == {"notes": [1, 2]}


@pytest.mark.parametrize(
    "said",
    [
        {"action": "delete"},
        {"action": "note", "text": "  "},
        {"action": "note", "text": "x" * 4001},
        {"action": "snooze", "until": "2026-03-12T12:00:00"},
        {"action": "claim", "owner": "somebody"},
    ],
)
def test_an_action_that_nobody_knows_is_refused(said):
    with pytest.raises(ValidationError):
        TypeAdapter(Action).validate_python(said)
