"""The made-up week that the pictures of the console show."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta

from week import DAYS, brands_file, made_week

from stream.brands import brands_of

END = datetime(2026, 11, 29, 16, 0, tzinfo=UTC)


def test_the_same_end_gives_the_same_week_and_nothing_lies_outside_of_it():
    week = made_week(END)

    assert week == made_week(END)
    assert week != made_week(END, seed=2)
    moments = [event.occurred_at for event in week.events] + [act.at for act in week.acts]
    assert END - timedelta(days=DAYS) <= min(moments)
    assert max(moments) < END


def test_what_is_open_came_in_the_last_hours_and_the_worst_a_moment_ago():
    week = made_week(END)
    resolved = {act.ticket for act in week.acts if act.action == "resolve"}
    latest = {event.conversation: event for event in week.events if event.direction == "inbound"}
    waiting = [event for id, event in latest.items() if id not in resolved]

    assert min(event.occurred_at for event in waiting) > END - timedelta(hours=12)
    assert len([event for event in waiting if "insulin" in event.text]) == 1
    alone = [event for event in waiting if "insulin" in event.text or "smoking" in event.text]
    assert all(END - event.occurred_at < timedelta(minutes=15) for event in alone)


def test_the_week_has_the_same_hours_whenever_it_ends():
    def at_night(end):
        nights = [
            (event.occurred_at - end).total_seconds() / 3600 % 24 for event in made_week(end).events
        ]
        return sum(9 <= hour <= 14 for hour in nights) / len(nights)

    shares = [at_night(END + timedelta(hours=hours)) for hours in (0, 7, 13)]
    assert max(shares) < 0.12, "the night lies nine hours behind the end"


def test_every_slot_is_filled_every_brand_is_known_and_acts_follow_what_they_are_about():
    week = made_week(END)
    brands = brands_of(tomllib.loads(brands_file())["brand"], "the week")

    assert {event.brand for event in week.events} == {brand.name for brand in brands}
    assert not [event.text for event in week.events if "{" in event.text]
    began = {event.id: event.occurred_at for event in week.events if event.id == event.conversation}
    assert all(began[act.ticket] < act.at for act in week.acts)
    first = [event.text for event in week.events if event.id in began]
    assert len(set(first)) > len(first) / 2, "people do not all write the same words"
