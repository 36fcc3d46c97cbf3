"""Which tickets belong together, and that each of them gets words of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from models.replier.draft import Candidate, Refusal
from stream.incidents.answers import worded_differently
from stream.incidents.clustering import FEWEST, TimedTicket, cluster, severity, unit

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
WIDTH = 64
LINE_DOWN, BILL, ROUTER = 0, 1, 2  # directions of meaning


def meaning(number, axis=None, like=0.8):
    """A unit vector whose cosine to the axis is `like`; without one, of anything."""
    noise = np.random.default_rng(number).normal(size=WIDTH).astype(np.float32)
    if axis is None:
        return unit(noise)
    noise[axis] = 0.0
    vector = unit(noise) * np.sqrt(1 - like**2)
    vector[axis] = like
    return unit(vector)


def ticket(number, minutes, axis=None, like=0.8, **given):
    fields = {
        "id": f"x:{number}",
        "brand": "VoltLine",
        "problem": None if axis is None else "line down",
        "topic": "network",
        "at": NOON + timedelta(minutes=minutes),
        "model": "m1",
        "embedding": meaning(number, axis, like),
        "author": f"a{number}",
    }
    return TimedTicket(**fields | given)


def usual(hours=24, every=30, start=1000, **given):
    """What the brand hears always, until half past noon."""
    count = hours * 60 // every
    return [ticket(start + n, 30 - every * (count - n), **given) for n in range(count)]


def burst(count=20, minutes=0.0, every=1.0, start=0, axis=LINE_DOWN, **given):
    return [ticket(start + n, minutes + every * n, axis, **given) for n in range(count)]


def ids(incident):
    return {ticket for ticket, _ in incident.tickets}


def names(*lists):
    return {each.id for tickets in lists for each in tickets}


def test_a_burst_of_the_same_event_is_one_incident_from_where_it_rose():
    event = burst(20)

    [incident] = cluster([*usual(), *event], [])

    assert ids(incident) == names(event)
    assert (incident.first, incident.last) == (NOON, NOON + timedelta(minutes=19))
    assert (incident.id, incident.problem, incident.model) == (None, "line down", "m1")


def test_a_problem_that_the_brand_hears_as_often_all_the_time_is_no_incident():
    always = usual(hours=48, every=6, axis=LINE_DOWN)

    assert cluster([*always, *burst(10, every=6)], []) == []


def test_too_few_too_slow_of_another_brand_or_model_or_of_any_meaning_are_none():
    few = burst(FEWEST - 1)

    assert cluster([*usual(), *few], []) == []
    for other in (
        ticket(99, 10, brand="SkyNorth", axis=LINE_DOWN),
        ticket(99, 10, model="m2", axis=LINE_DOWN),
        ticket(99, 10),
    ):
        assert cluster([*usual(), *few, other], []) == [], other
    assert cluster([*usual(), *burst(6, every=40)], []) == []


def test_what_one_hand_writes_many_times_is_no_incident():
    same = meaning(1, LINE_DOWN)

    assert cluster([*usual(), *burst(20, embedding=same)], []) == []
    assert cluster([*usual(), *burst(20, author="one")], []) == []


def test_a_brand_that_began_just_now_has_no_usual_and_no_incident():
    assert cluster(burst(20), []) == []


def test_other_words_join_a_great_rise_and_stay_out_of_a_small_one():
    """The same words, half like the event: of a moment that is all its own they are about it."""
    other = ticket(500, 10.5, LINE_DOWN, like=0.4)
    busy = usual(hours=48, every=2, start=2000)
    event = [ticket(n, n / 2, LINE_DOWN, like=0.5 + 0.01 * (n % 30)) for n in range(40)]

    [great] = cluster([*usual(hours=48), *event, other], [])
    [small] = cluster([*busy, *burst(20), other], [])

    assert other.id in ids(great)
    assert other.id not in ids(small)


def test_on_a_brands_first_day_its_busy_hours_are_no_part_of_an_incident():
    """Nobody knows yet how its day goes: three times the level may be the morning."""
    other = ticket(500, 10.5, LINE_DOWN, like=0.55)
    event = burst(30, every=0.5)

    [known] = cluster([*usual(hours=48, every=4, start=2000), *event, other], [])
    [first_day] = cluster([*usual(hours=5, every=4, start=2000), *event, other], [])

    assert other.id in ids(known)
    assert other.id not in ids(first_day)
    assert names(event) <= ids(first_day)


def test_words_that_no_model_read_join_by_their_moment_alone():
    event = burst(40, every=0.5)
    unread = ticket(500, 10.5, embedding=None, model=None)
    early = ticket(501, -200, embedding=None, model=None)

    [incident] = cluster([*usual(), *event, unread, early], [])

    assert unread.id in ids(incident)
    assert early.id not in ids(incident)


def test_the_burst_before_an_incident_opens_is_gathered_and_nothing_before_that():
    before = ticket(400, -100, LINE_DOWN)
    slow = [ticket(n, at, LINE_DOWN) for n, at in ((1, 0), (2, 4), (3, 9), (4, 13))]
    late = burst(8, minutes=15, start=10)

    [incident] = cluster([*usual(), before, *slow, *late], [])

    assert ids(incident) == names(slow, late)


def test_an_incident_is_over_when_no_more_than_the_usual_comes_and_the_next_is_another():
    first, second = burst(20), burst(20, minutes=600, start=100)

    one, other = cluster([*usual(hours=48), *first, *second], [])

    assert [ids(one), ids(other)] == [names(first), names(second)]


def test_what_drifts_to_another_event_is_split():
    """Bills, an hour after the line: another event, however close upon it."""
    line, bills = burst(60), burst(60, minutes=70, start=200, axis=BILL)

    one, other = cluster([*usual(hours=48), *line, *bills], [])

    assert names(line) <= ids(one)
    assert len(ids(one) & names(bills)) <= 3
    assert len(ids(other) & names(bills)) >= 57


def test_two_looks_find_what_one_finds():
    event = burst(40)
    early = [*usual(), *event[:20]]
    [begun] = cluster(early, [])
    stored = replace(begun, id="incident:1", tickets=(), size=len(begun.tickets))
    inside = ids(begun)
    later = [
        replace(each, incident="incident:1") if each.id in inside else each
        for each in [*early, *event[20:]]
    ]

    [grown] = cluster(later, [stored], since=event[20].at)
    [at_once] = cluster([*usual(), *event], [])

    assert grown.id == "incident:1"
    assert inside | ids(grown) == ids(at_once) == names(event)


def test_a_ticket_that_a_person_took_out_or_put_elsewhere_joins_nothing():
    event = burst(20)
    event[3] = replace(event[3], settled=True)
    event[4] = replace(event[4], incident="incident:other")

    [incident] = cluster([*usual(), *event], [])

    assert ids(incident) == names(event) - {"x:3", "x:4"}


def test_the_order_of_arrival_makes_no_difference():
    tickets = [*usual(), *burst(30)]

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
