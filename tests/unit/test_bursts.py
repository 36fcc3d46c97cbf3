"""The burst rule: what is a burst, where it begins and ends, and how well it does on a made-up
month.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from benchmarks.bursts import evaluate_bursts

from stream.bursts.detector import FEWEST, LONGEST, REST, Traffic, find_bursts

MIDNIGHT = datetime(2026, 3, 12, tzinfo=UTC)
NOON = 12 * 60  # minutes after midnight


def day(*, hours=24, usual=0.0, since=MIDNIGHT, **topics):
    """A day of traffic: `usual` messages a minute in every topic, and what is given: {minute:
    messages}.
    """
    minutes = {topic: _spread(hours * 60, usual) for topic in topics}
    for topic, given in topics.items():
        for at, count in given.items():
            minutes[topic][at] += count
    return Traffic(MIDNIGHT, minutes, {topic: np.zeros(0, np.int64) for topic in topics}, since)


def _spread(length, rate):
    """So many a minute, evenly: 0.25 is one every four minutes."""
    return np.floor(np.arange(1, length + 1) * rate).astype(np.int64) - np.floor(
        np.arange(length) * rate
    ).astype(int)


def weeks(count, *, rate, hours=24, **topics):
    """A day after `count` weeks of the same: `rate(hour of the day)` messages an hour."""
    traffic = day(hours=hours, since=MIDNIGHT - timedelta(weeks=count), **topics)
    past = np.array([rate(at % 24) for at in range(count * 168)], dtype=np.int64)
    return Traffic(traffic.start, traffic.minutes, dict.fromkeys(topics, past), traffic.since)


def at(moment):
    return int((moment - MIDNIGHT) / timedelta(minutes=1))


def test_an_outage_on_the_first_day_is_one_burst_with_its_start_and_peak():
    [burst] = find_bursts(
        day(outage={NOON + 1: 1, NOON + 2: 3, NOON + 3: 5, NOON + 4: 9, NOON + 5: 6, NOON + 6: 2})
    )

    assert burst.topic == "outage"
    assert NOON + 1 <= at(burst.start) <= NOON + 2
    assert at(burst.detected) <= NOON + 4
    assert at(burst.peak) == NOON + 4
    assert at(burst.end) >= NOON + 6
    assert burst.negative >= 25


def test_a_few_angry_messages_are_no_burst():
    assert find_bursts(day(outage=dict.fromkeys(range(NOON, NOON + FEWEST - 1), 1))) == []


def test_a_brand_that_is_always_scolded_needs_more_to_stand_out():
    assert find_bursts(day(usual=2, delay={NOON: 10})) == [], "12 in a minute where 2 are usual"
    [burst] = find_bursts(day(usual=2, delay={NOON: 60}))
    assert at(burst.peak) == NOON


def test_a_brand_of_which_nothing_is_known_does_not_begin_with_an_alarm():
    new = MIDNIGHT + timedelta(minutes=NOON)

    assert find_bursts(day(since=new, delay={NOON: 4, NOON + 1: 4, NOON + 2: 4})) == []


def test_what_comes_every_day_at_noon_is_no_burst_when_it_comes_today():
    def lunch(hour):
        return 600 if hour == 12 else 60

    today = {minute: (10 if NOON <= minute < NOON + 60 else 1) for minute in range(NOON + 60)}

    assert find_bursts(weeks(6, rate=lunch, hours=13, delay=today)) == []
    assert len(find_bursts(weeks(6, rate=lambda hour: 60, hours=13, delay=today))) == 1


def test_yesterdays_crisis_does_not_hide_todays():
    quiet = weeks(
        6, rate=lambda hour: 60, delay={NOON + minute: 20 for minute in range(10)}, usual=1
    )
    crisis = quiet.hours["delay"].copy()
    crisis[-24:] = 3000  # all of yesterday
    crisis[-168:-144] = 3000  # and of the same day a week ago

    assert len(find_bursts(quiet)) == 1
    assert (
        len(find_bursts(Traffic(quiet.start, quiet.minutes, {"delay": crisis}, quiet.since))) == 1
    )


def test_two_peaks_within_the_rest_are_one_burst_and_two_later_ones_are_two():
    def twice(apart):
        peak = dict.fromkeys(range(NOON, NOON + 3), 8)
        return day(usual=0.05, outage=peak | {minute + apart: 8 for minute in peak})

    assert len(find_bursts(twice(REST - 5))) == 1
    assert len(find_bursts(twice(4 * REST))) == 2


def test_a_crisis_of_hours_is_one_burst_until_it_ends_although_the_last_hours_look_like_it():
    [burst] = find_bursts(day(usual=0.25, outage=dict.fromkeys(range(NOON, NOON + 300), 5)))

    assert NOON + 290 <= at(burst.end) <= NOON + 310


def test_what_never_ends_becomes_the_usual():
    found = find_bursts(day(hours=48, usual=0.25, outage=dict.fromkeys(range(NOON, 48 * 60), 5)))

    assert len(found) == 1
    assert at(found[0].end) <= NOON + LONGEST


def test_topics_that_turn_hot_together_are_one_burst_and_one_much_later_is_another():
    noon, two = (
        dict.fromkeys(range(NOON, NOON + 200), 4),
        dict.fromkeys(range(NOON + 10, NOON + 60), 3),
    )
    alone = dict.fromkeys(range(NOON + 120, NOON + 150), 6)

    first, second = find_bursts(day(usual=0.1, outage=noon, staff=two, fraud=alone))

    assert (first.topic, set(first.topics)) == ("outage", {"outage", "staff"})
    assert (second.topic, set(second.topics)) == ("fraud", {"fraud"})


def test_a_burst_in_a_small_topic_is_found_in_a_loud_brand():
    traffic = day(usual=12, delay={}, fraud={})
    fraud = _spread(24 * 60, 0.02)
    fraud[NOON : NOON + 5] += 5

    [burst] = find_bursts(
        Traffic(traffic.start, {**traffic.minutes, "fraud": fraud}, traffic.hours, traffic.since)
    )

    assert (burst.topic, at(burst.start)) == ("fraud", NOON)


def test_the_future_changes_nothing_that_was_found():
    spikes = dict.fromkeys(range(NOON, NOON + 5), 9)
    now = find_bursts(day(hours=13, usual=0.2, outage=spikes))
    later = find_bursts(
        day(hours=24, usual=0.2, outage=spikes | dict.fromkeys(range(NOON + 240, NOON + 250), 90))
    )

    assert [each.detected for each in now] == [later[0].detected]
    assert len(later) == 2


def test_a_larger_burst_is_more_severe():
    small, large = (
        find_bursts(day(usual=0.2, outage=dict.fromkeys(range(NOON, NOON + length), count)))[0]
        for length, count in ((3, 5), (30, 40))
    )

    assert 1 <= small.severity < large.severity <= 10


@pytest.mark.parametrize("seed", [11, 12])
def test_planted_bursts_are_found_within_minutes_and_hardly_any_other(seed):
    """The full year's figures: `make bench-bursts`. The threshold was chosen on seed 1."""
    figures = evaluate_bursts(seed=seed, days=42)

    assert figures["planted"] >= 10
    assert figures["share_within_3_minutes"] >= 0.9, "a month is too short to tell 95 % from 90"
    assert figures["false_alarms_a_week"] <= 1
