"""The burst rule, as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stream.bursts import FEWEST, find_bursts

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
MORNING = NOON - timedelta(hours=5)


def minutes(*counts: int, start: datetime = NOON) -> dict[datetime, int]:
    return {start + timedelta(minutes=at): count for at, count in enumerate(counts) if count}


def test_an_outage_after_a_quiet_morning_is_one_burst_with_its_start_and_peak():
    [burst] = find_bursts(minutes(0, 1, 3, 5, 9, 6, 2), MORNING)

    assert burst.start == NOON + timedelta(minutes=1)
    assert burst.peak == NOON + timedelta(minutes=4)
    assert burst.end == NOON + timedelta(minutes=6)
    assert burst.negative == 26


def test_a_few_angry_messages_are_no_burst():
    assert find_bursts(minutes(*[1] * (FEWEST - 1)), MORNING) == []


def test_a_brand_that_is_always_scolded_needs_more_to_stand_out():
    usual = minutes(*[2] * 240)

    assert find_bursts({**usual, NOON + timedelta(minutes=235): 10}, NOON) == [], "28 where 20 are usual"
    later = NOON + timedelta(minutes=235)
    [burst] = find_bursts({**usual, later: 60}, NOON)
    assert burst.peak == later


def test_a_brand_of_which_nothing_is_known_needs_three_times_as_many():
    assert find_bursts(minutes(4, 4, 4), NOON) == []
    assert len(find_bursts(minutes(10, 10, 10), NOON)) == 1


def test_two_peaks_within_the_rest_are_one_burst_and_two_days_are_two():
    first = minutes(5, 5)
    again = minutes(5, 5, start=NOON + timedelta(minutes=25))
    tomorrow = minutes(5, 5, start=NOON + timedelta(days=1))

    assert len(find_bursts({**first, **again}, MORNING)) == 1
    assert len(find_bursts({**first, **tomorrow}, MORNING)) == 2


def test_a_larger_burst_is_more_severe():
    small, large = find_bursts(minutes(4, 4), MORNING)[0], find_bursts(minutes(40, 40, 40), MORNING)[0]

    assert 1 <= small.severity < large.severity <= 10
