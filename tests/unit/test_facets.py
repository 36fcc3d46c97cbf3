"""Counts beside the choices of the queue's filters, from groups of alike tickets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stream.desk.facets import Alike, count
from stream.desk.filters import CHOICES, Filter, domain


def alike(n, *, is_open=True, lately=False, **values):
    usual = {"brand": "Volt", "network": "x", "topic": "delay", "level": "P2", "state": "new"}
    values = usual | {"owner": ""} | values
    return Alike(tuple(values.get(name) for name in CHOICES), is_open, lately, n)


GROUPS = [
    alike(3),
    alike(2, level="P1", clock="late"),
    alike(5, brand="Sky", owner="ada", topic=None),
    alike(7, state="settled", is_open=False, lately=True),
    alike(1, lane="unread", level="P4"),
]


def test_a_choice_counts_what_it_would_show_beside_the_others():
    every = count(GROUPS, Filter())
    of_two = count(GROUPS, Filter(brand="Volt", level="P2"))

    assert every["brand"] == {"Volt": 6, "Sky": 5}
    assert (every["all"], every["clock"], every["lane"]) == (
        {"found": 11},
        {"late": 2},
        {"unread": 1},
    )
    assert every["topic"] == {"delay": 6}, "those without one are in no choice"
    assert of_two["brand"] == {"Sky": 5, "Volt": 3}, "the most first"
    assert of_two["level"] == {"P2": 3, "P1": 2, "P4": 1}
    assert (of_two["all"], of_two["owner"]) == ({"found": 3}, {"": 3})


def test_what_the_customer_settled_is_offered_as_a_state_and_counts_where_it_is_chosen():
    assert count(GROUPS, Filter())["state"] == {"new": 11, "settled": 7}
    settled = count(GROUPS, Filter(state="settled"))
    assert (settled["all"], settled["level"]) == ({"found": 7}, {"P2": 7})
    away = [*GROUPS, alike(4, state="resolved", is_open=False)]
    assert count(away, Filter(state="resolved"))["all"] == {"found": 4}
    assert count(away, Filter(text="delay"))["all"] == {"found": 22}
    assert "resolved" not in count(away, Filter())["state"]


@pytest.mark.parametrize(
    ("chosen", "is_same"),
    [
        (Filter(level="P1"), True),
        (Filter(brand="Volt", owner="", late=True, unread=True), True),
        (Filter(state="waiting"), True),
        (Filter(state="settled"), True),
        (Filter(state="resolved"), False),
        (Filter(tag="vip"), False),
        (Filter(text="delay"), False),
        (Filter(brands=frozenset({"Volt"})), False),
    ],
)
def test_another_choice_is_counted_among_the_same_tickets(chosen, is_same):
    assert (domain(chosen) == domain(Filter())) == is_same
    assert domain(replace(chosen, level="P3")) == domain(chosen)
