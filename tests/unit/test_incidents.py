"""Which tickets belong together, and that each of them gets words of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from models.replier.draft import Candidate, Refusal
from stream.incidents.answers import worded_differently
from stream.incidents.clustering import (
    ANY_PROBLEM,
    FEWEST,
    WITHIN,
    Incident,
    UnassignedTicket,
    cluster,
    severity,
)

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


def direction(like=1.0, axis=1):
    """A unit vector whose cosine to the first axis is `like`."""
    vector = np.zeros(8, dtype=np.float32)
    vector[0], vector[axis] = like, np.sqrt(1 - like**2)
    return vector


def loose(
    number, like=0.9, *, axis=None, problem="line down", brand="VoltLine", model="m1", minutes=0.0
):
    at = NOON + timedelta(minutes=minutes)
    return UnassignedTicket(
        f"x:{number}", brand, problem, "network", at, model, direction(like, axis or 1 + number % 7)
    )


def known(**given):
    return Incident(
        **{
            **{
                "id": "incident:1",
                "brand": "VoltLine",
                "problem": "line down",
                "topic": "network",
                "model": "m1",
            },
            **{"centre": direction(1.0), "first": NOON, "last": NOON},
            **given,
        }
    )


def ids(incident):
    return {ticket for ticket, _ in incident.tickets}


def test_tickets_about_one_problem_within_hours_are_one_incident():
    [incident] = cluster([loose(n, minutes=5 * n) for n in range(FEWEST)], [])

    assert incident.id is None
    assert ids(incident) == {f"x:{n}" for n in range(FEWEST)}
    assert (incident.first, incident.last) == (NOON, NOON + timedelta(minutes=5 * (FEWEST - 1)))


def test_too_few_or_too_far_apart_in_time_brand_model_or_meaning_are_none():
    tickets = [loose(n) for n in range(FEWEST - 1)]
    late = WITHIN / timedelta(minutes=1) + 1

    assert cluster(tickets, []) == []
    for other in (
        loose(9, minutes=late),
        loose(9, brand="SkyNorth"),
        loose(9, model="m2"),
        loose(9, problem="charged twice"),
        loose(9, like=-0.9),
    ):
        assert cluster([*tickets, other], []) == [], other


def test_a_ticket_joins_what_is_known_and_must_be_more_like_it_when_its_problem_differs():
    joins = [
        loose(1, 0.5),
        loose(2, ANY_PROBLEM + 0.05, problem=None),
        loose(3, 0.5, problem=None),
        loose(4, 0.1),
    ]

    [grown] = cluster(joins, [known()])

    assert (grown.id, ids(grown)) == ("incident:1", {"x:1", "x:2"})


def test_what_one_hand_wrote_many_times_is_no_incident():
    assert cluster([loose(n, axis=1) for n in range(20)], []) == []


def test_the_larger_problem_takes_what_is_like_it_before_a_smaller_one_is_made_of_that():
    many, few = (
        [loose(n) for n in range(7)],
        [loose(10 + n, 0.8, problem="on hold") for n in range(5)],
    )

    [incident] = cluster([*many, *few], [])

    assert (incident.problem, len(incident.tickets)) == ("line down", 12)


def test_vectors_of_two_models_are_never_compared():
    assert cluster([loose(1, 1.0, model="m2")], [known()]) == []


def test_an_incident_ends_when_nobody_joins_for_hours_and_lasts_as_long_as_somebody_does():
    chain = [loose(n, minutes=100 * n) for n in range(5)]

    assert ids(cluster(chain, [known()])[0]) == {f"x:{n}" for n in range(5)}
    assert cluster([loose(1, minutes=400)], [known()]) == []


def test_the_order_of_arrival_makes_no_difference():
    tickets = [loose(n, 0.7 + 0.02 * n, axis=1 + n % 3, minutes=7 * n) for n in range(9)]

    one, other = cluster(tickets, []), cluster(tickets[::-1], [])

    assert [ids(each) for each in one] == [ids(each) for each in other]


def test_more_and_graver_tickets_are_a_graver_incident():
    assert severity(4, 0) == 4
    assert severity(4, 0) < severity(40, 0) < severity(40, 10) <= severity(10_000, 9000) == 10


def test_every_ticket_of_an_incident_gets_words_that_no_other_got():
    ours = [
        Candidate("We are on it.", -1.0),
        Candidate("Our engineers are working on your line.", -1.2),
    ]

    chosen = worded_differently([ours, ours, ours])

    assert [each and each.text for each in chosen] == [
        "We are on it.",
        "Our engineers are working on your line.",
        None,
    ]


def test_words_that_the_gate_refuses_or_that_were_said_lately_are_not_chosen():
    refused = replace(
        Candidate("We will pay you 100.", -0.5), refusals=(Refusal("promise", "promises money"),)
    )
    options = [
        refused,
        Candidate("We are on it!", -1.0),
        Candidate("Sorry, your line is being repaired.", -2.0),
    ]

    [chosen] = worded_differently([options], used=["we are ON it"])

    assert chosen is options[2]
