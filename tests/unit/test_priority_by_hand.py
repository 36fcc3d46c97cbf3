"""Priorities by hand: the level that somebody set holds until the customer says more."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from history import NOON
from pydantic import ValidationError

from stream.desk.actions import NotAllowed, Prioritise, apply
from stream.triage.by_hand import ByHand, apply_hand, level_of
from stream.triage.ticket import Factor, Ticket


def folded(priority: int) -> Ticket:
    return Ticket(
        id="x:1",
        network="x",
        brand="Northwind Air",
        author="ada",
        priority=priority,
        level=level_of(priority),
        factors=(Factor("outage", priority, "Service is down"),),
        needs_look=False,
        topic=None,
        problem=None,
        sentiment=None,
        dissatisfaction=None,
        excerpt="down",
        messages=1,
        first_at=NOON,
        last_inbound_at=NOON,
        answered_at=None,
    )


def row(priority: int, **more: object) -> dict[str, object]:
    ticket = asdict(folded(priority))
    people = {"state": "open", "owner": None, "tags": [], "notes": [], "by_hand": None}
    return ticket | {"factors": list(ticket["factors"])} | people | more


def set_to(level: str | None, priority: int) -> dict[str, object]:
    edit = apply(row(priority), Prioritise(level=level, reason="her pendant"), "ben", NOON)
    assert edit is not None
    return edit.values


@pytest.mark.parametrize(
    ("level", "before", "after"),
    [
        ("P1", 20, 70),
        ("P2", 20, 40),
        ("P2", 95, 69),
        ("P3", 95, 39),
        ("P4", 95, 12),
        ("P4", 5, 5),
        ("P1", 88, 88),
    ],
)
def test_a_level_by_hand_is_the_nearest_priority_of_it_and_says_who_and_why(level, before, after):
    values = set_to(level, before)

    assert (values.get("level", level_of(before)), values.get("priority", before)) == (level, after)
    assert values["factors"][0]["words"] == f"ben set {level}: her pendant"
    assert sum(factor["points"] for factor in values["factors"]) == after
    assert values["by_hand"]["folded"] == before


def test_taken_back_the_ticket_is_what_its_conversation_says():
    handed = row(20) | set_to("P1", 20)
    edit = apply(handed, Prioritise(level=None, reason="not hers"), "ada", NOON)

    assert edit is not None
    assert (handed | edit.values)["priority"] == 20
    assert (handed | edit.values)["level"] == "P3"
    assert edit.values["by_hand"] is None
    assert len(edit.values["factors"]) == 1


def test_a_second_level_by_hand_takes_the_place_of_the_first():
    handed = row(20) | set_to("P1", 20)
    edit = apply(handed, Prioritise(level="P2", reason="called her"), "ada", NOON)

    assert edit is not None
    assert edit.values["by_hand"]["folded"] == 20
    assert [factor["name"] for factor in edit.values["factors"]] == ["by hand", "outage"]


@pytest.mark.parametrize("state", ["resolved", "settled"])
def test_who_is_done_is_re_opened_first(state):
    with pytest.raises(NotAllowed, match="re-open it"):
        apply(row(20, state=state), Prioritise(level="P1", reason="why"), "ben", NOON)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
def test_a_level_by_hand_has_a_reason(reason):
    with pytest.raises(ValidationError):
        Prioritise(level="P1", reason=reason)


@pytest.mark.parametrize(
    ("level", "found", "now", "new_inbound", "result"),
    [
        ("P3", 95, 95, False, "P3"),  # folded anew
        ("P3", 95, 95, True, "P3"),  # they wrote again, and said nothing graver
        ("P3", 80, 95, True, "P1"),  # they said what is graver
        ("P3", 80, 95, False, "P3"),  # no new message: triage changed, or an old one was edited
        ("P1", 20, 45, True, "P1"),  # it was set higher than that
        ("P2", 20, 90, True, "P1"),
        ("P2", 20, 5, True, "P2"),
    ],
)
def test_a_level_by_hand_holds_until_a_new_message_is_more_urgent(
    level, found, now, new_inbound, result
):
    hand = ByHand(level, "ben", "why", found)

    ticket, holds = apply_hand(folded(now), hand, new_inbound)

    assert ticket.level == result
    assert holds == (result == level)


def test_what_the_customer_settled_is_settled():
    over = replace(folded(3), settled_at=NOON)

    assert apply_hand(over, ByHand("P1", "ben", "why", 3), True) == (over, True)
