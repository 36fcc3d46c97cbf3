"""Topics that rise: against their own hours, not against other topics."""

from __future__ import annotations

from stream.monitor.trending import PAST_HOURS, trending_topics

DAILY = [2 if hour % 24 < 7 else 10 for hour in range(PAST_HOURS)]  # nights are quiet


def test_a_topic_that_triples_rises_and_one_that_is_always_large_does_not():
    told = trending_topics(
        {"baggage": [*DAILY, 6], "billing": [*[200] * PAST_HOURS, 205]}, known=0, window=1
    )

    assert [each.topic for each in told] == ["baggage"]
    assert told[0].messages == 6
    assert told[0].times > 2  # against two in this hour of the night
    assert told[0].course[-1] == 6
    assert len(told[0].course) == 24


def test_a_day_is_judged_as_a_whole():
    hours = {
        "delay": [*DAILY, *(3 * count for count in DAILY[:24])],
        "network": [*DAILY, *DAILY[:24]],
    }

    [told] = trending_topics(hours, known=0, window=24)
    assert (told.topic, told.messages) == ("delay", 3 * sum(DAILY[:24]))


def test_the_first_hours_of_all_and_a_handful_of_messages_raise_nothing():
    quiet = [0] * PAST_HOURS
    assert trending_topics({"new": [*quiet, 50]}, known=PAST_HOURS - 2, window=1) == []
    assert trending_topics({"rare": [*quiet, 4]}, known=0, window=1) == []
    assert [
        each.topic
        for each in trending_topics({"new": [*quiet, 50]}, known=PAST_HOURS - 12, window=1)
    ] == ["new"]
