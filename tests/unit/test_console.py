"""What the console draws: lines of the queue and what changed, a ticket in full, and who may give
it to whom.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.accounts.users import User
from stream.desk.actions import Assign, Claim, NotAllowed, Resolve
from stream.desk.assignment import can_have, refuse_owner
from stream.desk.filters import Filter
from stream.desk.view_query import filter_from
from stream.errors import UserError
from stream.web.console.cards import card, changes, query_of, with_urgent
from stream.web.console.detail import detail

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
MS = round(NOON.timestamp() * 1000)


def ticket(**more):
    names = (
        "brand",
        "network",
        "author",
        "level",
        "state",
        "owner",
        "topic",
        "problem",
        "sentiment",
        "excerpt",
    )
    row = dict.fromkeys(names, "said") | {
        "id": "x:1",
        "priority": 95,
        "queue_priority": 97,
        "dissatisfaction": 81.6,
    }
    row |= {"tags": [], "notes": [], "messages": 2, "needs_look": False, "version": 3, "edits": 1}
    row |= dict.fromkeys(
        (
            *("answered_at", "waiting_since", "snoozed_until", "open_by", "late", "will_be_late"),
            "unread_language",
        )
    )
    row |= dict.fromkeys(("first_at", "last_inbound_at", "received_at", "sla_due_at"), NOON)
    factors = [{"name": f"factor {n}", "points": 9 - n, "words": f"reason {n}"} for n in range(5)]
    return row | {"factors": factors, "why": [each["words"] for each in factors[:3]]} | more


def message(number=1, **more):
    row = {
        "id": f"x:{number}",
        "kind": "tweet",
        "direction": "inbound",
        "author": "ada",
        "text": "still down",
        "trimmed": None,
    }
    row |= {
        "occurred_at": NOON,
        "language": "en",
        "abstained": False,
        "sentiment": "negative",
        "severity": 3,
    }
    row |= {"topic": "network", "problem": "line down", "dissatisfaction": 80.4}
    return row | {"scores": {"complaint": 0.9, "problem_words": ["down"]}} | more


def full(*said, history=(), corrections=(), replies=()):
    return detail(ticket(), said, history, [], None, replies, corrections)


def test_a_line_of_the_queue_tells_the_strongest_reasons_and_moments_for_the_browsers_clock():
    told = card(ticket(open_by=["ben"]))

    assert told["why"] == ["reason 0", "reason 1", "reason 2"]
    assert (told["due"], told["answered"], told["priority"], told["dissatisfaction"]) == (
        MS,
        None,
        97,
        82,
    )
    assert told["open_by"] == ["ben"]


def test_only_lines_that_changed_are_sent_again():
    one, two = card(ticket(id="x:1")), card(ticket(id="x:2"))
    moved = card(ticket(id="x:2", owner="ben"))

    assert changes([one, two], [moved, one]) == {
        "head": 0,
        "tail": 0,
        "order": ["x:2", "x:1"],
        "put": [moved],
    }
    assert changes([one, two], [one, moved]) == {"head": 2, "tail": 0, "order": [], "put": [moved]}
    assert changes([one], []) == {"head": 0, "tail": 0, "order": [], "put": []}


@given(st.lists(st.integers(0, 9), unique=True), st.lists(st.integers(0, 9), unique=True))
def test_what_is_told_of_the_order_leads_from_any_list_to_any_other(before, after):
    was, now = [f"x:{n}" for n in before], [f"x:{n}" for n in after]

    told = changes([{"id": id} for id in was], [{"id": id} for id in now])

    assert was[: told["head"]] + told["order"] + was[len(was) - told["tail"] :] == now
    assert [each["id"] for each in told["put"]] == [id for id in now if id not in was]


def test_an_urgent_ticket_stands_above_lower_ones_before_the_queue_is_read_again():
    queue = [card(ticket(id=f"x:{n}", queue_priority=n)) for n in (90, 60)]
    urgent = [card(ticket(id=f"x:{n}", queue_priority=n)) for n in (95, 90, 80)]

    assert [each["id"] for each in with_urgent(queue, urgent)] == ["x:95", "x:90", "x:80", "x:60"]
    assert with_urgent(queue, []) == queue


@pytest.mark.parametrize(
    ("asked", "filter"),
    [
        ({}, Filter()),
        ({"brand": "VoltLine", "text": "my line"}, Filter(brand="VoltLine", text="my line")),
        ({"owner": "-"}, Filter(owner="")),
        ({"late": "1"}, Filter(late=True)),
        ({"unread": "1", "late": "1"}, Filter(late=True, unread=True)),
    ],
)
def test_an_address_holds_the_filter_and_gives_it_back(asked, filter):
    assert filter_from(asked, None) == filter
    assert query_of(filter) == asked


def test_an_address_asks_for_nothing_that_is_none_of_ours_nor_beyond_ones_brands():
    bound = frozenset({"VoltLine"})

    assert filter_from({"limit": "9", "brands": "Other", "brand": ""}, bound) == Filter(
        brands=bound
    )


def test_a_call_is_shown_turn_by_turn_with_how_dissatisfied_each_was():
    call = {"outcome": "follow_up", "trajectory": [[1, -0.9, 80.2, 0.1], [3, -0.3, 20.0, 0.2]]}
    told = full(
        message(kind="transcript", text="It is down.\nPlease hurry.", scores={"call": call})
    )

    assert told["conversation"][0]["turns"] == [
        {"who": "customer", "text": "It is down.", "turn": 2, "dissatisfaction": 80},
        {"who": "customer", "text": "Please hurry.", "turn": 4, "dissatisfaction": 20},
    ]
    assert told["conversation"][0]["judged"]["outcome"] == "follow_up"
    assert [point["value"] for point in told["course"]] == [80, 20]


def test_a_call_of_which_not_every_turn_was_read_keeps_its_words():
    told = full(
        message(
            kind="transcript",
            text="It is down.\nPlease.",
            scores={"call": {"trajectory": [[1, 0, 5, 0]]}},
        )
    )

    assert told["conversation"][0]["turns"] == [
        {"who": "customer", "text": "It is down."},
        {"who": "customer", "text": "Please."},
    ]


def test_both_sides_of_a_call_are_shown_with_the_moment_at_which_it_soured():
    call = {"trajectory": [[1, -0.9, 40.2, 0.1], [3, -0.9, 88.0, 0.6]], "soured": 3}
    turns = [
        {"speaker": "agent", "text": "VoltLine, Priya speaking.", "at": 0.0},
        {"speaker": "customer", "text": "It is down.", "at": 4.5},
        {"speaker": "agent", "text": "Please wait."},
        {"speaker": "customer", "text": "I have waited enough!"},
    ]
    shown = full(message(kind="transcript", text="", turns=turns, scores={"call": call}))

    assert shown["conversation"][0]["turns"] == [
        {"turn": 1, "who": "agent", "text": "VoltLine, Priya speaking.", "at": 0.0},
        {"turn": 2, "who": "customer", "text": "It is down.", "at": 4.5, "dissatisfaction": 40},
        {"turn": 3, "who": "agent", "text": "Please wait."},
        {
            "turn": 4,
            "who": "customer",
            "text": "I have waited enough!",
            "dissatisfaction": 88,
            "soured": True,
        },
    ]
    assert [(point["value"], point.get("soured")) for point in shown["course"]] == [
        (40, None),
        (88, True),
    ]


def test_what_a_mail_says_besides_stands_beside_its_words():
    said = full(message(trimmed="> We are sorry."))["conversation"]

    assert (said[0]["text"], said[0]["trimmed"]) == ("still down", "> We are sorry.")


def test_the_latest_correction_counts_and_a_deleted_message_has_no_words():
    said = [
        message(1),
        message(2, kind="deleted", text=None, scores=None, sentiment=None, dissatisfaction=None),
    ]
    fixed = [
        {"event_id": "x:1", "field": "sentiment", "should_be": name, "who": who}
        for name, who in (("neutral", "ben"), ("positive", "ada"))
    ]
    told = full(*said, corrections=fixed)["conversation"]

    assert told[0]["corrected"] == {"sentiment": {"is": "positive", "who": "ada"}}
    assert (told[1]["text"], told[1]["dissatisfaction"]) == ("", None)


def test_the_history_is_told_in_words_the_latest_first():
    until = (NOON + timedelta(days=1)).isoformat()
    rows = [
        {
            "version": n,
            "changed_at": NOON,
            "kind": "edited",
            "who": "ben",
            "reason": why,
            "changes": changed,
        }
        for n, (why, changed) in enumerate(
            [("claimed", {"owner": [None, "ben"]}), ("x", {"snoozed_until": [None, until]})]
        )
    ]
    told = full(message(), history=rows)["history"]

    assert told[0]["changes"] == [{"what": "snoozed until", "from": "none", "to": "13 Mar 12:00"}]
    assert told[1]["changes"] == [{"what": "owner", "from": "none", "to": "ben"}]


class Known:
    """People, by name."""

    def __init__(self, *users):
        self.users = {user.name: user for user in users}

    async def find(self, name):
        if name not in self.users:
            raise UserError("nobody")
        return self.users[name]


BEN = User(1, "ben", "agent", None, None)
VIC = User(2, "vic", "viewer", None, None)
SKY = User(3, "sky", "agent", frozenset({"SkyNorth"}), None)


@pytest.mark.parametrize(
    ("owner", "action", "leads", "why"),
    [
        (None, Assign(owner="ben"), False, None),
        (None, Assign(owner="vic"), True, "could not work on this ticket"),
        (None, Assign(owner="sky"), True, "could not work on this ticket"),
        (None, Assign(owner="nobody such"), True, "nobody has this name"),
        ("ben", Assign(owner=None), False, "takes the role lead"),
        ("ben", Assign(owner=None), True, None),
        ("ada", Assign(owner="ben"), False, None),
        ("ben", Claim(force=True), False, "takes the role lead"),
        ("ben", Claim(force=True), True, None),
        ("ben", Resolve(), False, None),
    ],
)
async def test_a_ticket_is_given_to_who_can_have_it_and_taken_by_leads_alone(
    owner, action, leads, why
):
    row = ticket(owner=owner, brand="VoltLine")
    given = refuse_owner(Known(BEN, VIC, SKY), row, action, "ada", leads=leads)
    if why is None:
        await given
        return
    with pytest.raises(NotAllowed, match=why):
        await given


def test_who_is_disabled_gets_no_ticket():
    assert can_have(BEN, "VoltLine")
    assert not can_have(User(1, "ben", "agent", None, None, NOON), "VoltLine")
